//! Every route as every kind of visitor: what the server answers is what the policy function says, and what the policy
//! says is what people expect.

use crate::day::{Day, Setting};
use crate::person::Person;
use onduty::web::auth::About;
use onduty::web::policy::{self, Decision, Role, Scope, Subject, Wish};
use onduty::web::routes::{self, Route};
use onduty_core::ids::{DutyId, EngineerId};
use reqwest::Method;
use std::collections::{BTreeMap, BTreeSet};

/// Dora serves the other duty alone; Gus is on no duty.
const DEVOPS: &str = "  devops:\n    name: DevOps\n    members: [dora]\n    zone: Europe/Berlin\n    watches:\n      \
    repositories: [\"acme/shop\"]\n      branch: main\n";

/// One kind of visitor.
struct Visitor {
    name: &'static str,
    person: Person,
    /// As the policy sees them, for the sanity of the table below.
    subject: Subject,
    /// What stands for `{token}` in the address of a wall screen or a calendar feed.
    token: Option<String>,
    /// Whether forms of pages can carry this visitor's token.
    has_session: bool,
}

fn person(engineer: &str, admin: bool, roles: &[(&str, Role)], serving: &[&str], scopes: Option<&[Scope]>) -> Subject {
    Subject::Person(policy::Person {
        account: engineer.to_owned(),
        engineer: Some(EngineerId::from(engineer)),
        admin,
        roles: roles.iter().map(|(duty, role)| (DutyId::from(*duty), *role)).collect(),
        serving: serving.iter().map(|duty| DutyId::from(*duty)).collect(),
        scopes: scopes.map(|scopes| scopes.iter().copied().collect()),
        proved: true,
    })
}

async fn day_of_two_duties() -> Day {
    let roster = vec![
        ("engineers:\n".to_owned(), "engineers:\n  dora: {name: Dora Ops}\n  gus: {name: Gus Guest}\n".to_owned()),
        ("duties:\n".to_owned(), format!("duties:\n{DEVOPS}")),
    ];
    let process = "process: devops\nsteps:\n  - {id: look, goal: Look around, once: shift}\n".to_owned();
    let files = vec![("processes/devops.yml".to_owned(), process)];
    let day = Day::set(Setting { begins: "16:05", tasks: false, roster, files, ..Setting::default() }).await;
    day.app.pass(&DutyId::from("devops"), day.app.clock.duty_now()).await.expect("the store can be written");
    day
}

async fn visitors(day: &Day) -> Vec<Visitor> {
    const DEVELOPERS: &str = "developers";
    const ENGINEER: &[(&str, Role)] = &[(DEVELOPERS, Role::Engineer)];
    let mut all = Vec::new();
    let mut visitor = |name, person, subject, token: Option<String>, has_session| {
        all.push(Visitor { name, person, subject, token, has_session });
    };
    visitor("nobody", Person::nobody(&day.url), Subject::Nobody, None, false);
    for (name, duty) in [("wall screen", DEVELOPERS), ("wall screen of another duty", "devops")] {
        let token = day.wall(duty).await;
        // Its token opens its page and nothing else, whichever way it is presented.
        let person = Person::script(&day.url, &token).with("cookie", &format!("onduty_session={token}"));
        visitor(name, person, Subject::Wall { duty: DutyId::from(duty) }, Some(token), false);
    }
    let token = day.calendar_feed(DEVELOPERS).await;
    let calendar = Person::script(&day.url, &token).with("cookie", &format!("onduty_session={token}"));
    visitor("calendar", calendar, Subject::CalendarFeed, Some(format!("{token}.ics")), false);
    let sessions: [(&str, &str, bool, &[(&str, &str)], Subject); 6] = [
        ("viewer", "gus", false, &[], person("gus", false, &[], &[], None)),
        (
            "engineer of another duty",
            "dora",
            false,
            &[],
            person("dora", false, &[("devops", Role::Engineer)], &["devops"], None),
        ),
        ("engineer", "priya", false, &[], person("priya", false, ENGINEER, &[], None)),
        ("engineer on duty", "lena", false, &[], person("lena", false, ENGINEER, &[DEVELOPERS], None)),
        (
            "process owner",
            "asa",
            false,
            &[(DEVELOPERS, "process-owner")],
            person("asa", false, &[(DEVELOPERS, Role::ProcessOwner)], &[], None),
        ),
        ("administrator", "omar", true, &[], person("omar", true, ENGINEER, &[], None)),
    ];
    let mut accounts = BTreeMap::new();
    for (name, engineer, admin, roles, subject) in sessions {
        let account = day.account(engineer, admin, roles).await;
        let session = day.session_of(&account).await;
        accounts.insert(engineer, account);
        visitor(name, session, subject, None, true);
    }
    // Whose browser was left open for longer than a proof counts.
    for (name, engineer, admin, serving) in [
        ("engineer on duty, left open", "lena", false, &[DEVELOPERS][..]),
        ("administrator, left open", "omar", true, &[]),
    ] {
        let Subject::Person(fresh) = person(engineer, admin, ENGINEER, serving, None) else { unreachable!() };
        let subject = Subject::Person(policy::Person { proved: false, ..fresh });
        visitor(name, day.old_session_of(&accounts[engineer]).await, subject, None, true);
    }
    let granted = day.account("gwen", false, &[("devops", "engineer"), (DEVELOPERS, "viewer")]).await;
    let subject = person("gwen", false, &[("devops", Role::Engineer), (DEVELOPERS, Role::Viewer)], &[], None);
    visitor("engineer of another duty by a grant", day.session_of(&granted).await, subject, None, true);
    let granted = day.account("greta", false, &[("devops", "process-owner"), (DEVELOPERS, "engineer")]).await;
    let subject = person("greta", false, &[("devops", Role::ProcessOwner), (DEVELOPERS, Role::Engineer)], &[], None);
    visitor("process owner of another duty", day.session_of(&granted).await, subject, None, true);
    let tokens: [(&str, &str, bool, &[Scope], &[&str]); 5] = [
        ("token that reads, of the one on duty", "lena", false, &[Scope::Read], &["read"]),
        ("token that writes, of the one on duty", "lena", false, &[Scope::Read, Scope::Write], &["read", "write"]),
        ("token that reads, of the administrator", "omar", true, &[Scope::Read], &["read"]),
        ("token that looks after people, of the administrator", "omar", true, &[Scope::People], &["people"]),
        ("token that sends telemetry, of the administrator", "omar", true, &[Scope::Telemetry], &["telemetry"]),
    ];
    for (name, engineer, admin, scopes, words) in tokens {
        let script = day.script_of(&accounts[engineer], words).await;
        let serving: &[&str] = if admin { &[] } else { &[DEVELOPERS] };
        visitor(name, script, person(engineer, admin, ENGINEER, serving, Some(scopes)), None, false);
    }
    all
}

