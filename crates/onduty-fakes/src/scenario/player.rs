//! Plays a scenario as its time comes.
//!
//! Driven by the demo's duty clock: events that were due on the way are played in order, each at its own time on the
//! world's clock. Appending commits runs git for a few milliseconds on the calling task.

use super::commits::invented;
use super::{Act, Event, Scenario, Work};
use crate::delivery::Sent;
use crate::github::PushedCommit;
use crate::random::Random;
use crate::sample::{PROJECT, RepositoryError, SampleRepository};
use crate::world::World;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// When, on the world's clock.
    pub at: Timestamp,
    /// One line for people.
    pub title: String,
    /// What was sent, with the receiver's answers.
    pub sent: Sent,
}

/// Plays one scenario in one world.
#[derive(Debug)]
pub struct Player {
    world: World,
    events: VecDeque<Event>,
    heartbeat: SignedDuration,
    next_heartbeat: Option<Timestamp>,
    repository: Option<SampleRepository>,
    rollouts: BTreeMap<String, u64>,
    random: Random,
}

impl Player {
    /// A player who has not begun.
    pub fn new(world: World, scenario: Scenario) -> Player {
        let seed = scenario.events.len() as u64;
        Player {
            world,
            events: scenario.events.into(),
            heartbeat: scenario.heartbeat.max(SignedDuration::from_secs(1)),
            next_heartbeat: None,
            repository: None,
            rollouts: BTreeMap::new(),
            random: Random::new(seed),
        }
    }

    /// Pushes become real commits in `repository`; main starts from its head.
    pub fn with_repository(mut self, repository: SampleRepository) -> Player {
        self.world.github().main().starts_from(repository.head().clone());
        self.repository = Some(repository);
        self
    }

    /// Another day follows, after what is still to come.
    pub fn continue_with(&mut self, scenario: Scenario) {
        scenario.events.into_iter().for_each(|event| self.insert(event));
    }

    /// When something happens next, a sign of life included; `None` when the day is over and nothing ever began.
    pub fn next_due(&self) -> Option<Timestamp> {
        let event = self.events.front().map(|event| event.at);
        [event, self.next_heartbeat].into_iter().flatten().min()
    }

    /// Plays everything that is due until `now`, in order, and gives what happened; signs of life are sent but not
    /// listed. Afterwards it is `now` in the world.
    ///
    /// # Errors
    /// When a commit cannot be made; what was due after it is played by the next call.
    pub async fn play_until(&mut self, now: Timestamp) -> Result<Vec<Played>, RepositoryError> {
        let mut played = Vec::new();
        while let Some(at) = self.next_due().filter(|at| *at <= now) {
            self.world.set_now(at);
            if self.next_heartbeat == Some(at) {
                self.next_heartbeat = Some(at + self.heartbeat);
                let sent = self.world.tracker().contact().await;
                tracing::trace!(%at, statuses = ?sent.statuses(), "sent a sign of life");
            } else if let Some(event) = self.events.pop_front() {
                let sent = self.play(event.act, at).await?;
                tracing::debug!(%at, title = event.title, statuses = ?sent.statuses(), "something happened");
                played.push(Played { at, title: event.title, sent });
            }
        }
        self.world.set_now(now);
        let late = self.world.deliver_due().await;
        tracing::trace!(count = late.0.len(), "delivered what was delayed");
        Ok(played)
    }

    /// Customers are happier after a rollout to production at `at`: within a quarter of an hour errors end that the
    /// day's work mended, and the world says so.
    pub fn rolled_out_to_production(&mut self, at: Timestamp) {
        for (id, minutes) in [("SHOP-4102", 4), (crate::sample::ID_SMS, 7), (crate::sample::ID_BASKET, 11)] {
            let act = Act::ErrorResolved { project: PROJECT.to_owned(), id: id.to_owned() };
            let title = format!("{id} no longer happens");
            self.insert(Event { at: at + SignedDuration::from_mins(minutes), title, act });
        }
    }

    fn insert(&mut self, event: Event) {
        let place = self.events.partition_point(|known| known.at <= event.at);
        self.events.insert(place, event);
    }

    async fn play(&mut self, act: Act, at: Timestamp) -> Result<Sent, RepositoryError> {
        let world = self.world.clone();
        let (tracker, github) = (world.tracker(), world.github());
        Ok(match act {
            Act::Connects { old, live } => {
                old.iter().chain(&live).for_each(|group| tracker.knows(group.clone()));
                self.next_heartbeat = Some(at + self.heartbeat);
                let mut sent = tracker.list(&old, true).await;
                sent.then(tracker.list(&live, false).await);
                sent
            }
            Act::Pings => github.ping().await,
            Act::Pushes(work) => {
                let commits = self.commits(&work, at)?;
                github.main().push(&commits).await
            }
            Act::CheckStarts { branch: name, check } => github.home().branch(&name).starts(&check).await,
            Act::CheckEnds { branch: name, check, how } => github.home().branch(&name).concludes(&check, how).await,
            Act::ErrorAppears(mut group) => {
                group.release.get_or_insert_with(|| github.main().head());
                tracker.raise(group).await
            }
            Act::ErrorHappens { project, id, times } => tracker.happens(&project, &id, times).await,
            Act::ErrorResolved { project, id } => tracker.resolve(&project, &id).await,
            Act::RolloutStarts { environment, by } => {
                let revision = github.main().head();
                let (id, sent) = github.home().rollout_starts(&environment, &revision, &by).await;
                self.rollouts.insert(environment, id);
                sent
            }
            Act::RolloutEnds { environment, state } => match self.rollouts.remove(&environment) {
                Some(id) => github.home().rollout_becomes(id, state).await,
                None => Sent::default(),
            },
            Act::Signals(signal) => world.signals().send(&signal).await,
        })
    }

    fn commits(&mut self, work: &Work, at: Timestamp) -> Result<Vec<PushedCommit>, RepositoryError> {
        match (&mut self.repository, work) {
            (Some(repository), Work::Routine(count)) => repository.append_routine(*count, at),
            (Some(repository), Work::Written(commits)) => repository.append(commits, at),
            (None, work) => Ok(invented(work, &mut self.random, at)),
        }
    }
}

#[cfg(test)]
mod tests;
