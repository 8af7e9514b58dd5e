//! A request that a worker answers, and what its answer becomes.

use std::sync::Arc;
use std::time::Instant;

use bundle_format::meta::WorkerKind;
use bytes::{Buf, Bytes};
use futures_core::Stream;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use kv::KvError;
use worker_host::{CallError, WorkerBody, WorkerRequest, WorkerResponse};

use crate::app::App;
use crate::collected_body::{BodyFailure, Collected, Reading};
use crate::limited_body::LimitedBody;
use crate::log;
use crate::refusal::Refusal;
use crate::watch::{Failed, FailureKind, LimitName, Measures};

/// Which worker a request goes to, and what the path says.
#[derive(Clone, Debug)]
pub(crate) struct WorkerTarget {
    pub(crate) worker: usize,
    /// Scheme and authority, as the client has them.
    pub(crate) origin: String,
    pub(crate) url: String,
    pub(crate) params: Vec<(String, String)>,
}

impl WorkerTarget {
    fn request<B>(self, method: Method, headers: HeaderMap, body: B) -> WorkerRequest<B> {
        WorkerRequest {
            method,
            origin: self.origin,
            url: self.url,
            headers,
            body,
            params: self.params,
        }
    }
}

/// Request bodies up to this are read before a worker that reads streams is called.
const COLLECTED_BYTES_MAX: u64 = 64 << 10;

/// Marks an answer to a request whose body has been read to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyRead;

/// Marks an answer of the worker with this number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfWorker(pub(crate) usize);

/// Fields that belong to a connection, not to an answer (RFC 9110, 7.6.1).
static CONNECTION_FIELDS: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    // What a worker says of the length is said again from what it sent, or would have sent.
    CONTENT_LENGTH,
];

/// Reads the body, calls the worker, and turns failures into refusals with a line in the log.
pub(crate) async fn answer<B: Buf, E>(
    app: Arc<App>,
    target: WorkerTarget,
    method: Method,
    headers: HeaderMap,
    body: impl Stream<Item = Result<B, E>>,
) -> Response<WorkerBody> {
    let worker = target.worker;
    let is_head = method == Method::HEAD;
    let measured = Measured::begin(&app, worker);
    let answer = call(&app, target, method, headers, body).await;
    drop(measured);
    match answer {
        Ok(response) => mark_read(finish(&app, worker, is_head, response)),
        Err(failure @ Failure::Body(_)) => refuse(&app, worker, &failure),
        Err(failure) => mark_read(refuse(&app, worker, &failure)),
    }
}

/// As [`answer`], for a worker that reads the body as it comes.
pub(crate) async fn answer_streaming<B>(
    app: Arc<App>,
    target: WorkerTarget,
    method: Method,
    headers: HeaderMap,
    body: B,
) -> Response<WorkerBody>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
{
    let is_short = announced(&headers).is_some_and(|length| length <= COLLECTED_BYTES_MAX);
    if is_short || body.is_end_stream() {
        // The client gets its connection back, and a small body is read in one piece.
        let pieces = body.into_data_stream();
        return answer(app, target, method, headers, pieces).await;
    }
    let worker = target.worker;
    let limit = app.workers.request_body_limit(worker);
    if announced(&headers).is_some_and(|length| length > limit.0) {
        return refuse(&app, worker, &BodyFailure::TooLarge(limit).into());
    }
    let is_head = method == Method::HEAD;
    let (body, failure) = LimitedBody::new(body, limit, app.body_timeout);
    let request = target.request(method, headers, body.boxed_unsync());
    let measured = Measured::begin(&app, worker);
    let answer = match app.worker(worker).await {
        Ok(ready) => ready.call_streaming(request).await.map_err(Failure::Call),
        Err(error) => Err(Failure::Load(error)),
    };
    drop(measured);
    match answer {
        Ok(response) => finish(&app, worker, is_head, response),
        // A worker that fails for want of a body is not to blame.
        Err(error) => match failure.get() {
            Some(failure) => refuse(&app, worker, &failure.clone().into()),
            None => refuse(&app, worker, &error),
        },
    }
}

