//! `sources: {newrelic: …}` and `sources: {datadog: …}`: services that keep response times, and are asked with keys.

use super::secrets::{self, Keys};
use super::values::tracker_address;
use super::{DatadogSource, EgressRules, NewRelicSource};
use onduty_core::files::{Fields, Node, Place, Problems, Value};
use std::path::Path;

/// Where agents of New Relic have the status of an answer.
const STATUS_ATTRIBUTE: &str = "httpResponseCode";
/// What Datadog's tracers call the status of an answer.
const STATUS_TAG: &str = "http.status_code";
const ENDPOINT_TAGS: [&str; 2] = ["service", "resource_name"];
/// Sites of Datadog; each is an organisation's home.
const SITES: [&str; 8] = [
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "ddog-gov.com",
    "us2.ddog-gov.com",
];
/// Letters of names, at most.
const LONGEST: usize = 200;
/// Tags that an endpoint is made of, at most.
const MOST_TAGS: usize = 8;
/// Applications that are named, at most.
const MOST_APPLICATIONS: usize = 100;

/// Reads the node under `sources: {newrelic: …}`.
pub fn new_relic(node: &Node, base: &Path, rules: &EgressRules, problems: &mut Problems) -> Option<NewRelicSource> {
    let what = "the source `newrelic`";
    let mut fields = Fields::of(node, what, problems)?;
    if !fields.has("account") {
        problems.add(node.place, format!("{what} has no `account`"), "write its number, such as `account: 1234567`");
    }
    let account = fields.number("account", 1, i64::MAX, problems);
    let region = fields.text("region", problems);
    let url = fields.text("url", problems);
    let key = secrets::read_as(Keys::TOKEN, &mut fields, what, base, problems);
    let applications = fields.texts("applications", problems);
    let status = fields.text("status_attribute", problems);
    fields.finish(problems);

    let home = match region.as_ref().map(|(region, place)| (region.as_str(), place)) {
        None | Some(("us", _)) => "https://api.newrelic.com/graphql",
        Some(("eu", _)) => "https://api.eu.newrelic.com/graphql",
        Some((other, place)) => {
            problems.add(*place, format!("`{other}` is no region of New Relic"), "write `us` or `eu`");
            return None;
        }
    };
    if let Some((_, place)) = applications.get(MOST_APPLICATIONS) {
        problems.add(*place, format!("more than {MOST_APPLICATIONS} applications"), "leave them out to ask for all");
    }
    for (name, place) in &applications {
        if !is_short(name) {
            let mend = format!("write its name, at most {LONGEST} letters");
            problems.add(*place, "this cannot be the name of an application", mend);
        }
    }
    if let Some((name, place)) = status.as_ref().filter(|(name, _)| !is_name(name)) {
        problems.add(*place, format!("`{name}` cannot be an attribute"), "write it as it stands in queries");
    }
    let url = match url {
        Some((url, place)) => tracker_address(&url, place, rules, problems)?,
        None => home.to_owned(),
    };
    Some(NewRelicSource {
        url,
        key: key?,
        account: u64::try_from(account?).ok()?,
        applications: applications.into_iter().map(|(name, _)| name).collect(),
        status: status.map_or_else(|| STATUS_ATTRIBUTE.to_owned(), |(name, _)| name),
    })
}

/// Reads the node under `sources: {datadog: …}`.
pub fn datadog(node: &Node, base: &Path, rules: &EgressRules, problems: &mut Problems) -> Option<DatadogSource> {
    let what = "the source `datadog`";
    let mut fields = Fields::of(node, what, problems)?;
    let site = fields.text("site", problems);
    let url = fields.text("url", problems);
    let api_key = secrets::read_as(Keys::API_KEY, &mut fields, what, base, problems);
    let application_key = secrets::read_as(Keys::APPLICATION_KEY, &mut fields, what, base, problems);
    let mend = "write a distribution, such as `metric: trace.http.request`; the tracer's operation is in its name";
    let metric = fields.required_text("metric", mend, problems);
    let tags = fields.texts("endpoint_tags", problems);
    let status = fields.text("status_tag", problems);
    let mut filter = Vec::new();
    for (tag, place, node) in fields.map("filter", problems) {
        match &node.value {
            Value::Text(value) if is_name(tag) && is_name(value) => filter.push((tag.clone(), value.clone())),
            _ => problems.add(*place, format!("the tag `{tag}` cannot be asked for"), TAG),
        }
    }
    fields.finish(problems);

    if let Some((site, place)) = site.as_ref().filter(|(site, _)| !SITES.contains(&site.as_str())) {
        problems.add(*place, format!("`{site}` is no site of Datadog"), format!("write one of {}", SITES.join(", ")));
        return None;
    }
    let named: Vec<&(String, Place)> = metric.iter().chain(&tags).chain(&status).collect();
    for (name, place) in named {
        if !is_name(name) {
            problems.add(*place, format!("`{name}` cannot be a metric or a tag"), TAG);
        }
    }
    let status = status.map_or_else(|| STATUS_TAG.to_owned(), |(tag, _)| tag);
    for (at, (tag, place)) in tags.iter().enumerate() {
        if tags[..at].iter().any(|(other, _)| other == tag) {
            problems.add(*place, format!("`{tag}` is there twice"), "write each tag once");
        } else if *tag == status {
            let mend = "leave it out: requests that failed are told apart already";
            problems.add(*place, format!("`{tag}` is the `status_tag` as well"), mend);
        }
    }
    if let Some((_, place)) = tags.get(MOST_TAGS) {
        problems.add(*place, format!("more than {MOST_TAGS} tags"), "write those that tell endpoints apart");
    }
    let url = match url {
        Some((url, place)) => tracker_address(&url, place, rules, problems)?,
        None => format!("https://api.{}", site.as_ref().map_or(SITES[0], |(site, _)| site)),
    };
    let tags: Vec<String> = tags.into_iter().map(|(tag, _)| tag).collect();
    Some(DatadogSource {
        url,
        api_key: api_key?,
        application_key: application_key?,
        metric: metric?.0,
        endpoint_tags: if tags.is_empty() { ENDPOINT_TAGS.map(str::to_owned).to_vec() } else { tags },
        status_tag: status,
        filter,
    })
}

const TAG: &str = "write letters, digits and `_ . - / :`, as it stands in queries";

/// What may stand in a query as it is.
fn is_name(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-/:".contains(&byte))
}

fn is_short(text: &str) -> bool {
    (1..=LONGEST).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}
