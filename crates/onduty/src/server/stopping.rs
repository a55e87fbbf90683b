//! Whether the server was told to stop.

use tokio::sync::watch;

/// Told once; whoever runs for long listens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Sender<bool>);

impl Stopping {
    /// Nobody has said anything.
    pub fn new() -> Stopping {
        Stopping(watch::Sender::new(false))
    }

    /// Tells everybody, those as well who listen later.
    pub fn tell(&self) {
        self.0.send_replace(true);
    }

    /// Waits until the server is told to stop.
    pub async fn told(&self) {
        // This sender lives as long as the wait.
        let _ = self.0.subscribe().wait_for(|told| *told).await;
    }
}

impl Default for Stopping {
    fn default() -> Stopping {
        Stopping::new()
    }
}
