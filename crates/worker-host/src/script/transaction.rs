//! The end of a transaction: what a request has done with `Cache` is done, and then it is answered.

use kv::Commit;
use tokio::time::Instant;

use super::state::{Reply, ScriptState};
use crate::call::CallError;

/// What came of an answer that was held back.
pub(crate) enum Concluded {
    /// It was given, or instead of it the reason why there is none.
    Answered,
    /// It would have been wrong; the request may be run again, in another instance.
    Conflict(Reply),
}

/// Commits what the request has done, and gives its answer.
pub(crate) async fn conclude(state: &mut ScriptState, deadline: Option<Instant>) -> Concluded {
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
