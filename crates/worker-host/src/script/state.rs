//! What an instance of the engine has of its host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use limits::{ByteSize, TimeSpan};
use script_abi::{Answer, Failure, decode, flags};
use tokio::sync::oneshot;
use wasmtime::Memory;

use kv::KvError;

use super::body::{BodySender, Signals, body_stream};
use super::cache::CacheRun;
use super::operations::Operations;
use crate::call::CallError;
use crate::exchange::{BadResponse, FIELDS_MAX, WorkerBody, WorkerResponse};
use crate::meter::MemoryMeter;
use crate::stdio::{Log, LogLine};
use crate::worker::Worker;

/// Where an answer goes.
pub(crate) type Reply = oneshot::Sender<Result<WorkerResponse, CallError>>;

/// What an instance of the engine has of its host.
pub(crate) struct ScriptState {
    pub(crate) meter: MemoryMeter,
    pub(crate) memory: Option<Memory>,
    /// Of the current call.
    pub(crate) input: Vec<u8>,
    pub(crate) requests: Vec<OpenRequest>,
    pub(crate) clock: Clock,
    pub(crate) variables: Arc<[String]>,
    pub(crate) log: Log,
    pub(crate) signals: Arc<Signals>,
    pub(crate) response_body: ByteSize,
    /// What a request may take.
    pub(crate) time: TimeSpan,
    /// Why the script is no worker; only while it is evaluated.
    pub(crate) refusal: Option<Vec<u8>>,
    /// Whose requests these are, once there are any.
    pub(crate) worker: Option<Worker>,
    pub(crate) operations: Operations,
    /// What the request does with `Cache`, if it does.
    pub(crate) cache: Option<Box<CacheRun>>,
    /// An answer that is kept back until what was done with `Cache` is certain.
    pub(crate) held: Option<Result<WorkerResponse, CallError>>,
    /// Whether the request was run before, in vain.
    pub(crate) is_repeated: bool,
    /// What the store has last failed for, and which request.
    pub(crate) store_failure: Option<(u32, KvError)>,
}

/// A request that the script has not finished with.
pub(crate) struct OpenRequest {
    pub(crate) id: u32,
    pub(crate) body: Bytes,
    pub(crate) reply: Option<Reply>,
    /// Its answer, if that streams and the script has not rested since it gave it.
    begun: Option<WorkerResponse>,
    /// Whether the reply has been given; the session looks at it too.
    pub(crate) is_answered: Arc<AtomicBool>,
    pub(crate) sender: Option<BodySender>,
    pub(crate) is_done: bool,
}

impl OpenRequest {
    pub(crate) fn new(id: u32, body: Bytes, reply: Reply, is_answered: Arc<AtomicBool>) -> Self {
        Self {
            id,
            body,
            reply: Some(reply),
            begun: None,
            is_answered,
            sender: None,
            is_done: false,
        }
    }

    /// Gives its answer, if it had none. One that streams is given when the script rests: if it
    /// breaks off before, nothing has been sent, and the client is told that there is no answer.
    pub(crate) fn answer(&mut self, answer: Result<WorkerResponse, CallError>) {
        match answer {
            Ok(answer) if matches!(answer.body, WorkerBody::Stream(_)) => self.begun = Some(answer),
            answer => self.give(answer),
        }
    }

    /// Gives an answer that streams, now that the script rests.
    pub(crate) fn give_begun(&mut self) {
        let Some(answer) = self.begun.take() else {
            return;
        };
        self.give(match &answer.body {
            WorkerBody::Stream(stream) if stream.is_broken() => Err(CallError::BrokenBody),
            _ => Ok(answer),
        });
    }

    /// Whether the script has answered, be it with the beginning of a stream.
    pub(crate) fn has_answer(&self) -> bool {
        self.reply.is_none() || self.begun.is_some()
    }

    fn give(&mut self, answer: Result<WorkerResponse, CallError>) {
        self.is_answered.store(true, Ordering::Relaxed);
        if let Some(reply) = self.reply.take() {
            // Nobody may be waiting any more.
            let _ = reply.send(answer);
        }
    }
}

/// The time that a script sees.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// It stands still while a script is evaluated: the same script gives the same image.
    #[cfg(feature = "compile")]
    Frozen,
    /// The host's; the instance began then.
    Running(Instant),
}

impl Clock {
    /// Whether the script is being evaluated.
    pub(crate) fn is_frozen(self) -> bool {
        match self {
            #[cfg(feature = "compile")]
            Self::Frozen => true,
            Self::Running(_) => false,
        }
    }

    /// Milliseconds since 1970.
    pub(crate) fn now(self) -> f64 {
        match self {
            #[cfg(feature = "compile")]
            Self::Frozen => 0.0,
            Self::Running(_) => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                since.map_or(0.0, |since| since.as_secs_f64() * 1000.0)
            }
        }
    }

    /// Milliseconds since the instance began.
    pub(crate) fn elapsed(self) -> f64 {
        match self {
            #[cfg(feature = "compile")]
            Self::Frozen => 0.0,
            Self::Running(begin) => begin.elapsed().as_secs_f64() * 1000.0,
        }
    }
}

