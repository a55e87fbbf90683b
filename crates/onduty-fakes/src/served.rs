//! A model behind HTTP on a free loopback port, for the fakes that have addresses of their own.

use axum::Router;
use axum::handler::Handler;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// What its answers come from.
#[derive(Debug)]
pub(crate) struct Shared<M> {
    /// Whoever has it is let in.
    pub token: String,
    model: Arc<Mutex<M>>,
}

impl<M> Clone for Shared<M> {
    fn clone(&self) -> Shared<M> {
        Shared { token: self.token.clone(), model: Arc::clone(&self.model) }
    }
}

impl<M> Shared<M> {
    pub fn model(&self) -> MutexGuard<'_, M> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request carries the token.
    pub fn admits(&self, headers: &axum::http::HeaderMap) -> bool {
        let token = headers.get("authorization").map(|value| value.as_bytes());
        token == Some(format!("Bearer {}", self.token).as_bytes())
    }
}

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Served<M> {
    pub address: SocketAddr,
    pub shared: Shared<M>,
    task: JoinHandle<()>,
}

impl<M: Default + Send + 'static> Served<M> {
    /// Serves an empty model that `answer` speaks for.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start<T: 'static>(token: &str, answer: impl Handler<T, Shared<M>>) -> std::io::Result<Served<M>> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Shared { token: token.to_owned(), model: Arc::default() };
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let task = tokio::spawn(async move {
            if let Err(failure) = axum::serve(listener, router).await {
                tracing::warn!(%failure, "a fake stopped serving");
            }
        });
        Ok(Served { address, shared, task })
    }
}

impl<M> Drop for Served<M> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `value` as the merge patch `patch` (RFC 7396) changes it; what is null there is gone.
pub(crate) fn merged(mut value: Value, patch: &Value) -> Value {
    let Value::Object(changes) = patch else { return patch.clone() };
    if !value.is_object() {
        value = Value::Object(Default::default());
    }
    if let Value::Object(fields) = &mut value {
        for (name, change) in changes {
            let before = fields.remove(name).unwrap_or_default();
            if !change.is_null() {
                fields.insert(name.clone(), merged(before, change));
            }
        }
    }
    value
}
