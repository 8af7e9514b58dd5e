//! What scripts have the host do: operations on their way, and calls whose bodies are not at their
//! end.
//!
//! They belong to an instance, and go with it. The session polls them between two slices of the
//! script, where the sockets of the server are: never while the script runs.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use kv::KvError;
use outbound::ResponseBody;
use script_abi::{Operation, Outcome, encode};
use tokio::sync::mpsc;

use super::calls::{self, Piece};
use super::store;
use crate::worker::WorkerSettings;

/// The most that an instance has on their way; the prelude of ours keeps to fewer.
const OPEN_MAX: usize = 4096;

/// How an operation ended.
pub(crate) struct Ended {
    outcome: Vec<u8>,
    /// What is left of the body of an answer; `None` at its end, and where there is none.
    body: Option<ResponseBody>,
    /// That of the store, where the script may fail for it.
    failure: Option<KvError>,
}

impl Ended {
    pub(crate) fn with(outcome: &Outcome<'_>) -> Self {
        Self {
            outcome: encode(outcome),
            body: None,
            failure: None,
        }
    }

    pub(crate) fn failed(code: &str, message: &str) -> Self {
        Self::with(&Outcome::Failed { code, message })
    }

    pub(crate) fn with_body(outcome: &Outcome<'_>, body: ResponseBody) -> Self {
        Self {
            body: Some(body),
            ..Self::with(outcome)
        }
    }

    pub(crate) fn of_store(outcome: Result<Vec<u8>, KvError>) -> Self {
        match outcome {
            Ok(outcome) => Self {
                outcome,
                body: None,
                failure: None,
            },
            Err(error) => Self {
                failure: Some(error.clone()),
                ..Self::failed(store::code_of(&error), &error.to_string())
            },
        }
    }
}

/// The work of an operation.
pub(crate) type Work = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// An operation that has ended, for its script.
pub(crate) struct Settled {
    pub(crate) number: u32,
    /// The request that it was begun for; 0 for none.
    pub(crate) owner: u32,
    /// An [`Outcome`].
    pub(crate) outcome: Vec<u8>,
    /// Why the store could not do it.
    pub(crate) failure: Option<KvError>,
}

/// The operations of an instance.
#[derive(Default)]
pub(crate) struct Operations {
    open: Vec<OpenOperation>,
    calls: Vec<OpenCall>,
    last: u32,
    /// Whether anything was begun that may have changed something outside.
    has_effect: bool,
}

struct OpenOperation {
    number: u32,
    owner: u32,
    /// The call that it is a part of.
    call: Option<u32>,
    /// Whether it brings the answer of that, or more of it.
    receives: bool,
    changes: bool,
    bytes: usize,
    work: Work,
}

struct OpenCall {
    number: u32,
    owner: u32,
    /// Where the body of the request goes, until its end.
    sender: Option<mpsc::Sender<Piece>>,
    /// The body of the answer, while nobody reads.
    body: Option<ResponseBody>,
}

impl Operations {
    /// Whether something is on its way, and may make the script go on.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether anything may have been changed outside. What was asked for and not begun has not.
    pub(crate) fn has_effect(&self) -> bool {
        self.has_effect
    }

    /// Begins an operation, which lies in `message`; its number.
    pub(crate) fn begin(
        &mut self,
        owner: u32,
        operation: &Operation<'_>,
        message: &Bytes,
        settings: &WorkerSettings,
    ) -> wasmtime::Result<u32> {
        if let Operation::Cancel { number } = *operation {
            self.cancel(number);
            return Ok(0);
        }
        if self.open.len() + self.calls.len() >= OPEN_MAX {
            wasmtime::bail!("the engine has begun more than {OPEN_MAX} operations");
        }
        self.last = self.last.wrapping_add(1).max(1);
        let number = self.last;
        let bytes = message.len();
        let on_their_way: usize = self.open.iter().map(|open| open.bytes).sum();
        let limit = settings.limits.memory;
        let (call, work) = match operation {
            _ if on_their_way.saturating_add(bytes) > limit.as_usize() => {
                (None, too_much(&limit.to_string()))
            }
            Operation::Send { call, piece } => (Some(*call), self.send(*call, *piece, message)),
            Operation::Receive { call } => (Some(*call), self.receive(*call)),
            Operation::Fetch { .. } => {
                let (sender, work) = calls::begin(operation, message, settings);
                self.calls.push(OpenCall {
                    number,
                    owner,
                    sender,
                    body: None,
                });
                (Some(number), work)
            }
            Operation::Kv(operation) => (None, store::begin(operation, message, settings)),
            Operation::Cache(_) | Operation::Cancel { .. } => (None, nothing()),
        };
        self.open.push(OpenOperation {
            number,
            owner,
            call,
            receives: matches!(
                operation,
                Operation::Fetch { .. } | Operation::Receive { .. }
            ),
            changes: changes(operation),
            bytes,
            work,
        });
        Ok(number)
    }