impl ScriptState {
    /// For a store in which nothing runs.
    pub(crate) fn unused() -> Self {
        let log: LogLine = Arc::new(|_, _| {});
        Self {
            meter: MemoryMeter::new(ByteSize(0), 0),
            memory: None,
            input: Vec::new(),
            requests: Vec::new(),
            clock: Clock::Running(Instant::now()),
            variables: Arc::default(),
            log: Log::new(log),
            signals: Arc::default(),
            response_body: ByteSize(0),
            time: TimeSpan(Duration::ZERO),
            refusal: None,
            worker: None,
            operations: Operations::default(),
            cache: None,
            held: None,
            is_repeated: false,
            store_failure: None,
        }
    }

    /// That the store has failed for a request: a script that fails then is not to blame.
    pub(crate) fn note_store_failure(&mut self, id: u32, failure: KvError) {
        use KvError::{Disk, Refused, Unavailable};
        if matches!(failure, Unavailable { .. } | Refused { .. } | Disk { .. }) {
            self.store_failure = Some((id, failure));
        }
    }

    pub(crate) fn request(&mut self, id: u32) -> Option<&mut OpenRequest> {
        self.requests.iter_mut().find(|request| request.id == id)
    }

    /// What the script answers. A second answer to the same request is passed over: the prelude
    /// makes none.
    pub(crate) fn respond(
        &mut self,
        id: u32,
        head: Result<(StatusCode, HeaderMap), BadResponse>,
        body: Bytes,
        bits: u32,
    ) {
        let (signals, limit) = (Arc::clone(&self.signals), self.response_body);
        let Some(request) = self.request(id) else {
            return;
        };
        request.is_done |= bits & flags::DONE != 0;
        let is_streaming = bits & flags::STREAMING != 0;
        let answer = head.map_err(CallError::from).and_then(|(status, headers)| {
            if body.len() > limit.as_usize() {
                return Err(CallError::ResponseTooLarge { limit });
            }
            let body = match is_streaming {
                false => WorkerBody::Whole(body),
                true => {
                    let (sender, stream) = body_stream(id, &signals);
                    sender.send(body);
                    request.sender = Some(sender);
                    WorkerBody::Stream(stream)
                }
            };
            Ok(WorkerResponse {
                status,
                headers,
                body,
            })
        });
        self.reply(id, answer);
    }

    /// Answers a request, or notes its answer until what was done with `Cache` is certain.
    fn reply(&mut self, id: u32, answer: Result<WorkerResponse, CallError>) {
        if self.cache.is_some() {
            self.held.get_or_insert(answer);
        } else if let Some(request) = self.request(id) {
            request.answer(answer);
        }
    }

    /// A piece of a body; whether there is room for another.
    pub(crate) fn chunk(&mut self, id: u32, piece: Bytes) -> bool {
        let sender = self.request(id).and_then(|request| request.sender.as_ref());
        sender.is_none_or(|sender| sender.send(piece))
    }

    /// The end of a body.
    pub(crate) fn end(&mut self, id: u32) {
        if let Some(sender) = self.request(id).and_then(|request| request.sender.take()) {
            sender.end();
        }
    }

    /// A body that breaks off.
    pub(crate) fn abort(&mut self, id: u32, reason: &str) {
        let sender = self.request(id).and_then(|request| request.sender.take());
        if sender.is_some() {
            self.log
                .error(&format!("the body of the answer broke off: {reason}"));
        }
    }

    /// There will be no answer.
    pub(crate) fn fail(&mut self, id: u32, failure: Failure, text: String) {
        let out_of_memory = self.meter.refused();
        let limit = self.meter.limit();
        let store_failure = self.store_failure.take_if(|(of, _)| *of == id);
        let Some(request) = self.request(id) else {
            return;
        };
        request.is_done = true;
        let error = match (failure, out_of_memory, store_failure) {
            (Failure::NoResponse, ..) => BadResponse::NoResponse { reason: text }.into(),
            (Failure::Exception, Some(asked), _) => CallError::OutOfMemory { limit, asked },
            (Failure::Exception, None, Some((_, failure))) => {
                self.log.error(&format!("it threw {text}"));
                failure.into()
            }
            (Failure::Exception, None, None) => CallError::Exception { text },
        };
        self.reply(id, Err(error));
    }
}

/// Status and fields of an answer as a script gives it. Never panics, whatever the bytes.
pub fn parse_script_answer(bytes: &[u8]) -> Result<(StatusCode, HeaderMap), BadResponse> {
    let answer: Answer<'_> = decode(bytes).map_err(|error| BadResponse::NoResponse {
        reason: format!("what it answered with is no response: {error}"),
    })?;
    let status = StatusCode::from_u16(answer.status)
        .ok()
        .filter(|status| (200..600).contains(&status.as_u16()))
        .ok_or(BadResponse::Status(answer.status))?;
    let found = answer.headers.len();
    if found > FIELDS_MAX {
        return Err(BadResponse::TooManyFields { found });
    }
    let mut headers = HeaderMap::with_capacity(found + 4);
    for (name, value) in &answer.headers {
        let bad = || BadResponse::Header {
            name: String::from_utf8_lossy(name).into_owned(),
        };
        let key = HeaderName::from_bytes(name).map_err(|_| bad())?;
        headers.append(key, HeaderValue::from_bytes(value).map_err(|_| bad())?);
    }
    Ok((status, headers))
}
