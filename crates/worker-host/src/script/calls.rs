//! `fetch`: a call from its beginning to the end of both bodies.

use std::error::Error as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use outbound::{BoxError, CallError, CallOptions, Caller, Redirects, RequestBody, ResponseBody};
use script_abi::{FetchBody, Operation, Outcome, Redirect};
use tokio::sync::mpsc;

use super::operations::{Ended, Work, ready};
use crate::worker::WorkerSettings;

/// A part of the body of a request.
pub(crate) enum Piece {
    Bytes(Bytes),
    End,
}

/// Fields that the client makes itself, or that belong to a connection (RFC 9110, 7.6.1): a request
/// that is handed on may have them.
const OWN_FIELDS: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The work of a call until the head of its answer is there, and where its body goes, if that is to
/// be a stream.
pub(crate) fn begin(
    operation: &Operation<'_>,
    message: &Bytes,
    settings: &WorkerSettings,
) -> (Option<mpsc::Sender<Piece>>, Work) {
    let Operation::Fetch {
        method,
        url,
        headers,
        body,
        redirect,
    } = operation
    else {
        return (None, ready(Ended::with(&Outcome::Done)));
    };
    let (sender, body) = match body {
        FetchBody::None => (None, RequestBody::Whole(Bytes::new())),
        FetchBody::Whole(body) => (None, RequestBody::Whole(message.slice_ref(body))),
        FetchBody::Stream => {
            // One piece on its way, and one in the hands of the script.
            let (sender, pieces) = mpsc::channel(1);
            let body = Pieces(Some(pieces)).boxed_unsync();
            (Some(sender), RequestBody::Stream(body))
        }
    };
    let options = CallOptions {
        redirects: match redirect {
            Redirect::Follow => Redirects::Follow,
            Redirect::Manual => Redirects::Manual,
            Redirect::Error => Redirects::Error,
        },
        ..CallOptions::default()
    };
    let work = match request(method, url, headers, body) {
        Ok(request) => Box::pin(call(settings.outbound.clone(), request, options)),
        Err(problem) => ready(Ended::failed("bad-request", &problem)),
    };
    (sender, work)
}

/// A request with these fields, or what is wrong with them.
fn request(
    method: &str,
    url: &str,
    headers: &[(&[u8], &[u8])],
    body: RequestBody,
) -> Result<Request<RequestBody>, String> {
    let uri: Uri = url
        .parse()
        .map_err(|error| format!("{url} cannot be called: {error}"))?;
    let method: Method = method
        .parse()
        .map_err(|_| format!("{method} is no method"))?;
    let mut fields = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let bad = || format!("bad header field {:?}", String::from_utf8_lossy(name));
        let name = HeaderName::from_bytes(name).map_err(|_| bad())?;
        let value = HeaderValue::from_bytes(value).map_err(|_| bad())?;
        if !OWN_FIELDS.contains(&name.as_str()) {
            fields.append(name, value);
        }
    }
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = fields;
    Ok(request)
}

async fn call(caller: Caller, request: Request<RequestBody>, options: CallOptions) -> Ended {
    let answer = match caller.send(request, options).await {
        Ok(answer) => answer,
        Err(error) => return failed(&error),
    };
    let (head, body) = answer.response.into_parts();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let outcome = Outcome::Answer {
        status: head.status.as_u16(),
        reason: head.status.canonical_reason().unwrap_or_default(),
        url: &answer.url,
        redirected: answer.redirected,
        headers: headers.collect(),
    };
    Ended::with_body(&outcome, body)
}

/// The work of sending a piece, or the end, of the body of a request.
pub(crate) fn send(sender: mpsc::Sender<Piece>, piece: Option<Bytes>) -> Work {
    Box::pin(async move {
        let piece = piece.map_or(Piece::End, Piece::Bytes);
        match sender.send(piece).await {
            Ok(()) => Ended::with(&Outcome::Done),
            Err(_) => Ended::failed("closed", "the server takes no more of the body"),
        }
    })
}

/// The work of reading the next piece of the body of an answer.
pub(crate) fn receive(mut body: ResponseBody) -> Work {
    Box::pin(async move {
        loop {
            match body.frame().await {
                None => return Ended::with(&Outcome::Done),
                Some(Err(error)) => return failed(&error),
                // Trailers are not for scripts.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) if !piece.is_empty() => {
                        return Ended::with_body(&Outcome::Piece(&piece), body);
                    }
                    _ => {}
                },
            }
        }
    })
}

fn failed(error: &CallError) -> Ended {
    let code = match error {
        CallError::Refused(_) => "refused",
        CallError::BadRequest(_) => "bad-request",
        CallError::NoDnsServer { .. } | CallError::Dns { .. } => "dns",
        CallError::Connect { .. } => "connect",
        CallError::Tls { .. } => "tls",
        CallError::ConnectTimeout { .. }
        | CallError::FirstByteTimeout { .. }
        | CallError::BetweenBytesTimeout { .. }
        | CallError::TotalTimeout { .. } => "timeout",
        CallError::Busy { .. } => "busy",
        CallError::ResponseTooLarge { .. } => "too-large",
        CallError::Protocol(_) => "protocol",
        CallError::Broken(_) => "broken",
        CallError::TooManyRedirects | CallError::RedirectRefused { .. } => "redirect",
        CallError::RequestBody(_) => "request-body",
    };
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    Ended::failed(code, &text)
}

/// The body of a request, as its script makes it.
struct Pieces(Option<mpsc::Receiver<Piece>>);

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Some(pieces) = &mut self.0 else {
            return Poll::Ready(None);
        };
        match std::task::ready!(pieces.poll_recv(context)) {
            Some(Piece::Bytes(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Piece::End) => {
                self.0 = None;
                Poll::Ready(None)
            }
            None => {
                self.0 = None;
                Poll::Ready(Some(Err("the body of the request broke off".into())))
            }
        }
    }
}
