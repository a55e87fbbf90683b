//! Every route with what it does, whom it is about and what it is for: the router, the OpenAPI document and the test of
//! the policy are made from this one table.

use super::auth::About;
use super::policy::Wish;
use super::{
    Web, acts, api, calendar_feeds, door, handshake, health, hooks, leave, live, openapi, pages, people, people_api,
    performance, plan, refresher, shifts, single_sign_on, suggestions, telemetry, walls, what_if, why_not,
};
use crate::server::Limits;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use std::sync::LazyLock;

/// One way in.
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// As axum writes it.
    pub path: &'static str,
    /// What the policy is asked.
    pub wish: Wish,
    /// Where it says which duty it is about.
    pub about: About,
    /// What it is for, in one line.
    pub summary: &'static str,
    handler: MethodRouter<Web>,
}

impl Route {
    /// Puts the route, behind its guard, into `router`.
    pub(super) fn mount(self, router: Router<Web>, web: &Web, limits: &Limits) -> Router<Web> {
        let bytes = if matches!(self.wish, Wish::Deliver | Wish::SendTelemetry) {
            limits.delivery_bytes
        } else {
            limits.body_bytes
        };
        let guard = super::auth::Guard {
            app: web.app.clone(),
            wish: self.wish,
            about: self.about,
            summary: self.summary,
            held: web.held.clone(),
        };
        let handler = self.handler.layer(DefaultBodyLimit::max(bytes));
        router.route(self.path, handler.layer(axum::middleware::from_fn_with_state(guard, super::auth::guard)))
    }
}

fn page(path: &'static str, wish: Wish, about: About, summary: &'static str, handler: MethodRouter<Web>) -> Route {
    Route { method: "GET", path, wish, about, summary, handler }
}

fn form(path: &'static str, wish: Wish, about: About, summary: &'static str, handler: MethodRouter<Web>) -> Route {
    Route { method: "POST", path, wish, about, summary, handler }
}

/// The pattern of each.
pub(super) fn patterns() -> &'static [&'static str] {
    static PATTERNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| all().iter().map(|route| route.path).collect());
    &PATTERNS
}

