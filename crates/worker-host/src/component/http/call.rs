//! One request to a component, in an instance of its own.

use std::sync::Arc;

use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, Scheme, Uri};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme as ProxyScheme;
use wasmtime_wasi_http::{WasiBody, WasiHttpView};

use super::HttpProgram;
use super::body::{Collected, ComponentBody, Guest, incoming_error};
use super::progress::{FailOnDrop, Progress};
use crate::call::CallError;
use crate::exchange::{
    BadResponse, RequestBody, WorkerBody, WorkerRequest, WorkerResponse, check_status,
};
use crate::pace::Started;
use crate::protocol::ParamsOut;
use crate::script::BodyAborted;
use crate::state::{State, Stdio};
use crate::worker::Worker;

/// What a component reads the parameters of its route from, as JSON. That of a client is dropped.
static PARAMS: HeaderName = HeaderName::from_static("x-wws-params");

/// What a guest answers with: a head and the beginning of a body, or an error in its words.
pub(in crate::component::http) type Head = Result<http::Response<WasiBody>, String>;

/// Answers one request, until the deadline at the longest, which counts for the body too.
pub(crate) async fn answer(
    worker: &Worker,
    program: &HttpProgram,
    request: WorkerRequest<RequestBody>,
    deadline: Instant,
    permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
) -> Result<WorkerResponse, CallError> {
    let request = into_http(request)?;
    let host = &worker.0.host;
    let progress = Arc::<Progress>::default();
    let (reply, mut head) = oneshot::channel();
    let held = (permits, host.ticker.start());
    let (this, program, of_guest) = (worker.clone(), program.clone(), Arc::clone(&progress));
    let run = async move {
        // Given back when the instance is gone, also where nobody waits for its answer any more.
        let _held = held;
        let run = run(&this, &program, request, reply, &of_guest);
        // The timer is first polled, and so registered, when the guest's first slice did not end it.
        let ended = match tokio::time::timeout_at(deadline, run).await {
            Ok(ended) => ended,
            Err(_) => Err(CallError::Timeout {
                limit: this.0.settings.limits.time,
                waiting: false,
            }),
        };
        if let Err(error) = &ended {
            of_guest.log_if_answered(&this, error);
        }
        ended
    };
    let mut guest = match host.busy.start(run).await {
        Started::Ended(ended) => {
            ended?;
            return finish(head.try_recv().map_err(|_| no_answer())?, None, progress);
        }
        Started::Running(guest) => guest,
    };
    tokio::select! {
        biased;
        head = &mut head => {
            let Ok(head) = head else {
                // It has ended without an answer, or is about to say why.
                return Err(guest.await.err().unwrap_or_else(no_answer));
            };
            if progress.answer_and_see_failure() {
                return Err(guest.await.err().unwrap_or_else(no_answer));
            }
            finish(head, Some(Guest::Own(guest)), progress)
        }
        ended = &mut guest => {
            ended?;
            finish(head.try_recv().map_err(|_| no_answer())?, None, progress)
        }
    }
}

async fn run(
    worker: &Worker,
    program: &HttpProgram,
    request: http::Request<WasiBody>,
    reply: oneshot::Sender<Head>,
    progress: &Arc<Progress>,
) -> Result<(), CallError> {
    let mut store = State::store(worker, Stdio::Log);
    let failing = FailOnDrop::new(progress);
    let ended = match program {
        HttpProgram::Proxy(linked) => run_proxy(linked, &mut store, request, reply).await,
        HttpProgram::Service(service) => service.run(&mut store, request, reply).await,
    };
    match ended {
        Ok(()) => {
            failing.disarm();
            Ok(())
        }
        Err(error) => Err(store.data().explain(&error)),
    }
}

async fn run_proxy(
    linked: &ProxyPre<State>,
    store: &mut Store<State>,
    request: http::Request<WasiBody>,
    reply: oneshot::Sender<Head>,
) -> wasmtime::Result<()> {
    let scheme = match request.uri().scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => ProxyScheme::Https,
        _ => ProxyScheme::Http,
    };
    let mut view = store.data_mut().http();
    let incoming = view.new_incoming_request(scheme, request)?;
    let outparam = view.new_response_outparam_from_callback(move |answer| {
        // Nobody may be waiting any more.
        let _ = reply.send(answer.map_err(|code| format!("{code:?}")));
    })?;
    let proxy = linked.instantiate_async(&mut *store).await?;
    let handler = proxy.wasi_http_incoming_handler();
    handler.call_handle(&mut *store, incoming, outparam).await
}

