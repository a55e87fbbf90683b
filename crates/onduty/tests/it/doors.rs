//! The doors: sessions, links, wall screens, forms of other sites, the headers of every answer.

use crate::day::{Day, Setting};
use crate::person::{Answer, PASSWORD, Person, session_of};
use crate::tools::eventually;
use onduty::web::policy::Wish;
use onduty::web::routes;
use reqwest::Method;
use serde_json::json;

async fn quiet_day() -> Day {
    Day::set(Setting { tasks: false, ..Setting::default() }).await
}

/// A form, as a browser at some site sends it.
async fn posted(person: &Person, path: &str, csrf: Option<&str>, headers: &[(&str, &str)]) -> Answer {
    let mut request = person.request(Method::POST, path).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = csrf.map(|csrf| format!("csrf={csrf}&text=hello")).unwrap_or_else(|| "text=hello".to_owned());
    Answer::of(request.body(body).send().await.expect("the server answers")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_of_other_sites_are_refused() {
    let day = quiet_day().await;
    let lena = day.administrator("lena").await;
    let csrf = lena.csrf().to_owned();
    assert!(csrf.len() >= 32, "{csrf}");
    let wrong = "0".repeat(csrf.len());
    let forms = routes::all().into_iter().filter(|route| {
        // Webhooks and telemetry come from programs, which no session is good for.
        let is_form = !matches!(route.wish, Wish::Enter | Wish::Deliver | Wish::SendTelemetry);
        route.method == "POST" && !route.path.starts_with("/api/") && is_form
    });
    let mut count = 0;
    for route in forms {
        let path = route.path.replace("{duty}", "developers").replace("{verb}", "take");
        let path = path.replace("{id}", "developers.main-green.0123456789ab.1");
        count += 1;
        let attacks: [(Option<&str>, &[(&str, &str)]); 8] = [
            (None, &[]),
            (Some(""), &[]),
            (Some(&wrong), &[]),
            (Some(&csrf), &[("sec-fetch-site", "cross-site")]),
            (Some(&csrf), &[("sec-fetch-site", "same-site")]),
            (Some(&csrf), &[("origin", "http://evil.example")]),
            (Some(&csrf), &[("origin", "null")]),
            (Some(&csrf), &[("origin", "http://127.0.0.1:1")]),
        ];
        for (token, headers) in attacks {
            let answer = posted(&lena, &path, token, headers).await;
            assert_eq!(answer.status.as_u16(), 403, "{path} {token:?} {headers:?}: {}", answer.main());
        }
        if path != "/sign-out" {
            let own = [("sec-fetch-site", "same-origin"), ("origin", day.url.as_str())];
            let answer = posted(&lena, &path, Some(&csrf), &own).await;
            assert_ne!(answer.status.as_u16(), 403, "{path}: {}", answer.main());
        }
    }
    assert!(count >= 10, "{count} forms");
    // The API by a session: JSON only, and from our own pages only.
    let notes = "/api/v1/duties/developers/notes";
    let elsewhere = lena.with("sec-fetch-site", "cross-site");
    elsewhere.post(notes, &json!({"text": "x"})).await.expect(403);
    posted(&lena, notes, Some(&csrf), &[]).await.expect(400);
    // Nobody is signed in by a page of another site, as somebody that it chose.
    let nobody = Person::nobody(&day.url);
    posted(&nobody, "/welcome/nosuch", None, &[("sec-fetch-site", "cross-site")]).await.expect(403);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_pages_for_people_and_json_for_scripts() {
    let day = quiet_day().await;
    let (lena, nobody) = (day.administrator("lena").await, Person::nobody(&day.url));
    for (person, path, status) in
        [(&nobody, "/api/v1/duties", 401), (&lena, "/api/v1/duties/nosuch", 404), (&lena, "/api/nosuch", 404)]
    {
        let body = person.get(path).await.expect(status).json();
        assert_eq!(body["status"], status, "{body}");
        for key in ["error", "todo"] {
            assert!(body[key].as_str().is_some_and(|text| !text.is_empty()), "{body}");
        }
    }
    for (person, path, status) in [
        (&nobody, "/", 401),
        (&lena, "/items/developers.nosuch.0.1", 404),
        (&lena, "/items/elsewhere.x.0.1", 404),
        (&lena, "/?duty=nosuch", 404),
    ] {
        let answer = person.get(path).await.expect(status);
        assert!(answer.header("content-type").starts_with("text/html"), "{path}");
        assert!(answer.text.contains("<main") && !answer.text.contains("SQL"), "{path}: {}", answer.main());
    }
    // Whoever is not signed in does not learn what there is.
    let (one, other) = (nobody.get("/items/developers.nosuch.0.1").await, nobody.get("/items/elsewhere.x.0.1").await);
    let (one_asked, other_asked) = ("/items/developers.nosuch.0.1", "/items/elsewhere.x.0.1");
    assert_eq!((one.status, one.text.replace(one_asked, other_asked)), (other.status, other.text));
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_names_of_loopback_are_answered() {
    let day = quiet_day().await;
    let (_, port) = day.url.rsplit_once(':').unwrap();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("[::1]:{port}"), 200),
        ("localhost".to_owned(), 200),
        ("evil.example".to_owned(), 421),
        (format!("evil.example:{port}"), 421),
        (format!("127.0.0.1.evil.example:{port}"), 421),
        (format!("localhost.evil.example:{port}"), 421),
        ("127.0.0.2".to_owned(), 421),
    ] {
        let answer = Person::nobody(&day.url).with("host", &host).get("/api/openapi.json").await;
        assert_eq!(answer.status.as_u16(), status, "{host}");
    }
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_work_once_and_sessions_end() {
    let day = quiet_day().await;
    let secret = day.app.first_run_token().unwrap();
    let first = format!("/welcome/{secret}");
    let nobody = Person::nobody(&day.url);
    // Looking does not use it up: chat programs look at links.
    for _ in 0..2 {
        assert!(nobody.get(&first).await.expect(200).text.contains("lena"));
    }
    nobody.form(&first, &[("engineer", "nosuch")]).await.expect(400);
    nobody.form("/welcome/nosuch", &[("engineer", "lena")]).await.expect(404);
    nobody.form(&first, &[("engineer", "lena")]).await.expect(400);
    nobody.form(&first, &[("engineer", "lena"), ("password", "too short"), ("again", "too short")]).await.expect(400);
    nobody
        .form(&first, &[("engineer", "lena"), ("password", PASSWORD), ("again", "another one, not it")])
        .await
        .expect(400);
    let lena = [("engineer", "lena"), ("password", PASSWORD), ("again", PASSWORD)];
    let came_in = nobody.form(&first, &lena).await.expect(303);
    let cookie = came_in.header("set-cookie");
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(flag), "{flag} is not in {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    let session = session_of(&came_in).unwrap();
    assert!(session.len() >= 43, "256 bits: {session}");
    nobody.form(&first, &[("engineer", "omar"), ("password", PASSWORD), ("again", PASSWORD)]).await.expect(404);
    nobody.get(&first).await.expect(404);

    let lena = Person::with_session(&day.url, &session).await;
    lena.form("/links", &[("engineer", "nosuch")]).await.expect(400);
    lena.form("/links", &[("engineer", "omar")]).await.expect(303);
    let team = lena.get("/team").await.expect(200).text;
    let link = team.split_once("/welcome/").expect("the link is shown once").1;
    let link: String = link.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
    assert!(!lena.get("/team").await.text.contains(&link), "and not again");
    let omar = Person::by_link(&day.url, &format!("/welcome/{link}"), None).await;
    nobody.form(&format!("/welcome/{link}"), &[]).await.expect(404);
    omar.form("/links", &[("engineer", "omar")]).await.expect(403);
    let other = day.operator().get("/api/v1/duties").await;
    assert_eq!(other.status.as_u16(), 200);

    let left = lena.form("/sign-out", &[]).await.expect(303);
    assert!(left.header("set-cookie").contains("Max-Age=0"), "{}", left.header("set-cookie"));
    lena.get("/").await.expect(401);
    omar.get("/").await.expect(200);
    day.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_wall_screen_goes_dark() {
    let day = quiet_day().await;
    let lena = day.administrator("lena").await;
    let token = day.wall("developers").await;
    let nobody = Person::nobody(&day.url);
    nobody.get(&format!("/tv/{token}")).await.expect(200);
    let mut stream = nobody.request(Method::GET, &format!("/tv/{token}/events")).send().await.unwrap();
    assert_eq!(stream.status().as_u16(), 200);
    assert!(stream.chunk().await.unwrap().is_some(), "it is alive");
    let team = lena.get("/team").await.expect(200).text;
    let id = team.split_once("/duty/developers/walls/").expect("it can be revoked").1.split('/').next().unwrap();
    // A screen of another duty cannot be revoked here.
    lena.form("/duty/developers/walls/nosuch/revoke", &[]).await.expect(404);
    lena.form(&format!("/duty/developers/walls/{id}/revoke"), &[]).await.expect(303);
    nobody.get(&format!("/tv/{token}")).await.expect(401);
    nobody.get(&format!("/tv/{token}/events")).await.expect(401);
    eventually("its open stream ends", async || matches!(stream.chunk().await, Ok(None) | Err(_)).then_some(())).await;
    day.end().await;
}
