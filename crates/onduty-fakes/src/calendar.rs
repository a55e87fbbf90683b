//! A program that publishes a calendar at an address of which whoever knows it may read it, as Google, Outlook and HR systems do.

use crate::served::{Served, Shared};
use crate::trouble::{Misbehaved, Trouble, misbehave};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri};

/// The part of the address that is the secret.
const SECRET: &str = "private-5d2f9a7c1b";

#[derive(Debug, Default)]
struct Model {
    text: String,
    version: u32,
    trouble: Option<Trouble>,
    asked: Vec<u16>,
}

/// A published calendar.
#[derive(Debug)]
pub struct CalendarHost(Served<Model>);

impl CalendarHost {
    /// Publishes an empty calendar.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start() -> std::io::Result<CalendarHost> {
        let host = CalendarHost(Served::start(SECRET, answer).await?);
        host.publish(&[]);
        Ok(host)
    }

    /// Its address, which is a secret.
    pub fn url(&self) -> String {
        format!("http://{}/calendar/{SECRET}/basic.ics", self.0.address)
    }

    /// What must stand nowhere.
    pub fn secret(&self) -> &'static str {
        SECRET
    }

    /// Publishes these events: title, first day, and the day after the last one, as `20260302`.
    pub fn publish(&self, events: &[(&str, &str, &str)]) {
        let events = events.iter().zip(1..).map(|((title, from, end), n)| {
            format!(
                "BEGIN:VEVENT\r\nUID:{n}@hr.example\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:{title}\r\n\
                 DTSTART;VALUE=DATE:{from}\r\nDTEND;VALUE=DATE:{end}\r\nTRANSP:TRANSPARENT\r\nEND:VEVENT\r\n"
            )
        });
        let events: String = events.collect();
        self.publish_text(&format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//HR//HR//EN\r\n{events}END:VCALENDAR\r\n"
        ));
    }

    /// Publishes this text, whatever it is.
    pub fn publish_text(&self, text: &str) {
        let mut model = self.0.shared.model();
        text.clone_into(&mut model.text);
        model.version += 1;
    }

    /// Misbehaves from now on, or no more.
    pub fn misbehaves(&self, trouble: Option<Trouble>) {
        self.0.shared.model().trouble = trouble;
    }

    /// The statuses of what was asked since the last time.
    pub fn asked(&self) -> Vec<u16> {
        std::mem::take(&mut self.0.shared.model().asked)
    }
}

async fn answer(State(shared): State<Shared<Model>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let mut model = shared.model();
    let response = respond(&model, &shared.token, &uri, &headers);
    model.asked.push(response.status().as_u16());
    response
}

fn respond(model: &Model, secret: &str, uri: &Uri, headers: &HeaderMap) -> Response<Body> {
    let plain = |status: StatusCode, text: &str| {
        let mut response = Response::new(Body::from(text.to_owned()));
        *response.status_mut() = status;
        response
    };
    if uri.path() != format!("/calendar/{secret}/basic.ics") {
        return plain(StatusCode::NOT_FOUND, "no such calendar");
    }
    if let Some(Misbehaved::Says(response)) = model.trouble.map(|trouble| misbehave(trouble, 0)) {
        return response;
    }
    let tag = format!("\"v{}\"", model.version);
    if headers.get("if-none-match").is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return plain(StatusCode::NOT_MODIFIED, "");
    }
    let mut response = plain(StatusCode::OK, &model.text);
    response.headers_mut().insert("content-type", "text/calendar; charset=utf-8".parse().expect("plain text"));
    response.headers_mut().insert("etag", tag.parse().expect("plain text"));
    response
}
