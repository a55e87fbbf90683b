//! What calendars that subscribe are told: the turns of one engineer, or every shift of a duty.
//!
//! Called by `web::calendar_feeds`. Past days are as they were served, coming ones as they are planned; no rule of its own.

use super::people::{By, PeopleError, one_line};
use super::{App, Instance, day};
use crate::clock::real_now;
use crate::store::access::{self, CalendarFeed, FeedOf, Secret, Told, ToldEvent};
use crate::store::{Reader, StoreError, Tx, hex};
use crate::texts::icalendar::{self, CalendarEvent};
use jiff::{Span, Timestamp};
use onduty_core::calendar;
use onduty_core::ids::{DutyId, EngineerId};
use onduty_core::logbook::AccessEvent;
use onduty_core::roster::{Duty, Engineer, Roster};
use onduty_core::schedule::{self, Shift, ShiftOrigin};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// How far back a feed goes, in days.
const DAYS_BACK: i64 = 30;
/// How far ahead a feed goes, in months.
const MONTHS_AHEAD: i64 = 12;
/// How many feeds an account or a duty may have.
const MOST_FEEDS: usize = 20;

/// What a feed says at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// As iCalendar.
    pub text: String,
    /// Since when it has said so, in real time.
    pub changed_at: Timestamp,
}

/// What is to be told.
struct Telling {
    name: String,
    events: Vec<CalendarEvent>,
}

