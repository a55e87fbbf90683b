//! What a comparison of response times leaves behind: its report, and what the journal is told, in one transaction.

use super::{App, day};
use crate::store::performance::{EndpointReport, Report};
use crate::store::{self, StoreError};
use onduty_core::signal::{Observation, Snapshot};

impl App {
    /// The outside world as it is known now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let mut reader = self.store.read().await?;
        day::load_snapshot(&mut reader, &self.instance(), self.clock.duty_now()).await
    }

    /// Records what was compared; with `endpoints` these replace those of an earlier comparison of the same rollout.
    ///
    /// # Errors
    /// The store cannot be written; nothing was recorded.
    pub async fn compared(
        &self,
        report: &Report,
        endpoints: Option<&[EndpointReport]>,
        observations: Vec<Observation>,
    ) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        store::performance::put(&mut tx, report, endpoints).await?;
        day::record_observations(&mut tx, self.clock.duty_now(), observations).await?;
        tx.commit().await?;
        self.bus.tell_observed();
        Ok(())
    }
}
