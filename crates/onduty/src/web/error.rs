//! What goes wrong for whoever asked: what happened, what it means, what to do. Internals stay in the log.

use super::views::door::ErrorView;
use crate::app::passwords::PasswordError;
use crate::app::people::PeopleError;
use crate::app::single_sign_on::SingleSignOnError;
use crate::app::{DayError, IntakeError, SignInError};
use crate::oidc::OidcError;
use crate::sources::SourceError;
use crate::store::StoreError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use onduty_core::gate::Blocker;
use onduty_core::item::ItemId;

/// An answer that is not what was asked for.
#[derive(Debug)]
pub enum HttpError {
    /// Nothing stands there.
    NotFound(String),
    /// Somebody has to sign in.
    SignIn,
    /// The name and password do not belong together.
    WrongPassword(String),
    /// Somebody has to prove again who they are.
    Prove,
    /// The provider that signs people in did not, or not in a way that can be believed.
    NotSignedIn(StatusCode, String),
    /// Too many tries.
    TooMany(String, i64),
    /// Not for this person.
    Refused(String),
    /// The form or body cannot be read.
    BadInput(String),
    /// It cannot be done as things stand.
    Conflict(String),
    /// The gate is closed.
    GateClosed(Vec<Blocker>),
    /// More than is read.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// The body has an encoding that hides how large it is.
    Encoded,
    /// Something stands there, but not for this method.
    WrongMethod,
    /// Try again in a moment.
    Busy,
    /// Nobody knows whether it was kept.
    OutcomeUnknown,
    /// Ours to mend.
    Internal,
}

/// What the outer layer draws, as a page or as JSON.
#[derive(Debug, Clone)]
pub struct Shown {
    /// For a page.
    pub view: ErrorView,
    /// For JSON: the gate's reasons, as data.
    pub blockers: Vec<Blocker>,
}

impl HttpError {
    /// No such item, or not in a duty that there is.
    pub fn no_item(id: &ItemId) -> HttpError {
        HttpError::NotFound(format!("there is no item {id}"))
    }

    fn shown(self) -> (StatusCode, Shown) {
        let (status, what, means, todo) = match &self {
            HttpError::NotFound(what) => {
                (StatusCode::NOT_FOUND, what.clone(), "", "Check the address, or start from Today.")
            }
            HttpError::SignIn => (
                StatusCode::UNAUTHORIZED,
                "you are not signed in".to_owned(),
                "Pages and answers of onduty are for the team.",
                "Open the link that your administrator gave you, or send a token with the request.",
            ),
            HttpError::WrongPassword(what) => (
                StatusCode::FORBIDDEN,
                what.clone(),
                "Nobody was signed in.",
                "Try again. An administrator can make a link with which you choose another password.",
            ),
            HttpError::Prove => (
                StatusCode::FORBIDDEN,
                "you signed in too long ago for this".to_owned(),
                "Nothing was changed.",
                "Prove at /prove that it is you, or use a token that was made for it.",
            ),
            HttpError::NotSignedIn(status, what) => (
                *status,
                what.clone(),
                "Nobody was signed in, and nothing was changed.",
                "Try again; a password or a link of an administrator lets you in without the provider.",
            ),
            HttpError::TooMany(what, _) => (
                StatusCode::TOO_MANY_REQUESTS,
                what.clone(),
                "Nobody was signed in, whether the password was right or not.",
                "An administrator can make a link that lets you in at once.",
            ),
            HttpError::Refused(what) => (StatusCode::FORBIDDEN, what.clone(), "", "Ask somebody who may."),
            HttpError::BadInput(what) => {
                (StatusCode::BAD_REQUEST, what.clone(), "Nothing was changed.", "Correct it and send it again.")
            }
            HttpError::Conflict(what) => {
                (StatusCode::CONFLICT, what.clone(), "Nothing was changed.", "Look at the page again, then decide.")
            }
            HttpError::GateClosed(_) => (
                StatusCode::CONFLICT,
                "the gate is closed".to_owned(),
                "Nothing went out.",
                "Each reason says what opens it.",
            ),
            HttpError::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "this is larger than onduty reads".to_owned(),
                "Nothing was kept.",
                "Send less at once; `server:` in onduty.yml says how much is read.",
            ),
            HttpError::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "the body of the request did not arrive in time".to_owned(),
                "Nothing was kept.",
                "Send it again over a better connection.",
            ),
            HttpError::Encoded => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "compressed bodies are not read".to_owned(),
                "Nothing was kept.",
                "Send the body as it is, without Content-Encoding.",
            ),
            HttpError::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "this address does not take that method".to_owned(),
                "Nothing was changed.",
                "The API's own description says which it takes: /api/openapi.json.",
            ),
            HttpError::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "onduty cannot keep this at the moment".to_owned(),
                "The store is busy, full or not reachable; nothing was kept.",
                "Try again in a few seconds.",
            ),
            HttpError::OutcomeUnknown => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database went away in the middle of this".to_owned(),
                "It may have been kept, or not.",
                "Wait a few seconds and look before you do it again.",
            ),
            HttpError::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "something went wrong inside onduty".to_owned(),
                "Nothing was changed.",
                "Try again; if it stays, the server's log says more.",
            ),
        };
        let view = ErrorView {
            status: status.as_u16(),
            what,
            means: means.to_owned(),
            todo: todo.to_owned(),
            details: Vec::new(),
            back: Some(match &self {
                HttpError::NotSignedIn(..) => ("/sign-in".to_owned(), "Sign in".to_owned()),
                _ => ("/".to_owned(), "Today".to_owned()),
            }),
        };
        let blockers = match self {
            HttpError::GateClosed(blockers) => blockers,
            _ => Vec::new(),
        };
        (status, Shown { view, blockers })
    }
}