fn path_of(route: &Route, token: Option<&str>) -> String {
    let path = route.path.replace("{duty}", "developers").replace("{source}", "nosuch").replace("{verb}", "take");
    let path = path.replace("{file}", "nosuch").replace("{token}", token.unwrap_or("nosuch"));
    let id = if route.about == About::Item { "developers.main-green.0123456789ab.1" } else { "nosuch" };
    path.replace("{id}", id)
}

/// What the policy says, by the same function that the guard asks.
fn expected(route: &Route, visitor: &Visitor) -> Decision {
    let developers = DutyId::from("developers");
    let duty = match route.about {
        About::Instance | About::CalendarFeed => None,
        // The first of the roster.
        About::Query => Some(DutyId::from("devops")),
        About::Path | About::Item => Some(developers),
        About::Wall => match &visitor.subject {
            Subject::Wall { duty } => Some(duty.clone()),
            _ => None,
        },
    };
    // Wall screens and calendars are somebody at their own address only, and nobody else is somebody there.
    let own = match &visitor.subject {
        Subject::Wall { .. } => Some(About::Wall),
        Subject::CalendarFeed => Some(About::CalendarFeed),
        _ => None,
    };
    let by_address = Some(route.about).filter(|about| matches!(about, About::Wall | About::CalendarFeed));
    let subject = if own == by_address { &visitor.subject } else { &Subject::Nobody };
    policy::decide(subject, route.wish, duty.as_ref())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_asks_the_policy() {
    let day = day_of_two_duties().await;
    let all = visitors(&day).await;
    let mut broken = Vec::new();
    let mut asked = 0;
    for visitor in &all {
        let mut routes = routes::all();
        // Signing out ends the visitor.
        routes.sort_by_key(|route| route.path == "/sign-out");
        for route in &routes {
            let decision = expected(route, visitor);
            let method: Method = route.method.parse().unwrap();
            let mut request = visitor.person.request(method.clone(), &path_of(route, visitor.token.as_deref()));
            if method == Method::POST && route.path.starts_with("/api/") {
                request = request.header("content-type", "application/json").body("{}");
            } else if method == Method::POST {
                request = request.header("content-type", "application/x-www-form-urlencoded");
                request = request.body(format!("csrf={}", visitor.person.csrf()));
            }
            let answer = request.send().await.expect("the server answers");
            let location =
                answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned();
            let status = answer.status().as_u16();
            asked += 1;
            // A form of a page needs a session, whoever asks: scripts use the API.
            let is_form = method == Method::POST
                && !route.path.starts_with("/api/")
                && !matches!(route.wish, Wish::Enter | Wish::Deliver | Wish::SendTelemetry);
            let right = match decision {
                Decision::SignIn => status == 401,
                Decision::NotThere => status == 404,
                Decision::Refused(_) => status == 403,
                Decision::Allowed | Decision::Prove if is_form && !visitor.has_session => status == 403,
                // The form waits until its person has proved who they are.
                Decision::Prove if is_form => status == 303 && location == "/prove",
                Decision::Prove => status == 403,
                // Its engine stands still here.
                Decision::Allowed if route.path == "/healthz" => status == 503,
                Decision::Allowed => !matches!(status, 401 | 403 | 405 | 500..),
            };
            if !right {
                broken.push(format!(
                    "{}: {} {}: {status}, but the policy says {decision:?}",
                    visitor.name, route.method, route.path
                ));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert_eq!(asked, all.len() * routes::all().len());
    day.end().await;
}

#[test]
fn whoever_is_not_signed_in_gets_to_the_door_and_no_further() {
    let open: Vec<String> = routes::all()
        .iter()
        .filter(|route| policy::decide(&Subject::Nobody, route.wish, None) == Decision::Allowed)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let expected = [
        "GET /welcome/{token}",
        "POST /welcome/{token}",
        "GET /sign-in",
        "POST /sign-in",
        "GET /sign-in/single",
        "GET /sign-in/callback",
        "GET /assets/{file}",
        "GET /healthz",
        "GET /api/openapi.json",
        "POST /hooks/{source}",
    ];
    assert_eq!(open, expected, "a new way in for everybody? Then say so here");
}

#[test]
fn what_people_expect_of_the_routes() {
    let duty = DutyId::from("developers");
    let may = |subject: &Subject, path: &str| {
        let all = routes::all();
        let route = all.iter().find(|route| format!("{} {}", route.method, route.path) == path);
        let route = route.unwrap_or_else(|| panic!("there is no {path}"));
        policy::decide(subject, route.wish, Some(&duty)) == Decision::Allowed
    };
    let check = |subject: &Subject, allowed: &[&str], refused: &[&str]| {
        for path in allowed {
            assert!(may(subject, path), "{subject:?} may {path}");
        }
        for path in refused {
            assert!(!may(subject, path), "{subject:?} may not {path}");
        }
    };
    const BUTTON: [&str; 2] = ["POST /duty/{duty}/rollout", "POST /api/v1/duties/{duty}/rollouts"];
    let viewer = person("gus", false, &[], &[], None);
    check(
        &viewer,
        &["GET /", "GET /rollout", "POST /duty/{duty}/ask"],
        &["POST /items/{id}/{verb}", "POST /duty/{duty}/note"],
    );
    check(&viewer, &[], &BUTTON);
    let engineer = person("priya", false, &[("developers", Role::Engineer)], &[], None);
    check(&engineer, &["POST /items/{id}/{verb}", "POST /api/v1/items/{id}/{verb}"], &BUTTON);
    check(&engineer, &["GET /account", "POST /account/tokens"], &["POST /links", "POST /duty/{duty}/walls"]);
    check(&engineer, &[], &["GET /people", "GET /access-log", "POST /people/{id}/{verb}", "GET /api/v1/access-log"]);
    let serving = person("lena", false, &[("developers", Role::Engineer)], &["developers"], None);
    check(&serving, &BUTTON, &["POST /links"]);
    let administrator = person("omar", true, &[], &[], None);
    check(&administrator, &["POST /links", BUTTON[0], BUTTON[1]], &[]);
    let wall = Subject::Wall { duty: duty.clone() };
    check(&Subject::CalendarFeed, &["GET /calendar/{token}"], &["GET /", "GET /tv/{token}", "GET /api/v1/duties"]);
    check(&administrator, &["POST /duty/{duty}/calendar-feeds"], &["GET /calendar/{token}"]);
    check(&engineer, &["POST /duty/{duty}/offers"], &["GET /plan/proposal", "POST /duty/{duty}/plan/publish"]);
    check(&engineer, &["POST /account/calendar-feeds"], &["POST /duty/{duty}/calendar-feeds"]);
    check(&wall, &["GET /tv/{token}", "GET /tv/{token}/events"], &["GET /", "GET /api/v1/duties", "GET /events"]);
}

#[test]
fn every_route_that_changes_something_is_a_post() {
    for route in routes::all() {
        let looks = [
            Wish::Enter,
            Wish::Look,
            Wish::LookAtWall,
            Wish::ReadCalendar,
            Wish::SeeWalls,
            Wish::SeeProposal,
            Wish::SeePeople,
            Wish::SeeSelf,
        ];
        let changes = !looks.contains(&route.wish);
        assert!(!changes || route.method == "POST", "{} {}", route.method, route.path);
    }
    let posts: BTreeSet<&str> =
        routes::all().iter().filter(|route| route.method == "POST").map(|route| route.path).collect();
    assert!(posts.contains("/sign-out") && posts.len() > 10);
}