/// All of them.
pub fn all() -> Vec<Route> {
    use About::{CalendarFeed, Instance, Item, Path, Query, Wall};
    use Wish::{
        Ask, Deliver, Enter, Look, LookAtWall, MakeCalendarFeed, MakeToken, ManagePeople, ManageSelf, ManageWalls,
        PublishPlan, ReadCalendar, RollOut, RunDemo, SeePeople, SeeProposal, SeeSelf, SeeWalls, SendTelemetry, Work,
    };
    let mut routes = vec![
        page("/", Look, Query, "Today", get(pages::today)),
        page("/items/{id}", Look, Item, "An item", get(pages::item)),
        page("/log", Look, Query, "The log book", get(pages::log)),
        page("/log/{duty}/{file}", Look, Path, "A day of the log book as Markdown", get(pages::log_markdown)),
        page("/process", Look, Query, "The process", get(pages::process)),
        page("/team", Look, Query, "Who is next", get(pages::team)),
        page("/team/cover", Look, Query, "What it means that somebody else serves a day", get(shifts::cover)),
        page("/refresher", Look, Query, "What changed since one's last turn", get(refresher::page)),
        page("/handshake", Look, Query, "What is open here and there, and what is agreed", get(handshake::page)),
        page("/plan", Look, Query, "Who serves when, and everybody's part", get(plan::page)),
        page("/plan/proposal", SeeProposal, Query, "What a new plan would change", get(plan::proposal)),
        page("/plan/what-if", Look, Query, "What another team would mean", get(what_if::page)),
        page("/suggestions", Look, Query, "How often suggestions were right", get(suggestions::page)),
        page("/performance", Look, Query, "What a rollout did to response times", get(performance::page)),
        page("/performance/endpoint", Look, Query, "What rollouts did to an endpoint", get(performance::endpoint)),
        page("/rollout", Look, Query, "The gate, the button and the history", get(pages::rollout)),
        page("/events", Look, Query, "Live parts of the pages, as server-sent events", get(live::events)),
        page("/tv/{token}", LookAtWall, Wall, "The wall screen", get(walls::page)),
        page("/tv/{token}/events", LookAtWall, Wall, "Live parts of the wall screen", get(live::wall_events)),
        page("/calendar/{token}", ReadCalendar, CalendarFeed, "Turns as a calendar", get(calendar_feeds::calendar)),
        page("/welcome/{token}", Enter, Instance, "A link that signs in once", get(door::welcome)),
        form("/welcome/{token}", Enter, Instance, "Comes in by a link", post(door::come_in)),
        page("/sign-in", Enter, Instance, "Signs in", get(door::sign_in_page)),
        form("/sign-in", Enter, Instance, "Signs in by a password", post(door::sign_in)),
        page("/sign-in/single", Enter, Instance, "Goes to the provider that signs in", get(single_sign_on::begin)),
        page("/sign-in/callback", Enter, Instance, "Comes back from there", get(single_sign_on::end)),
        page("/assets/{file}", Enter, Instance, "Style, script and icon", get(asset)),
        page("/healthz", Enter, Instance, "Whether the engine runs and the store can be written", get(health::health)),
        page("/metrics", Look, Instance, "Counters, in the text format of Prometheus", get(health::metrics)),
        page("/api/openapi.json", Enter, Instance, "This list, as OpenAPI", get(openapi::document)),
        form("/items/{id}/{verb}", Work, Item, "Changes an item", post(acts::item)),
        form("/duty/{duty}/ask", Ask, Path, "Asks the one on duty", post(acts::ask)),
        form("/duty/{duty}/note", Work, Path, "Writes a note", post(acts::note)),
        form("/duty/{duty}/rollout", RollOut, Path, "Presses the button", post(acts::roll_out)),
        form("/duty/{duty}/rollouts/{id}/resolve", RollOut, Path, "Says how a lost rollout ended", post(acts::resolve)),
        form("/duty/{duty}/shifts/{day}/{verb}", Work, Path, "Changes who serves a day", post(shifts::change)),
        form("/duty/{duty}/offers", Work, Path, "Offers a shift to the others", post(shifts::offer)),
        form("/duty/{duty}/leave", Work, Path, "Says that somebody is away", post(leave::tell)),
        form("/duty/{duty}/leave/{id}/end", Work, Path, "Takes leave back", post(leave::end)),
        form("/duty/{duty}/moves/seen", Work, Path, "Says that one knows of one's moved turns", post(plan::seen)),
        form("/duty/{duty}/refresher/read", Work, Path, "Says that one knows what changed", post(refresher::read)),
        form("/duty/{duty}/handshake/{with}", Work, Path, "Holds out a hand to another duty", post(handshake::shake)),
        form("/duty/{duty}/proposals", Work, Path, "Proposes something to another duty", post(handshake::propose)),
        form("/duty/{duty}/proposals/{id}/{answer}", Work, Path, "Answers a proposal", post(handshake::answer)),
        form("/duty/{duty}/plan/publish", PublishPlan, Path, "Lets a plan count", post(plan::publish_form)),
        form("/duty/{duty}/walls", ManageWalls, Path, "Makes a wall screen", post(acts::make_wall)),
        form("/duty/{duty}/walls/{id}/revoke", ManageWalls, Path, "Revokes a wall screen", post(acts::revoke_wall)),
        form(
            "/duty/{duty}/calendar-feeds",
            ManageWalls,
            Path,
            "Makes a calendar feed of a duty",
            post(calendar_feeds::make_of_duty),
        ),
        form(
            "/duty/{duty}/calendar-feeds/{id}/revoke",
            ManageWalls,
            Path,
            "Revokes a calendar feed of a duty",
            post(calendar_feeds::revoke_of_duty),
        ),
        form("/links", ManagePeople, Instance, "Makes a sign-in link", post(acts::make_link)),
        form("/sign-out", Look, Instance, "Signs out", post(door::sign_out)),
        page("/prove", SeeSelf, Instance, "Asks whether it is still the same person", get(door::prove_page)),
        form("/prove", ManageSelf, Instance, "Proves again who one is", post(door::prove)),
        page("/account", SeeSelf, Query, "One's own sessions and tokens", get(people::account)),
        form("/account/password", ManageSelf, Instance, "Changes one's password", post(people::change_password)),
        form("/account/sessions/{id}/end", ManageSelf, Instance, "Ends a session", post(people::end_own_session)),
        form("/account/tokens", MakeToken, Instance, "Makes a token for scripts", post(people::make_token)),
        form("/account/tokens/{id}/revoke", ManageSelf, Instance, "Revokes a token", post(people::revoke_own_token)),
        form(
            "/account/calendar-feeds",
            MakeCalendarFeed,
            Instance,
            "Makes a calendar feed of one's own turns",
            post(calendar_feeds::make_own),
        ),
        form(
            "/account/calendar-feeds/{id}/revoke",
            ManageSelf,
            Instance,
            "Revokes a calendar feed",
            post(calendar_feeds::revoke_own),
        ),
        page("/people", SeePeople, Query, "Every account and what it may do", get(people::people)),
        form("/people", ManagePeople, Instance, "Adds somebody who is on no roster", post(people::add_person)),
        page("/people/{id}", SeePeople, Query, "An account", get(people::person)),
        form("/people/{id}/{verb}", ManagePeople, Instance, "Changes what somebody may do", post(people::do_to)),
        page("/access-log", SeePeople, Query, "Who came in and who changed what", get(people::access_log)),
        form("/demo/clock", RunDemo, Instance, "Runs the demo's clock", post(acts::demo_clock)),
        form("/hooks/{source}", Deliver, Instance, "Takes a signed delivery", post(hooks::deliver)),
        form("/v1/traces", SendTelemetry, Instance, "Takes spans of OpenTelemetry", post(telemetry::traces)),
        form("/v1/metrics", SendTelemetry, Instance, "Takes histograms of OpenTelemetry", post(telemetry::metrics)),
    ];
    routes.extend([
        page("/api/v1/duties", Look, Instance, "Every duty", get(api::duties)),
        page("/api/v1/duties/{duty}", Look, Path, "Who is on duty, the items, the gate", get(api::now)),
        page("/api/v1/duties/{duty}/gate", Look, Path, "May we roll out, and why not", get(api::gates)),
        page("/api/v1/duties/{duty}/log", Look, Path, "The log book: a day, a search, or what is new", get(api::log)),
        page("/api/v1/duties/{duty}/process", Look, Path, "The process and its versions", get(api::process)),
        page("/api/v1/duties/{duty}/team", Look, Path, "The coming shifts", get(api::team)),
        page(
            "/api/v1/duties/{duty}/suggestions",
            Look,
            Path,
            "How often suggestions were right",
            get(suggestions::api),
        ),
        page(
            "/api/v1/duties/{duty}/performance",
            Look,
            Path,
            "What a rollout did to response times",
            get(performance::api),
        ),
        page("/api/v1/duties/{duty}/rollouts", Look, Path, "Rollouts, newest first", get(api::rollouts)),
        page("/api/v1/duties/{duty}/rollouts/{id}", Look, Path, "A rollout and its output", get(api::rollout)),
        page("/api/v1/items/{id}", Look, Item, "An item and its history", get(api::item)),
        page("/api/v1/items/{id}/why-not", Look, Item, "Why somebody is not proposed as owner", get(why_not::why_not)),
        form("/api/v1/items/{id}/{verb}", Work, Item, "Changes an item", post(api::act)),
        form("/api/v1/duties/{duty}/questions", Ask, Path, "Asks the one on duty", post(api::ask)),
        form("/api/v1/duties/{duty}/shifts/{day}/{verb}", Work, Path, "Changes who serves a day", post(shifts::api)),
        page("/api/v1/duties/{duty}/plan", Look, Path, "Offers, moves and everybody's part", get(plan::api)),
        page(
            "/api/v1/duties/{duty}/plan/proposal",
            SeeProposal,
            Path,
            "What a new plan would change",
            get(plan::api_proposal),
        ),
        page("/api/v1/duties/{duty}/refresher", Look, Path, "What changed since one's last turn", get(refresher::api)),
        form(
            "/api/v1/duties/{duty}/refresher/read",
            Work,
            Path,
            "Says that one knows what changed",
            post(refresher::api_read),
        ),
        page("/api/v1/duties/{duty}/handshake", Look, Path, "What is open on the other side", get(handshake::api)),
        form(
            "/api/v1/duties/{duty}/handshake/{with}",
            Work,
            Path,
            "Holds out a hand to another duty",
            post(handshake::api_shake),
        ),
        form("/api/v1/duties/{duty}/proposals", Work, Path, "Proposes something", post(handshake::api_propose)),
        form(
            "/api/v1/duties/{duty}/proposals/{id}/{answer}",
            Work,
            Path,
            "Answers a proposal: agree or decline",
            post(handshake::api_answer),
        ),
        page("/api/v1/duties/{duty}/leave", Look, Path, "Leave that was told", get(leave::api)),
        page(
            "/api/v1/duties/{duty}/leave/calendars",
            Look,
            Path,
            "How the calendars are that tell of leave",
            get(leave::api_calendars),
        ),
        form("/api/v1/duties/{duty}/leave", Work, Path, "Says that people are away", post(leave::api_tell)),
        form("/api/v1/duties/{duty}/leave/{id}/end", Work, Path, "Takes leave back", post(leave::api_end)),
        page("/api/v1/duties/{duty}/plan/what-if", Look, Path, "What another team would mean", get(what_if::api)),
        form("/api/v1/duties/{duty}/plan/publish", PublishPlan, Path, "Lets a plan count", post(plan::api_publish)),
        form(
            "/api/v1/duties/{duty}/moves/seen",
            Work,
            Path,
            "Says that one knows of one's moved turns",
            post(plan::api_seen),
        ),
        form("/api/v1/duties/{duty}/notes", Work, Path, "Writes a note", post(api::note)),
        form("/api/v1/duties/{duty}/rollouts", RollOut, Path, "Presses the button", post(api::roll_out)),
        form(
            "/api/v1/duties/{duty}/rollouts/{id}/resolve",
            RollOut,
            Path,
            "Says how a lost rollout ended",
            post(api::resolve),
        ),
        page("/api/v1/duties/{duty}/walls", SeeWalls, Path, "The wall screens of a duty", get(people_api::walls)),
        form("/api/v1/duties/{duty}/walls", ManageWalls, Path, "Makes a wall screen", post(people_api::make_wall)),
        form(
            "/api/v1/duties/{duty}/walls/{id}/revoke",
            ManageWalls,
            Path,
            "Revokes a wall screen",
            post(people_api::revoke_wall),
        ),
        page(
            "/api/v1/duties/{duty}/calendar-feeds",
            SeeWalls,
            Path,
            "The calendar feeds of a duty",
            get(calendar_feeds::api_of_duty),
        ),
        form(
            "/api/v1/duties/{duty}/calendar-feeds",
            ManageWalls,
            Path,
            "Makes a calendar feed of a duty",
            post(calendar_feeds::api_make_of_duty),
        ),
        form(
            "/api/v1/duties/{duty}/calendar-feeds/{id}/revoke",
            ManageWalls,
            Path,
            "Revokes a calendar feed of a duty",
            post(calendar_feeds::api_revoke_of_duty),
        ),
        page("/api/v1/people", SeePeople, Instance, "Every account and what it may do", get(people_api::people)),
        form(
            "/api/v1/people",
            ManagePeople,
            Instance,
            "Adds somebody who is on no roster",
            post(people_api::add_person),
        ),
        form("/api/v1/people/{id}/{verb}", ManagePeople, Instance, "Changes an account", post(people_api::do_to)),
        page(
            "/api/v1/access-log",
            SeePeople,
            Instance,
            "Who came in and who changed what",
            get(people_api::access_log),
        ),
        page("/api/v1/account", SeeSelf, Instance, "One's own sessions and tokens", get(people_api::account)),
        form(
            "/api/v1/account/sessions/{id}/end",
            ManageSelf,
            Instance,
            "Ends one of one's own sessions",
            post(people_api::end_session),
        ),
        form(
            "/api/v1/account/calendar-feeds",
            MakeCalendarFeed,
            Instance,
            "Makes a calendar feed of one's own turns",
            post(calendar_feeds::api_make_own),
        ),
        form(
            "/api/v1/account/calendar-feeds/{id}/revoke",
            ManageSelf,
            Instance,
            "Revokes one of one's own calendar feeds",
            post(calendar_feeds::api_revoke_own),
        ),
        form("/api/v1/account/tokens", MakeToken, Instance, "Makes a token for scripts", post(people_api::make_token)),
        form(
            "/api/v1/account/tokens/{id}/revoke",
            ManageSelf,
            Instance,
            "Revokes one of one's own tokens",
            post(people_api::revoke_token),
        ),
    ]);
    routes
}

/// `GET /assets/{file}`: the address has the hash of the content, so a browser may keep it for ever.
async fn asset(Path(file): Path<String>) -> Response {
    match super::assets::find(&file) {
        Some(asset) => {
            let headers = [
                (header::CONTENT_TYPE, asset.content_type),
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, asset.bytes).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
