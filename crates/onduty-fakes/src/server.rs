//! Serves a world: its pages and its write-back intake, on the loopback interface only.

use crate::pages;
use crate::world::{World, WorldOptions};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a stopping server waits for requests that are still being answered.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// The world behind HTTP on a free loopback port.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it serves.
    pub world: World,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Starts a new world.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn start(options: WorldOptions) -> std::io::Result<Server> {
        Server::serve(World::new(options)).await
    }

    /// Serves a world that already exists.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn serve(world: World) -> std::io::Result<Server> {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        world.model().base = format!("http://{address}");
        let (stop, stopped) = oneshot::channel::<()>();
        let router = pages::router(world.clone());
        let task = tokio::spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(async {
                // A dropped sender is a stop too.
                let _ = stopped.await;
            });
            if let Err(failure) = serving.await {
                tracing::warn!(%failure, "the fake world stopped serving");
            }
        });
        Ok(Server { address, world, stop, task })
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops listening, finishes what is being answered, and returns when all is quiet.
    pub async fn stop(self) {
        let Server { stop, mut task, .. } = self;
        // The receiver is gone only when the task already ended.
        let _ = stop.send(());
        if tokio::time::timeout(STOP_WITHIN, &mut task).await.is_err() {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::tests::{options, test_client};

    #[tokio::test]
    async fn a_server_starts_and_stops() {
        let server = Server::start(options()).await.unwrap();
        let url = server.url();
        assert_eq!(server.world.url(), url);
        assert!(server.address.ip().is_loopback());
        let client = test_client();
        assert_eq!(client.get(format!("{url}/healthz")).send().await.unwrap().status(), 200);
        server.stop().await;
        assert!(client.get(format!("{url}/healthz")).send().await.is_err());
    }
}
