//! What an instance of the engine has of its host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use limits::ByteSize;
use script_abi::{Answer, Failure, decode, flags};
use tokio::sync::oneshot;
use wasmtime::Memory;

use super::body::{BodySender, Signals, body_stream};
use crate::call::CallError;
use crate::meter::MemoryMeter;
use crate::protocol::{BadResponse, FIELDS_MAX, WorkerBody, WorkerResponse};
use crate::stdio::{Log, LogLine};

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
    /// Why the script is no worker; only while it is evaluated.
    pub(crate) refusal: Option<Vec<u8>>,
}

/// A request that the script has not finished with.
pub(crate) struct OpenRequest {
    pub(crate) id: u32,
    pub(crate) body: Bytes,
    pub(crate) reply: Option<Reply>,
    /// Whether the reply has been given; the session looks at it too.
    pub(crate) is_answered: Arc<AtomicBool>,
    pub(crate) sender: Option<BodySender>,
    pub(crate) is_done: bool,
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
            refusal: None,
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
        request.is_answered.store(true, Ordering::Relaxed);
        if let Some(reply) = request.reply.take() {
            // Nobody may be waiting any more.
            let _ = reply.send(answer);
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
        let Some(request) = self.request(id) else {
            return;
        };
        request.is_done = true;
        let error = match (failure, out_of_memory) {
            (Failure::NoResponse, _) => BadResponse::NoResponse { reason: text }.into(),
            (Failure::Exception, Some(asked)) => CallError::OutOfMemory { limit, asked },
            (Failure::Exception, None) => CallError::Exception { text },
        };
        if let Some(reply) = request.reply.take() {
            let _ = reply.send(Err(error));
        }
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