impl App {
    /// What the feed that `secret` opens says now; none where it opens nothing, or nothing any more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn calendar(&self, secret: &Secret) -> Result<Option<Calendar>, StoreError> {
        let (instance, now, real_now) = (self.instance(), self.clock.duty_now(), real_now());
        let mut reader = self.store.read().await?;
        let Some(feed) = access::calendar_feed_of(&mut reader, secret).await? else { return Ok(None) };
        let Some(telling) = telling(&mut reader, &instance, &feed, now).await? else { return Ok(None) };
        let before = access::told_by(&mut reader, &feed.id).await?;
        drop(reader);
        let told = told(&telling.events, before.as_ref(), real_now);
        let is_new = before.as_ref() != Some(&told);
        if is_new || feed.wants_touch(real_now) {
            let written = self.write_reading(&feed, is_new.then_some(&told), real_now).await;
            if let Err(error) = written {
                // Whoever reads is told what is so; the next reader is told again that it is new.
                tracing::warn!(error = &error as &dyn std::error::Error, "the reading of a calendar feed was not kept");
            }
        }
        let changed_at =
            |event: &CalendarEvent| told.events.get(&event.uid).map_or(told.changed_at, |known| known.since);
        let events = telling.events.iter().map(|event| (event, changed_at(event)));
        Ok(Some(Calendar { text: icalendar::calendar(&telling.name, events), changed_at: told.changed_at }))
    }

    async fn write_reading(
        &self,
        feed: &CalendarFeed,
        told: Option<&Told>,
        real_now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        match told {
            Some(told) => access::tell_calendar_feed(&mut tx, &feed.id, told, real_now).await?,
            None => access::touch_calendar_feed(&mut tx, &feed.id, real_now).await?,
        }
        tx.commit().await
    }

    /// Makes a calendar feed.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn make_calendar_feed(&self, by: &By, of: &FeedOf, name: &str) -> Result<(Secret, String), PeopleError> {
        let name = one_line(name, 80);
        if name.is_empty() {
            let what = "say which calendar reads it, so that it can be revoked later";
            return Err(PeopleError::BadInput(what.to_owned()));
        }
        let mut tx = self.store.begin().await?;
        if access::calendar_feeds(&mut tx, of).await?.len() >= MOST_FEEDS {
            return Err(PeopleError::Refused(format!("there are {MOST_FEEDS} calendar feeds already; revoke some")));
        }
        let event = match of {
            FeedOf::Account(account) => {
                let account = access::get(&mut tx, account).await?.ok_or(PeopleError::Nothing("account"))?;
                let roster = &self.instance().roster;
                if !account.engineer.as_ref().is_some_and(|engineer| roster.engineers.contains_key(engineer)) {
                    return Err(PeopleError::Refused("who is on no roster has no turns to read".to_owned()));
                }
                AccessEvent::CalendarFeedMade { whom: account.name, name: name.clone() }
            }
            FeedOf::Duty(duty) => AccessEvent::DutyFeedMade { duty: duty.clone(), name: name.clone() },
        };
        let made = access::add_calendar_feed(&mut tx, of, &name, real_now()).await?;
        self.audit(&mut tx, Some(&by.engineer), event).await?;
        tx.commit().await?;
        Ok(made)
    }

    /// Takes a calendar feed of a duty back.
    ///
    /// # Errors
    /// See [`PeopleError`].
    pub async fn revoke_duty_feed(&self, by: &By, duty: &DutyId, id: &str) -> Result<(), PeopleError> {
        let mut tx = self.store.begin().await?;
        if let Some(name) = revoke(&mut tx, &FeedOf::Duty(duty.clone()), id).await? {
            self.audit(&mut tx, Some(&by.engineer), AccessEvent::DutyFeedRevoked { duty: duty.clone(), name }).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

/// Takes a feed back; its name, where it was in force.
pub(super) async fn revoke(tx: &mut Tx, of: &FeedOf, id: &str) -> Result<Option<String>, PeopleError> {
    let known = access::calendar_feeds(tx, of).await?;
    let known = known.into_iter().find(|feed| feed.id == id).ok_or(PeopleError::Nothing("calendar feed"))?;
    Ok(access::revoke_calendar_feed(tx, id, real_now()).await?.then_some(known.name))
}

/// What a feed has to tell; none where its duty is gone, or its engineer has left.
async fn telling(
    reader: &mut Reader,
    instance: &Instance,
    feed: &CalendarFeed,
    now: Timestamp,
) -> Result<Option<Telling>, StoreError> {
    let roster = &instance.roster;
    match &feed.of {
        FeedOf::Duty(duty) => {
            let Some(duty) = roster.duty(duty) else { return Ok(None) };
            let mut events = Vec::new();
            for shift in shifts(reader, instance, duty, now).await? {
                let whose = shift.engineer.as_ref().map_or("nobody yet", |engineer| roster.name_of(engineer));
                events.push(event(instance, feed, duty, &shift, format!("{}: {whose}", duty.name), false));
            }
            Ok(Some(Telling { name: duty.name.clone(), events }))
        }
        FeedOf::Account(account) => {
            let account = access::get(reader, account).await?;
            let engineer = account.and_then(|account| roster.engineers.get(&account.engineer?));
            let Some(engineer) = engineer.filter(|engineer| !has_left_all(instance, engineer, now)) else {
                return Ok(None);
            };
            let mut events = Vec::new();
            for duty in &roster.duties {
                for shift in shifts(reader, instance, duty, now).await? {
                    if let Some(summary) = part_of(&engineer.id, &shift, duty, roster) {
                        events.push(event(instance, feed, duty, &shift, summary, true));
                    }
                }
            }
            events.sort_by(|a, b| (a.starts, &a.uid).cmp(&(b.starts, &b.uid)));
            Ok(Some(Telling { name: format!("On duty: {}", engineer.name), events }))
        }
    }
}

/// What `engineer` has to do in a shift: serve it, or be beside whoever does.
fn part_of(engineer: &EngineerId, shift: &Shift, duty: &Duty, roster: &Roster) -> Option<String> {
    if shift.engineer.as_ref() == Some(engineer) {
        return Some(format!("On duty: {}", duty.name));
    }
    let whose = shift.engineer.as_ref().map_or("nobody yet", |id| roster.name_of(id));
    let is = |who: Option<&EngineerId>| who == Some(engineer);
    let beside = is(shift.buddy()).then(|| format!("Beside {whose}: {}", duty.name));
    beside.or_else(|| is(shift.shadow()).then(|| format!("Watching {whose}: {}", duty.name)))
}

/// Whether the last day at work is over wherever there is a duty.
fn has_left_all(instance: &Instance, engineer: &Engineer, now: Timestamp) -> bool {
    instance.roster.duties.iter().all(|duty| engineer.has_left(calendar::day_of(duty, now)))
}

async fn shifts(
    reader: &mut Reader,
    instance: &Instance,
    duty: &Duty,
    now: Timestamp,
) -> Result<Vec<Shift>, StoreError> {
    let board = day::load_board(reader, &duty.id).await?;
    let today = calendar::day_of(duty, now);
    let from = today.saturating_sub(Span::new().days(DAYS_BACK));
    let to = today.saturating_add(Span::new().months(MONTHS_AHEAD));
    let mut shifts = schedule::plan(&instance.roster, duty, board.known(), from, to);
    // Who should have served while onduty was not there is nothing that happened.
    shifts.retain(|shift| shift.day >= today || shift.origin == ShiftOrigin::Served);
    Ok(shifts)
}

fn event(
    instance: &Instance,
    feed: &CalendarFeed,
    duty: &Duty,
    shift: &Shift,
    summary: String,
    is_busy: bool,
) -> CalendarEvent {
    let (starts, ends) = calendar::working_hours(duty, shift.day);
    let url = instance.config.server.public_url.as_ref();
    CalendarEvent {
        // The feed's id is like no other in the world, and stays when the server's address changes.
        uid: format!("{}-{}@{}", duty.id, shift.day, feed.id),
        starts,
        ends,
        summary,
        is_busy,
        url: url.map(|url| format!("{}/log?duty={}&day={}", url.text, duty.id, shift.day)),
    }
}

/// What readers know from now on: each event since when it has been as it is, and all of them since the last that came,
/// went or became different.
fn told(events: &[CalendarEvent], before: Option<&Told>, real_now: Timestamp) -> Told {
    let known = |uid: &str| before.and_then(|before| before.events.get(uid));
    let events: BTreeMap<String, ToldEvent> = events
        .iter()
        .map(|event| {
            let hash = hash_of(event);
            let since = known(&event.uid).filter(|known| known.hash == hash).map_or(real_now, |known| known.since);
            (event.uid.clone(), ToldEvent { hash, since })
        })
        .collect();
    let changed_at = before.filter(|before| before.events == events).map_or(real_now, |before| before.changed_at);
    Told { events, changed_at }
}

fn hash_of(event: &CalendarEvent) -> String {
    let text = icalendar::event(event, Timestamp::UNIX_EPOCH);
    // Half of it is plenty to tell two texts of one event apart.
    hex(&Sha256::digest(text.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn event(day: &str, summary: &str) -> CalendarEvent {
        CalendarEvent {
            uid: format!("developers-{day}@f1"),
            starts: at(&format!("{day}T08:00:00Z")),
            ends: at(&format!("{day}T18:00:00Z")),
            summary: summary.to_owned(),
            is_busy: true,
            url: None,
        }
    }

    #[test]
    fn only_what_became_different_is_new() {
        let (first, second, third) =
            (at("2026-03-02T09:00:00Z"), at("2026-03-02T10:00:00Z"), at("2026-03-02T11:00:00Z"));
        let [monday, tuesday] = [event("2026-03-02", "Lena"), event("2026-03-03", "Omar")];
        let begin = told(&[monday.clone(), tuesday.clone()], None, first);
        assert!(begin.changed_at == first && begin.events.values().all(|event| event.since == first));
        assert_eq!(told(&[monday.clone(), tuesday.clone()], Some(&begin), second), begin);

        let swapped = [monday.clone(), event("2026-03-03", "Priya")];
        let after = told(&swapped, Some(&begin), second);
        let since: Vec<Timestamp> = after.events.values().map(|event| event.since).collect();
        assert_eq!((since, after.changed_at), (vec![first, second], second));
        // What goes changes the calendar, though no event that stays.
        let gone = told(&[monday], Some(&after), third);
        assert_eq!((gone.events.len(), gone.changed_at), (1, third));
        assert!(gone.events.values().all(|event| event.since == first));
    }

    #[test]
    fn hours_and_names_and_addresses_are_part_of_an_event() {
        let one = event("2026-03-02", "Lena");
        let mut others = vec![one.clone(); 4];
        others[0].ends = at("2026-03-02T17:00:00Z");
        others[1].summary = "Omar".to_owned();
        others[2].url = Some("https://onduty.acme.example".to_owned());
        others[3].is_busy = false;
        assert!(others.iter().all(|other| hash_of(other) != hash_of(&one)));
        assert_eq!(hash_of(&one.clone()), hash_of(&one));
    }
}