impl IntoResponse for HttpError {
    /// A bare status with the [`Shown`] beside it; the outer layer knows whether to draw a page or JSON.
    fn into_response(self) -> Response {
        let wait = match &self {
            HttpError::TooMany(_, seconds) => Some(*seconds),
            _ => None,
        };
        let (status, shown) = self.shown();
        let mut response = status.into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if let Some(seconds) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(shown);
        response
    }
}

/// What the framework refuses in words of its own, as an answer like any other.
pub fn of_framework(response: &Response) -> Option<Shown> {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let error = match response.status() {
        StatusCode::PAYLOAD_TOO_LARGE => HttpError::TooLarge,
        StatusCode::METHOD_NOT_ALLOWED => HttpError::WrongMethod,
        StatusCode::BAD_REQUEST if kind.starts_with("text/plain") => {
            HttpError::BadInput("this address or what came with it cannot be read".to_owned())
        }
        _ => return None,
    };
    Some(error.shown().1)
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> HttpError {
        match error {
            StoreError::Busy | StoreError::Unavailable { .. } => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store is not available");
                HttpError::Busy
            }
            StoreError::OutcomeUnknown { .. } => {
                tracing::error!(error = &error as &dyn std::error::Error, "the outcome of a commit is not known");
                HttpError::OutcomeUnknown
            }
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
                HttpError::Internal
            }
        }
    }
}

impl From<DayError> for HttpError {
    fn from(error: DayError) -> HttpError {
        match error {
            DayError::NoDuty(_) => HttpError::NotFound(error.to_string()),
            DayError::Refused(refused) => match refused {
                onduty_core::engine::ActionRefused::NoSuchItem(id) => HttpError::no_item(&id),
                refused => HttpError::Conflict(refused.to_string()),
            },
            DayError::GateClosed(blockers) => HttpError::GateClosed(blockers),
            DayError::Moved => HttpError::Conflict(error.to_string()),
            DayError::Store(error) => error.into(),
        }
    }
}

impl From<SignInError> for HttpError {
    fn from(error: SignInError) -> HttpError {
        let what = error.to_string();
        match error {
            SignInError::Wrong => HttpError::WrongPassword(what),
            SignInError::TooMany(wait) => HttpError::TooMany(what, wait.as_secs()),
            SignInError::NoLink => HttpError::NotFound(what),
            SignInError::NoEngineer | SignInError::NoPassword => HttpError::BadInput(what),
            SignInError::Password(PasswordError::Weak(_)) => HttpError::BadInput(what),
            SignInError::Password(PasswordError::Busy) => HttpError::Busy,
            SignInError::Password(PasswordError::Store(error)) | SignInError::Store(error) => error.into(),
        }
    }
}

impl From<SingleSignOnError> for HttpError {
    fn from(error: SingleSignOnError) -> HttpError {
        let what = error.to_string();
        let status = match error {
            SingleSignOnError::NotSetUp => return HttpError::NotFound(what),
            SingleSignOnError::Store(error) => return error.into(),
            SingleSignOnError::NotIn(_) => StatusCode::FORBIDDEN,
            SingleSignOnError::Provider(OidcError::NotBegun | OidcError::MixedUp | OidcError::Denied(_)) => {
                StatusCode::BAD_REQUEST
            }
            SingleSignOnError::Provider(_) => StatusCode::BAD_GATEWAY,
        };
        HttpError::NotSignedIn(status, what)
    }
}

impl From<PeopleError> for HttpError {
    fn from(error: PeopleError) -> HttpError {
        match error {
            PeopleError::Nothing(_) => HttpError::NotFound(error.to_string()),
            PeopleError::LastAdministrator | PeopleError::Refused(_) => HttpError::Conflict(error.to_string()),
            PeopleError::BadInput(what) => HttpError::BadInput(what),
            PeopleError::Store(error) => error.into(),
        }
    }
}

impl From<IntakeError> for HttpError {
    /// An unknown source and a wrong signature look the same.
    fn from(error: IntakeError) -> HttpError {
        match error {
            IntakeError::NoSource | IntakeError::Source(SourceError::Unsigned { .. }) => {
                HttpError::NotFound("nobody listens here, or the signature is wrong".to_owned())
            }
            IntakeError::Source(error) => HttpError::BadInput(error.to_string()),
            IntakeError::Store(error) => error.into(),
        }
    }
}
