//! When a call must be over.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::error::CallError;

/// When a call must be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        let now = Instant::now();
        // What is too far away for the clock is as good as never.
        let at = now.checked_add(limit);
        Self {
            at: at.unwrap_or(now + Duration::from_secs(365 * 24 * 60 * 60)),
            limit,
        }
    }

    pub(crate) fn passed(&self) -> CallError {
        CallError::TotalTimeout { limit: self.limit }
    }

    /// The outcome of a step, or that there was no time for it.
    pub(crate) async fn bound<T>(
        &self,
        step: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        timeout_at(self.at, step)
            .await
            .unwrap_or_else(|_| Err(self.passed()))
    }
}
