//! Programs of the wws protocol: a request on standard input, an answer on standard output.

use std::collections::BTreeMap;

use bytes::Bytes;
use kv::{Commit, Transaction};
use limits::{ByteSize, WorkerLimits};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime_wasi::I32Exit;

use crate::call::CallError;
use crate::exchange::{WorkerRequest, WorkerResponse};
use crate::protocol::{Output, encode_request, parse_output};
use crate::state::{State, Stdio};
use crate::stdio::Answer;
use crate::transact::Runs;
use crate::worker::{KvSettings, Program, Worker};

/// Room for what stands around the body in the JSON of an answer. Beside it twice the limit of the
/// body is allowed, for base64 and escapes; the body itself is measured once it is decoded.
const ENVELOPE_BYTES: u64 = 64 << 10;

/// Runs a program, until the deadline at the longest.
pub(crate) async fn answer(
    worker: &Worker,
    request: WorkerRequest,
    deadline: Instant,
    permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
) -> Result<WorkerResponse, CallError> {
    let host = &worker.0.host;
    let held = (permits, host.ticker.start());
    let this = worker.clone();
    let run = async move {
        // Given back when the instance is gone, also where nobody waits for its answer any more:
        // dropping this call only asks for the end of a guest that runs elsewhere.
        let _held = held;
        // The timer is first polled, and so registered, when the guest's first slice did not end
        // it.
        tokio::time::timeout_at(deadline, serve(&this, &request))
            .await
            .ok()
    };
    match host.busy.run(run).await {
        Some(result) => result,
        None => Err(CallError::Timeout {
            limit: worker.0.settings.limits.time,
            waiting: false,
        }),
    }
}

async fn serve(worker: &Worker, request: &WorkerRequest) -> Result<WorkerResponse, CallError> {
    match &worker.0.settings.kv {
        Some(kv) => transact(worker, kv, request).await,
        None => {
            let output = run(worker, request, &BTreeMap::new()).await?;
            Ok(output.response)
        }
    }
}

/// Runs a program on what its namespace holds, and applies what it changed, all or nothing; again,
/// if another request has changed what it was given.
async fn transact(
    worker: &Worker,
    kv: &KvSettings,
    request: &WorkerRequest,
) -> Result<WorkerResponse, CallError> {
    let snapshot_bytes_max = worker.0.settings.limits.kv_snapshot.0;
    let mut runs = Runs::begin(kv).await;
    loop {
        let snapshot = kv.namespace.snapshot(snapshot_bytes_max).await?;
        let output = run(worker, request, &snapshot.entries).await?;
        let Some(state) = output.kv else {
            return Ok(output.response);
        };
        let writes = changes(&snapshot.entries, state);
        if writes.is_empty() {
            return Ok(output.response);
        }
        let transaction = Transaction {
            snapshot: Some(snapshot.version),
            writes,
            ..Transaction::default()
        };
        match kv.namespace.commit(&transaction).await? {
            Commit::Done => return Ok(output.response),
            Commit::Conflict => runs.again().await?,
        }
    }
}

/// What makes the new state of the old one. What is no text was not shown to the worker, and stays.
fn changes(
    old: &BTreeMap<Bytes, Bytes>,
    new: BTreeMap<String, String>,
) -> BTreeMap<Bytes, Option<Bytes>> {
    let is_gone = |(key, value): &(&Bytes, &Bytes)| {
        std::str::from_utf8(value).is_ok()
            && std::str::from_utf8(key).is_ok_and(|key| !new.contains_key(key))
    };
    let gone = old
        .iter()
        .filter(is_gone)
        .map(|(key, _)| (key.clone(), None));
    let mut writes: BTreeMap<_, _> = gone.collect();
    for (key, value) in new {
        let (key, value) = (Bytes::from(key), Bytes::from(value));
        if old.get(&key) != Some(&value) {
            writes.insert(key, Some(value));
        }
    }
    writes
}

async fn run(
    worker: &Worker,
    request: &WorkerRequest,
    kv: &BTreeMap<Bytes, Bytes>,
) -> Result<Output, CallError> {
    let limits = &worker.0.settings.limits;
    let answer = Answer::new(answer_bytes_max(limits));
    let input = encode_request(request, kv);
    let mut store = State::store(worker, Stdio::Protocol(input, answer.clone()));
    let too_large = CallError::ResponseTooLarge {
        limit: limits.response_body,
    };
    if let Err(error) = execute(&worker.0.program, &mut store).await {
        return Err(match answer.overflowed() {
            true => too_large,
            false => store.data().explain(&error),
        });
    }
    drop(store);
    let Some(written) = answer.take() else {
        return Err(too_large);
    };
    let output = parse_output(&written)?;
    match output.response.body.whole() {
        Some(body) if body.len() > limits.response_body.as_usize() => Err(too_large),
        _ => Ok(output),
    }
}

/// What the JSON of an answer may take, so that a body at its limit fits.
fn answer_bytes_max(limits: &WorkerLimits) -> usize {
    let body = limits.response_body.0;
    ByteSize(body.saturating_mul(2).saturating_add(ENVELOPE_BYTES)).as_usize()
}

/// Instantiates and runs a program to its end; an exit with code 0 is one.
async fn execute(program: &Program, store: &mut Store<State>) -> wasmtime::Result<()> {
    let result = match program {
        Program::Core(linked) => {
            let instance = linked.instantiate_async(&mut *store).await?;
            let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
            start.call_async(&mut *store, ()).await
        }
        Program::Component(component) => component.run(store).await,
        // It has no start of this kind.
        Program::Script(_) => return Ok(()),
    };
    match result {
        Err(error)
            if error
                .downcast_ref::<I32Exit>()
                .is_some_and(|exit| exit.0 == 0) =>
        {
            Ok(())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_found_and_what_was_not_shown_stays() {
        let old: BTreeMap<Bytes, Bytes> = [
            (&b"same"[..], &b"1"[..]),
            (b"other", b"1"),
            (b"gone", b"1"),
            (b"\xff", b"no text"),
            (b"value", b"\xff"),
        ]
        .map(|(key, value)| (Bytes::from_static(key), Bytes::from_static(value)))
        .into();
        let new = [("same", "1"), ("other", "2"), ("new", "3")];
        let new = new.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let want = [("other", Some("2")), ("gone", None), ("new", Some("3"))];
        let want = want.map(|(key, value)| (Bytes::from(key), value.map(Bytes::from)));
        assert_eq!(changes(&old, new.into()), want.into());
    }
}
