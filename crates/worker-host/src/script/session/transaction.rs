//! The end of a transaction: what a request has done with `Cache` is done, and then it is answered.
//! If it was in vain, the request is run again.

use kv::Commit;
use tokio::time::Instant;

use super::{Job, Open, Session};
use crate::call::CallError;
use crate::script::instance::Instance;
use crate::script::state::{Reply, ScriptState};
use crate::transact::Runs;

/// What came of an answer that was held back.
pub(super) enum Concluded {
    /// It was given, or instead of it the reason why there is none.
    Answered,
    /// It would have been wrong; the request may be run again, in another instance.
    Conflict(Reply),
}

/// Commits what the request has done, and gives its answer.
pub(super) async fn conclude(state: &mut ScriptState, deadline: Option<Instant>) -> Concluded {
    let committed = commit(state, deadline).await;
    let answer = state.held.take();
    // What was begun and had no turn yet has changed nothing.
    let may_repeat = !state.operations.has_effect();
    let request = state.requests.iter_mut().find(|open| open.reply.is_some());
    let (Some(answer), Some(request)) = (answer, request) else {
        return Concluded::Answered;
    };
    match committed {
        Ok(Commit::Done) => request.answer(answer),
        Ok(Commit::Conflict) if may_repeat => {
            if let Some(reply) = request.reply.take() {
                return Concluded::Conflict(reply);
            }
        }
        Ok(Commit::Conflict) => request.answer(Err(CallError::Conflict { runs: 1 })),
        Err(error) => request.answer(Err(error)),
    }
    Concluded::Answered
}

async fn commit(state: &mut ScriptState, deadline: Option<Instant>) -> Result<Commit, CallError> {
    // It is gone with this, and the turn of its run too.
    let Some(run) = state.cache.take() else {
        return Ok(Commit::Done);
    };
    let commit = run.commit(state.held.as_ref().is_some_and(Result::is_ok));
    let committed = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, commit).await.ok(),
        None => Some(commit.await),
    };
    match committed {
        Some(committed) => Ok(committed?),
        None => Err(CallError::Timeout {
            limit: state.time,
            waiting: false,
        }),
    }
}

impl Session {
    /// The request of an instance that was run in vain.
    pub(super) fn take_back(&mut self, mut instance: Instance, reply: Reply) -> Option<Job> {
        self.place = instance.place.take();
        drop(instance);
        let Open {
            request,
            deadline,
            held: (turn, in_lane),
            ..
        } = self.open.pop()?;
        Some(Job {
            request: request?,
            reply,
            deadline,
            turn,
            in_lane,
        })
    }

    /// Runs a request again, as often as it takes and may be.
    pub(super) async fn repeat(&mut self, mut job: Job) {
        let Some(kv) = self.worker.0.settings.kv.clone() else {
            return;
        };
        self.is_repeated = true;
        let mut runs = None;
        loop {
            let again = async {
                match &mut runs {
                    Some(runs) => Runs::again(runs).await,
                    None => runs.insert(Runs::begin(&kv).await).again().await,
                }
            };
            let refused = match tokio::time::timeout_at(job.deadline, again).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                Err(_) => Some(self.too_late()),
            };
            if let Some(error) = refused {
                // Nobody may be waiting any more.
                let _ = job.reply.send(Err(error));
                return;
            }
            match self.work(Some(job), &mut runs).await {
                Some(again) => job = again,
                None => return,
            }
        }
    }

    fn too_late(&self) -> CallError {
        CallError::Timeout {
            limit: self.worker.0.settings.limits.time,
            waiting: false,
        }
    }
}
