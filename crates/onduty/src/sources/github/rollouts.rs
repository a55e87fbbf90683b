//! Deployments and their statuses: rollouts that the team's own pipeline makes. Called by [`super::decode`].

use super::{commit_id, line, malformed, need, observation, repository, wire, word};
use crate::sources::{Decoded, Ignored, SourceError, web_address};
use jiff::Timestamp;
use onduty_core::ids::Environment;
use onduty_core::signal::{Fact, RolloutFact, RolloutState};

pub(super) fn deployment(event: &wire::Event, received: Timestamp) -> Result<Decoded, SourceError> {
    let created = event.deployment.as_ref().and_then(|deployment| *deployment.created_at);
    let asked_at = created.map_or(received, |moment| moment.0);
    rollout(event, RolloutState::Requested, asked_at)
}

pub(super) fn deployment_status(event: &wire::Event, received: Timestamp) -> Result<Decoded, SourceError> {
    let status = need(&event.deployment_status, "deployment_status", "an object")?;
    let state = match status.state.as_deref() {
        Some("queued" | "pending" | "waiting") => RolloutState::Requested,
        Some("success") => RolloutState::Succeeded,
        Some("failure" | "error") => RolloutState::Failed,
        Some("inactive") => return Ok(Decoded::ignored(Ignored::Superseded)),
        // `in_progress`, and what GitHub may invent later: it has not ended.
        Some(_) => RolloutState::Running,
        None => return Err(malformed("deployment_status.state", "a state such as success")),
    };
    let time = status.updated_at.or(*status.created_at);
    rollout(event, state, time.map_or(received, |moment| moment.0))
}

fn rollout(event: &wire::Event, state: RolloutState, source_time: Timestamp) -> Result<Decoded, SourceError> {
    let (owner, repository) = repository(event)?;
    let deployment = need(&event.deployment, "deployment", "an object")?;
    let id = need(&deployment.id, "deployment.id", "a number")?.to_string();
    let status = event.deployment_status.as_ref();
    let environment = status.and_then(|status| line(&status.environment, 100));
    let environment = environment
        .or_else(|| line(&deployment.environment, 100))
        .ok_or_else(|| malformed("deployment.environment", "a name such as production"))?;
    let links = status.into_iter().flat_map(|status| [&status.log_url, &status.target_url, &status.environment_url]);
    let url = links.filter_map(|address| web_address(address.as_deref()?)).next();
    let page = || owner.html_url.as_deref().and_then(web_address).map(|page| format!("{page}/deployments"));
    let fact = RolloutFact {
        revision: commit_id(&deployment.sha, "deployment.sha")?,
        state,
        started_at: deployment.created_at.map_or(source_time, |moment| moment.0),
        finished_at: (!state.is_active()).then_some(source_time),
        by: deployment.creator.as_ref().and_then(|creator| word(&creator.login)),
        pressed: false,
        url: url.or_else(page),
        environment: Environment::new(environment.as_str()),
        repository: Some(repository.clone()),
        id: id.clone(),
    };
    let subject = format!("{repository} {environment} {id}");
    Ok(Decoded::seen(vec![observation(subject, Fact::Rollout(fact), source_time)]))
}
