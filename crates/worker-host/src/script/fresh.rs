//! A request in an instance of its own.

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::session::{Job, Session};
use crate::call::CallError;
use crate::exchange::{WorkerRequest, WorkerResponse};
use crate::worker::Worker;

/// Runs a request in an instance of its own.
pub(crate) async fn answer_fresh(
    worker: &Worker,
    request: WorkerRequest,
    deadline: Instant,
    (turn, place): (OwnedSemaphorePermit, OwnedSemaphorePermit),
) -> Result<WorkerResponse, CallError> {
    let (reply, answered) = oneshot::channel();
    let job = Job {
        request,
        reply,
        deadline,
        turn,
        in_lane: None,
    };
    let mut answered = std::pin::pin!(answered);
    let mut run = Box::pin(Session::new(worker.clone(), place, None).run(Some(job)));
    // Most answers are there, whole, after the first slice: then nothing is spawned.
    tokio::select! {
        biased;
        () = &mut run => answered.await.unwrap_or_else(|_| Err(lost(worker, deadline))),
        answer = &mut answered => {
            tokio::spawn(run);
            answer.unwrap_or_else(|_| Err(lost(worker, deadline)))
        }
    }
}

/// Why there is no answer when the instance is gone.
pub(crate) fn lost(worker: &Worker, deadline: Instant) -> CallError {
    match Instant::now() >= deadline {
        true => CallError::Timeout {
            limit: worker.0.settings.limits.time,
            waiting: false,
        },
        false => CallError::InstanceLost,
    }
}
