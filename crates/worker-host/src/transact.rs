//! Runs that see and change the key-value store as if they were alone (serializable isolation).
//!
//! A run works on what it was given at its beginning, and its changes are applied if that is still
//! so at its end. If it is not, the run is repeated from the new state. Runs of one process that had
//! to be repeated take turns, and so do all that come while somebody does: however many requests
//! change the same key, each is repeated a few times at most. Between processes a run may lose again.

use std::time::Duration;

use kv::Exclusive;

use crate::call::CallError;
use crate::worker::KvSettings;

/// How often a request is run at most.
const RUNS_MAX: u32 = 100;

/// The longest pause before a run is repeated, beside that of the run itself.
const PAUSE_MAX: Duration = Duration::from_millis(16);

/// The runs of one request.
pub(crate) struct Runs<'k> {
    kv: &'k KvSettings,
    runs: u32,
    turn: Option<Exclusive>,
}

impl<'k> Runs<'k> {
    /// Before the first run.
    pub(crate) async fn begin(kv: &'k KvSettings) -> Self {
        let turn = match kv.namespace.is_exclusive() {
            true => Some(kv.namespace.exclusive().await),
            false => None,
        };
        Self { kv, runs: 1, turn }
    }

    /// After a conflict, before the next run, if there may be one.
    pub(crate) async fn again(&mut self) -> Result<(), CallError> {
        if !self.kv.may_retry || self.runs >= RUNS_MAX {
            return Err(CallError::Conflict { runs: self.runs });
        }
        self.runs += 1;
        match self.turn {
            // It lost against another process.
            Some(_) => tokio::time::sleep(pause(self.runs)).await,
            None => self.turn = Some(self.kv.namespace.exclusive().await),
        }
        Ok(())
    }
}

/// Between nothing and a bound that grows with the number of runs.
fn pause(runs: u32) -> Duration {
    let bound = Duration::from_micros(500)
        .saturating_mul(runs)
        .min(PAUSE_MAX);
    let mut byte = [0];
    // Without random numbers the pauses are equal, which is slower and not wrong.
    let _ = getrandom::fill(&mut byte);
    bound.mul_f64(f64::from(byte[0]) / 255.0)
}
