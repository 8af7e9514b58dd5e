//! How far a guest has come, for those who have a part of its answer already.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::call::CallError;
use crate::stdio::LogLevel;
use crate::worker::Worker;

/// Shared by a guest, its answer, and whoever waits for that.
#[derive(Debug, Default)]
pub(in crate::component::http) struct Progress {
    failed: AtomicBool,
    answered: AtomicBool,
}

impl Progress {
    /// Whether the guest ended otherwise than it should. Known before its ends of streams are gone.
    pub(in crate::component::http) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// Says that what there is of the answer is all that will ever be, and not all of it.
    pub(in crate::component::http) fn fail(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    /// From now on a failure is only logged; whether it is too late for that.
    pub(in crate::component::http) fn answer_and_see_failure(&self) -> bool {
        self.answered.store(true, Ordering::SeqCst);
        self.has_failed()
    }

    /// Logs a failure that no answer tells of any more.
    pub(in crate::component::http) fn log_if_answered(&self, worker: &Worker, error: &CallError) {
        if self.answered.load(Ordering::SeqCst) {
            let line = format!("after the beginning of its answer {error}");
            (worker.0.settings.log)(LogLevel::Error, &line);
        }
    }
}

/// Says that a guest has failed, unless it is told otherwise. Lives shorter than the store.
pub(in crate::component::http) struct FailOnDrop(Option<Arc<Progress>>);

impl FailOnDrop {
    pub(in crate::component::http) fn new(progress: &Arc<Progress>) -> Self {
        Self(Some(Arc::clone(progress)))
    }

    /// It has not failed.
    pub(in crate::component::http) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for FailOnDrop {
    fn drop(&mut self) {
        if let Some(progress) = &self.0 {
            progress.fail();
        }
    }
}