/// The request as `wasi:http` has it.
pub(in crate::component::http) fn into_http(
    request: WorkerRequest<RequestBody>,
) -> Result<http::Request<WasiBody>, CallError> {
    let WorkerRequest {
        method,
        origin,
        url,
        mut headers,
        body,
        params,
    } = request;
    headers.remove(&PARAMS);
    if let Some(params) = params_field(&params) {
        headers.insert(&PARAMS, params);
    }
    let uri = absolute(&origin, &url).map_err(|error| CallError::Trap {
        message: format!("the address of the request cannot be passed on: {error}"),
    })?;
    let mut request = http::Request::new(body.map_err(incoming_error).boxed_unsync());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Ok(request)
}

fn absolute(origin: &str, url: &str) -> Result<Uri, http::Error> {
    let (scheme, authority) = origin.split_once("://").unwrap_or(("http", origin));
    Uri::builder()
        .scheme(scheme)
        .authority(Authority::try_from(authority)?)
        .path_and_query(url)
        .build()
}

/// The parameters as JSON in the characters that a field may have; `None` where there are none.
fn params_field(params: &[(String, String)]) -> Option<HeaderValue> {
    if params.is_empty() {
        return None;
    }
    let json = serde_json::to_string(&ParamsOut(params)).ok()?;
    let mut ascii = String::with_capacity(json.len());
    for unit in json.encode_utf16() {
        match u8::try_from(unit) {
            // JSON has escaped all control characters but this one.
            Ok(byte) if byte.is_ascii() && byte != 0x7f => ascii.push(char::from(byte)),
            _ => ascii.push_str(&format!("\\u{unit:04x}")),
        }
    }
    HeaderValue::try_from(ascii).ok()
}

/// The answer as it goes out.
pub(in crate::component::http) fn finish(
    head: Head,
    guest: Option<Guest>,
    progress: Arc<Progress>,
) -> Result<WorkerResponse, CallError> {
    let response = head.map_err(|code| BadResponse::NoResponse {
        reason: format!("it answered with the error {code}"),
    })?;
    let (parts, body) = response.into_parts();
    check_status(parts.status.as_u16())?;
    let length = content_length(&parts.headers);
    let body = ComponentBody::new(body, length, guest, progress);
    let body = match body.collect_ready() {
        Ok(Collected::Whole(bytes)) => WorkerBody::Whole(bytes),
        Ok(Collected::Part(body)) => WorkerBody::Component(body),
        Err(BodyAborted) => return Err(CallError::BrokenBody),
    };
    Ok(WorkerResponse {
        status: parts.status,
        headers: parts.headers,
        body,
    })
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn no_answer() -> CallError {
    let reason = "it ended without an answer".to_owned();
    BadResponse::NoResponse { reason }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_json_in_visible_ascii() {
        #[track_caller]
        fn check(value: &str, want: &str) {
            let params = [("id".to_owned(), value.to_owned())];
            let field = params_field(&params).unwrap();
            assert_eq!(field.to_str().unwrap(), want);
            let back: serde_json::Value = serde_json::from_slice(field.as_bytes()).unwrap();
            assert_eq!(back["id"], value);
        }
        assert_eq!(params_field(&[]), None);
        check("7 \"x\"", r#"{"id":"7 \"x\""}"#);
        check("ä\u{1f600}", r#"{"id":"\u00e4\ud83d\ude00"}"#);
        check("\n\u{7f}", r#"{"id":"\n\u007f"}"#);
    }

    #[test]
    fn an_address_keeps_its_path_and_query_as_they_came() {
        let uri = absolute("https://[::1]:80", "/a%20b/?c=%zz&d").unwrap();
        assert_eq!(uri.scheme(), Some(&Scheme::HTTPS));
        assert_eq!(uri.authority().unwrap().as_str(), "[::1]:80");
        assert_eq!(uri.path_and_query().unwrap().as_str(), "/a%20b/?c=%zz&d");
    }
}
