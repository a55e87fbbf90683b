//! `POST /v1/traces` and `/v1/metrics`: OpenTelemetry over HTTP, with a token of its own scope.

use super::Web;
use super::error::HttpError;
use crate::app::telemetry::TelemetryError;
use crate::sources::otlp::{Encoding, PackedError, Signal, refusal};
use crate::store::StoreError;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Codes of `google.rpc.Status`.
const INVALID_ARGUMENT: u64 = 3;
const NOT_FOUND: u64 = 5;
const RESOURCE_EXHAUSTED: u64 = 8;
const INTERNAL: u64 = 13;
const UNAVAILABLE: u64 = 14;
/// Seconds after which a sender that found no place tries again.
const WAIT: HeaderValue = HeaderValue::from_static("5");

/// `POST /v1/traces`
pub async fn traces(State(web): State<Web>, request: Request) -> Response {
    take(&web, Signal::Traces, request).await
}

/// `POST /v1/metrics`
pub async fn metrics(State(web): State<Web>, request: Request) -> Response {
    take(&web, Signal::Metrics, request).await
}

fn text(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

async fn take(web: &Web, signal: Signal, request: Request) -> Response {
    let kind =
        text(request.headers(), header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let encoding = match kind.as_str() {
        "application/x-protobuf" => Encoding::Protobuf,
        "application/json" => Encoding::Json,
        _ => {
            let what = "OTLP is application/x-protobuf or application/json here";
            return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_ARGUMENT, what, Encoding::Json);
        }
    };
    let packed = text(request.headers(), header::CONTENT_ENCODING).to_owned();
    let Some(_place) = web.app.telemetry.place() else {
        let what = "too many messages are under way; send this again in a moment";
        return refuse(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, what, encoding);
    };
    let body = match Bytes::from_request(request, web).await {
        Ok(body) => body,
        Err(rejected) if rejected.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            return refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                RESOURCE_EXHAUSTED,
                "this is larger than `server: {delivery_bytes: …}` in onduty.yml allows; let the batches be smaller",
                encoding,
            );
        }
        // It broke off, and whoever broke it off says why.
        Err(_) => return HttpError::BadInput("the body broke off".to_owned()).into_response(),
    };
    match web.app.take_telemetry(signal, encoding, &packed, body).await {
        Ok(answer) => respond(StatusCode::OK, answer.body(signal, encoding), encoding),
        Err(error) => refused(&error, encoding),
    }
}

fn refused(error: &TelemetryError, encoding: Encoding) -> Response {
    let (status, code) = match error {
        TelemetryError::NotSetUp => (StatusCode::NOT_FOUND, NOT_FOUND),
        TelemetryError::Packed(PackedError::TooLarge { .. }) => (StatusCode::PAYLOAD_TOO_LARGE, RESOURCE_EXHAUSTED),
        TelemetryError::Packed(PackedError::Unknown) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, INVALID_ARGUMENT),
        TelemetryError::Packed(PackedError::NotGzip) | TelemetryError::Malformed(_) => {
            (StatusCode::BAD_REQUEST, INVALID_ARGUMENT)
        }
        TelemetryError::Store(
            error @ (StoreError::Busy | StoreError::Unavailable { .. } | StoreError::OutcomeUnknown { .. }),
        ) => {
            tracing::warn!(error = error as &dyn std::error::Error, "the store takes no telemetry at the moment");
            (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE)
        }
        TelemetryError::Store(error) => {
            tracing::error!(error = error as &dyn std::error::Error, "telemetry could not be kept");
            (StatusCode::INTERNAL_SERVER_ERROR, INTERNAL)
        }
    };
    let words = if status == StatusCode::INTERNAL_SERVER_ERROR {
        "something went wrong inside onduty; its log says more".to_owned()
    } else {
        error.to_string()
    };
    refuse(status, code, &words, encoding)
}

fn refuse(status: StatusCode, code: u64, words: &str, encoding: Encoding) -> Response {
    let mut response = respond(status, refusal(code, words, encoding), encoding);
    match status {
        StatusCode::SERVICE_UNAVAILABLE => response.headers_mut().insert(header::RETRY_AFTER, WAIT),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            response.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, identity"))
        }
        _ => None,
    };
    response
}

fn respond(status: StatusCode, body: Vec<u8>, encoding: Encoding) -> Response {
    let kind = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}