/// The answer to a request that the worker has not answered, and a line in the log that says why.
fn refuse(app: &App, worker: usize, failure: &Failure) -> Response<WorkerBody> {
    let refusal = failure.refusal();
    let record = app.bundle.meta().workers.get(worker);
    let (route, source) = record.map_or((String::new(), ""), |record| {
        (record.route.to_string(), record.source.as_str())
    });
    let status = refusal.status().as_u16();
    let fields: [(&str, &dyn std::fmt::Display); 4] = [
        ("route", &route),
        ("worker", &source),
        ("status", &status),
        ("reason", failure),
    ];
    log::line("worker_failed", &fields);
    let failed = Failed {
        kind: failure.kind(),
        limit: failure.limit(),
        status,
        reason: failure,
    };
    app.watch.failed(worker, &failed);
    let mut response = refusal.response().map(WorkerBody::Whole);
    response.extensions_mut().insert(OfWorker(worker));
    response
}

/// The time of a call, which ends when this is dropped, also by a client that goes away.
struct Measured<'m>(Option<(&'m Measures, usize, Instant)>);

impl<'m> Measured<'m> {
    fn begin(app: &'m App, worker: usize) -> Self {
        let measures = app.watch.measures();
        Self(measures.map(|measures| (measures, worker, Instant::now())))
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        if let Some((measures, worker, began)) = self.0.take() {
            measures.worked(worker, began.elapsed());
        }
    }
}

fn mark_read(mut response: Response<WorkerBody>) -> Response<WorkerBody> {
    response.extensions_mut().insert(BodyRead);
    response
}

/// Why a worker gave no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Load(Arc<crate::workers::LoadFailure>),
    #[error(transparent)]
    Body(#[from] BodyFailure),
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Failure {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Load(_) => Refusal::Internal,
            Self::Body(BodyFailure::TooLarge(_)) => Refusal::PayloadTooLarge,
            Self::Body(BodyFailure::TooSlow(_)) => Refusal::RequestTimeout,
            Self::Body(BodyFailure::Broken) => Refusal::BadRequest,
            Self::Body(BodyFailure::NoRoom) => Refusal::Busy,
            Self::Call(error) => match error {
                CallError::Busy { .. }
                | CallError::Timeout { waiting: true, .. }
                | CallError::InstanceLost
                | CallError::Conflict { .. }
                | CallError::Store(KvError::Unavailable { .. }) => Refusal::Busy,
                CallError::Timeout { waiting: false, .. } => Refusal::GatewayTimeout,
                CallError::OutOfMemory { .. }
                | CallError::Exit { .. }
                | CallError::Trap { .. }
                | CallError::Exception { .. }
                | CallError::NeverAnswers
                | CallError::BrokenBody
                | CallError::ReadsNoStream
                | CallError::Store(_) => Refusal::Internal,
                CallError::ResponseTooLarge { .. } | CallError::BadResponse(_) => {
                    Refusal::BadGateway
                }
            },
        }
    }
}

