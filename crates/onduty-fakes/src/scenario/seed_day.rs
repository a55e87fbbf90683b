//! The smallest day that has everything: main red and green again, an error on staging, one in production.
//!
//! For tests: each act is called when the test wants it, at the world's time of that moment.

use super::commits::{invented, mend, three_changes};
use super::{CHECKS, Work};
use crate::delivery::Sent;
use crate::github::{DeploymentState, PushedCommit};
use crate::random::Random;
use crate::sample::{ID_BOOKING, ID_SMS, PROJECT, RepositoryError, SampleRepository, named_error};
use crate::world::World;
use std::sync::{Mutex, PoisonError};

/// The smallest day.
#[derive(Debug)]
pub struct SeedDay {
    world: World,
    repository: Option<Mutex<SampleRepository>>,
    random: Mutex<Random>,
}

/// The smallest day in `world`.
pub fn seed_day(world: &World) -> SeedDay {
    SeedDay { world: world.clone(), repository: None, random: Mutex::new(Random::new(1)) }
}

impl SeedDay {
    /// Pushes become real commits in `repository`; main starts from its head.
    pub fn with_repository(mut self, repository: SampleRepository) -> SeedDay {
        self.world.github().main().starts_from(repository.head().clone());
        self.repository = Some(Mutex::new(repository));
        self
    }

    /// The tracker lists that it has nothing, and all checks of main pass.
    pub async fn begins(&self) -> Sent {
        let mut sent = self.world.tracker().list_all(true).await;
        sent.then(self.main_is_green().await);
        sent
    }

    /// All checks of main pass.
    pub async fn main_is_green(&self) -> Sent {
        let mut sent = Sent::default();
        for check in CHECKS {
            sent.then(self.world.github().main().passes(check).await);
        }
        sent
    }

    /// Three changes are pushed, then the unit tests fail.
    ///
    /// # Errors
    /// When the commits cannot be made.
    pub async fn main_turns_red(&self) -> Result<Sent, RepositoryError> {
        let mut sent = self.pushes(Work::Written(three_changes())).await?;
        sent.then(self.world.github().main().fails("unit tests").await);
        Ok(sent)
    }

    /// A mend is pushed, then all checks pass.
    ///
    /// # Errors
    /// When the commit cannot be made.
    pub async fn main_turns_green(&self) -> Result<Sent, RepositoryError> {
        let mut sent = self.pushes(Work::Written(mend())).await?;
        sent.then(self.main_is_green().await);
        Ok(sent)
    }

    /// Ordinary work is pushed; nothing is checked yet.
    ///
    /// # Errors
    /// When the commits cannot be made.
    pub async fn work_is_pushed(&self, commits: usize) -> Result<Sent, RepositoryError> {
        self.pushes(Work::Routine(commits)).await
    }

    /// `Timeout in booking#create`, new on staging.
    pub async fn staging_error(&self) -> Sent {
        self.appears(ID_BOOKING).await
    }

    /// Somebody resolves it in the tracker.
    pub async fn staging_error_is_resolved(&self) -> Sent {
        self.world.tracker().resolve(PROJECT, ID_BOOKING).await
    }

    /// `undefined method 'gsub' for nil in sms/format`, in production, nobody's.
    pub async fn production_error(&self) -> Sent {
        self.appears(ID_SMS).await
    }

    /// Somebody is given it in the tracker.
    pub async fn production_error_is_assigned(&self, email: &str) -> Sent {
        self.world.tracker().assign(PROJECT, ID_SMS, Some(email)).await
    }

    /// The team's own pipeline rolls main out, and it arrives.
    pub async fn pipeline_rolls_out(&self, environment: &str) -> Sent {
        let home = self.world.github().home();
        let revision = self.world.github().main().head();
        let (id, mut sent) = home.rollout_starts(environment, &revision, "ines-acme").await;
        sent.then(home.rollout_becomes(id, DeploymentState::Success).await);
        sent
    }

    /// The tracker gives a sign of life.
    pub async fn tracker_is_alive(&self) -> Sent {
        self.world.tracker().contact().await
    }

    async fn appears(&self, id: &str) -> Sent {
        let release = self.world.github().main().head();
        match named_error(id, self.world.now(), Some(&release)) {
            Some(group) => self.world.tracker().raise(group).await,
            None => Sent::default(),
        }
    }

    async fn pushes(&self, work: Work) -> Result<Sent, RepositoryError> {
        let commits = self.commits(&work)?;
        Ok(self.world.github().main().push(&commits).await)
    }

    fn commits(&self, work: &Work) -> Result<Vec<PushedCommit>, RepositoryError> {
        let now = self.world.now();
        let Some(repository) = &self.repository else {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(invented(work, &mut random, now));
        };
        let mut repository = repository.lock().unwrap_or_else(PoisonError::into_inner);
        match work {
            Work::Routine(count) => repository.append_routine(*count, now),
            Work::Written(commits) => repository.append(commits, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::tests::connected;
    use jiff::SignedDuration;
    use serde_json::json;

    #[tokio::test]
    async fn every_act_can_be_called_by_itself() {
        let (world, _) = connected().await;
        let day = seed_day(&world);
        let begins = day.begins().await;
        assert!(begins.accepted());
        assert_eq!(begins.events()[..2], ["contact", "check_run"], "no errors: nothing to list");

        world.set_now(world.now() + SignedDuration::from_mins(30));
        let red = day.main_turns_red().await.unwrap();
        assert_eq!(red.body_of("push")["commits"].as_array().map(Vec::len), Some(3));
        assert_eq!(red.body_of("push")["commits"][1]["modified"], json!(["spec/models/booking_spec.rb"]));
        assert_eq!(red.0.last().unwrap().json()["workflow_run"]["conclusion"], "failure");

        world.set_now(world.now() + SignedDuration::from_mins(30));
        let green = day.main_turns_green().await.unwrap();
        assert_eq!(green.0.last().unwrap().json()["workflow_run"]["conclusion"], "success");

        let staging = day.staging_error().await.body_of("error");
        assert_eq!(
            (&staging["environment"], &staging["release"]),
            (&json!("staging"), &json!(world.github().main().head()))
        );
        assert_eq!(day.staging_error_is_resolved().await.body_of("error")["status"], "resolved");
        let production = day.production_error().await.body_of("error");
        assert_eq!((&production["environment"], &production["assignee"]), (&json!("production"), &json!(null)));
        let assigned = day.production_error_is_assigned("layla@acme.example").await.body_of("error");
        assert_eq!(assigned["assignee"], "layla@acme.example");
        let rollout = day.pipeline_rolls_out("production").await;
        assert_eq!(rollout.events(), ["deployment", "deployment_status", "deployment_status"]);
        assert!(day.tracker_is_alive().await.accepted());
    }
}