    fn call(&mut self, number: u32) -> Option<&mut OpenCall> {
        self.calls.iter_mut().find(|call| call.number == number)
    }

    fn send(&mut self, call: u32, piece: Option<&[u8]>, message: &Bytes) -> Work {
        let Some(call) = self.call(call) else {
            return closed();
        };
        let sender = match piece {
            Some(_) => call.sender.clone(),
            None => call.sender.take(),
        };
        match sender {
            Some(sender) => calls::send(sender, piece.map(|piece| message.slice_ref(piece))),
            None => closed(),
        }
    }

    fn receive(&mut self, call: u32) -> Work {
        match self.call(call).and_then(|call| call.body.take()) {
            Some(body) => calls::receive(body),
            None => closed(),
        }
    }

    fn cancel(&mut self, number: u32) {
        self.open
            .retain(|open| open.number != number && open.call != Some(number));
        self.calls.retain(|call| call.number != number);
    }

    /// Ends what was begun for requests that are over. Whoever waits for it all the same, in an
    /// instance that goes on, is told so.
    pub(crate) fn keep(&mut self, is_open: impl Fn(u32) -> bool) {
        let is_kept = |owner: u32| owner == 0 || is_open(owner);
        self.calls.retain(|call| is_kept(call.owner));
        for open in &mut self.open {
            if !is_kept(open.owner) {
                open.owner = 0;
                open.changes = false;
                open.work = over();
            }
        }
    }

    /// The next operation that has ended.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Settled> {
        for place in 0..self.open.len() {
            let open = &mut self.open[place];
            self.has_effect |= open.changes;
            let Poll::Ready(ended) = open.work.as_mut().poll(context) else {
                continue;
            };
            let OpenOperation {
                number,
                owner,
                call,
                receives,
                ..
            } = self.open.remove(place);
            if let (Some(call), true) = (call, receives) {
                self.put_back(call, ended.body);
            }
            return Poll::Ready(Settled {
                number,
                owner,
                outcome: ended.outcome,
                failure: ended.failure,
            });
        }
        Poll::Pending
    }

    /// The rest of the body of an answer; without one the call is over.
    fn put_back(&mut self, number: u32, body: Option<ResponseBody>) {
        match body {
            Some(body) => {
                if let Some(call) = self.call(number) {
                    call.body = Some(body);
                }
            }
            None => self.calls.retain(|call| call.number != number),
        }
    }
}

/// Whether an operation may change something outside.
fn changes(operation: &Operation<'_>) -> bool {
    use script_abi::KvOperation as Kv;
    match operation {
        Operation::Fetch { .. } => true,
        Operation::Kv(Kv::Get(_) | Kv::GetMany(_) | Kv::List { .. }) => false,
        Operation::Kv(_) => true,
        _ => false,
    }
}

pub(crate) fn ready(ended: Ended) -> Work {
    Box::pin(std::future::ready(ended))
}

fn nothing() -> Work {
    ready(Ended::with(&Outcome::Done))
}

fn closed() -> Work {
    ready(Ended::failed("closed", "the call is over"))
}

fn over() -> Work {
    let message = "the request that it was begun for is over; give what goes on after an answer to \
         ctx.waitUntil";
    ready(Ended::failed("over", message))
}

fn too_much(limit: &str) -> Work {
    let message = format!(
        "what waits to be sent has more than {limit}, the limit `memory`; await some of it"
    );
    ready(Ended::failed("too-much", &message))
}