/// As metrics name it.
impl Failure {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Load(_) => FailureKind::Load,
            Self::Body(BodyFailure::TooLarge(_)) => FailureKind::RequestTooLarge,
            Self::Body(BodyFailure::TooSlow(_)) => FailureKind::RequestTooSlow,
            Self::Body(BodyFailure::Broken) => FailureKind::RequestBroken,
            Self::Body(BodyFailure::NoRoom) => FailureKind::Busy,
            Self::Call(error) => match error {
                CallError::Busy { .. } => FailureKind::Busy,
                CallError::Timeout { waiting: true, .. } => FailureKind::Waited,
                CallError::Timeout { waiting: false, .. } => FailureKind::Timeout,
                CallError::OutOfMemory { .. } => FailureKind::OutOfMemory,
                CallError::ResponseTooLarge { .. } => FailureKind::ResponseTooLarge,
                CallError::Exit { .. } => FailureKind::Exit,
                CallError::Trap { .. } => FailureKind::Trap,
                CallError::Exception { .. } => FailureKind::Exception,
                CallError::NeverAnswers => FailureKind::NeverAnswers,
                CallError::BrokenBody => FailureKind::BodyBrokeOff,
                CallError::InstanceLost => FailureKind::InstanceLost,
                CallError::BadResponse(_) | CallError::ReadsNoStream => FailureKind::BadResponse,
                CallError::Conflict { .. } => FailureKind::Conflict,
                CallError::Store(_) => FailureKind::Store,
            },
        }
    }

    /// The limit that it came up against.
    fn limit(&self) -> Option<LimitName> {
        match self {
            Self::Body(BodyFailure::TooLarge(_)) => Some(LimitName::RequestBody),
            Self::Body(BodyFailure::TooSlow(_)) => Some(LimitName::BodyTimeout),
            Self::Call(CallError::Busy { .. }) => Some(LimitName::Concurrency),
            Self::Call(CallError::Timeout { .. }) => Some(LimitName::Time),
            Self::Call(CallError::OutOfMemory { .. }) => Some(LimitName::Memory),
            Self::Call(CallError::ResponseTooLarge { .. }) => Some(LimitName::ResponseBody),
            Self::Call(CallError::Store(KvError::SnapshotTooLarge { .. })) => {
                Some(LimitName::KvSnapshot)
            }
            Self::Load(_)
            | Self::Body(BodyFailure::Broken | BodyFailure::NoRoom)
            | Self::Call(_) => None,
        }
    }
}

async fn call<B: Buf, E>(
    app: &App,
    target: WorkerTarget,
    method: Method,
    headers: HeaderMap,
    body: impl Stream<Item = Result<B, E>>,
) -> Result<WorkerResponse, Failure> {
    let reading = Reading {
        limit: app.workers.request_body_limit(target.worker),
        timeout: app.body_timeout,
        room: &app.body_room,
    };
    let Collected { body, _room } = reading.collect(announced(&headers), body).await?;
    let worker = app.worker(target.worker).await.map_err(Failure::Load)?;
    Ok(worker.call(target.request(method, headers, body)).await?)
}

/// What a message says of the length of its body.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What the wws protocol implies, as in wws 1.7. A script says itself what it answers with.
fn imply_content_type(headers: &mut HeaderMap) {
    headers
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("text/html; charset=utf-8"));
}

/// A worker's answer as it goes out.
fn finish(app: &App, worker: usize, is_head: bool, answer: WorkerResponse) -> Response<WorkerBody> {
    let WorkerResponse {
        status,
        mut headers,
        body,
    } = answer;
    let record = app.bundle.meta().workers.get(worker);
    if record.is_some_and(|record| speaks_protocol(record.kind)) {
        imply_content_type(&mut headers);
    }
    let has_body = !matches!(status.as_u16(), 204 | 205 | 304);
    let sends_nothing = body.whole().is_some_and(Bytes::is_empty);
    // Who sends nothing to HEAD says what GET would have been sent (RFC 9110, 9.3.2).
    let length = announced(&headers).filter(|_| is_head && has_body && sends_nothing);
    for name in &CONNECTION_FIELDS {
        headers.remove(name);
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    if !matches!(body, WorkerBody::Component(_)) {
        // Only a component has trailers that it could announce.
        headers.remove(TRAILER);
    }
    let mut response = Response::new(match has_body {
        true => body,
        false => WorkerBody::Whole(Bytes::new()),
    });
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.extensions_mut().insert(OfWorker(worker));
    response
}

fn speaks_protocol(kind: WorkerKind) -> bool {
    match kind {
        WorkerKind::CoreCommand | WorkerKind::ComponentCommand => true,
        WorkerKind::HttpProxy | WorkerKind::HttpService | WorkerKind::Script => false,
    }
}
