//! Calls that components make: `wasi:http/outgoing-handler` and `wasi:http/client`.

use std::error::Error as _;
use std::future::Future;

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use outbound::{CallError, CallOptions, Caller, Redirects, RequestBody};
use outbound_rules::Refused;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::stdio::Log;

/// Pieces of a body that wait for the connection, beside the one that is being written: a short
/// answer is complete before anybody has taken a part of it.
const PIECES_WAITING_MAX: usize = 8;

/// How much a guest writes at once.
const PIECE_BYTES_MAX: usize = 64 << 10;

/// The calls of one instance.
pub(crate) struct Outgoing {
    caller: Caller,
    log: Log,
}

impl Outgoing {
    pub(crate) fn new(caller: Caller, log: Log) -> Self {
        Self { caller, log }
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Io), Error>;

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (caller, log) = (self.caller.clone(), self.log.clone());
        Box::new(async move {
            let request = request.map(outgoing_body);
            // The codes that the guest gets have no room for words.
            let failed = move |error: CallError| {
                log.error(&format!("a call failed: {}", with_sources(&error)));
                error_code(error)
            };
            match caller.send(request, call_options(options)).await {
                Ok(answer) => {
                    let response = answer.response;
                    let response = response.map(|body| body.map_err(failed).boxed_unsync());
                    // There is no other work to be done for the connection.
                    let io: Io = Box::new(async { Ok(()) });
                    Ok((response, io))
                }
                Err(error) => Err(failed(error)),
            }
        })
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        PIECES_WAITING_MAX
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        PIECE_BYTES_MAX
    }

    #[cfg(feature = "concurrency")]
    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        PIECE_BYTES_MAX
    }
}

fn outgoing_body(body: WasiBody) -> RequestBody {
    if body.is_end_stream() || body.size_hint().exact() == Some(0) {
        return RequestBody::Whole(Bytes::new());
    }
    RequestBody::Stream(body.map_err(Into::into).boxed_unsync())
}

fn call_options(options: Option<RequestOptions>) -> CallOptions {
    let options = options.unwrap_or_default();
    CallOptions {
        // A guest sees redirects and follows them itself, each under the same rules.
        redirects: Redirects::Manual,
        connect: options.connect_timeout,
        first_byte: options.first_byte_timeout,
        between_bytes: options.between_bytes_timeout,
    }
}

/// What `wasi:http` calls an error. Where its codes say less than ours, the words go along.
fn error_code(error: CallError) -> Error {
    match error {
        CallError::Refused(Refused::Private { .. }) => Error::DestinationIpProhibited,
        CallError::Refused(_) => Error::HttpRequestDenied,
        CallError::BadRequest(_) => Error::HttpRequestUriInvalid,
        CallError::Dns { reason, .. } => Error::DnsError {
            rcode: Some(reason),
            info_code: None,
        },
        CallError::Connect { .. } => Error::ConnectionRefused,
        CallError::Tls { .. } => Error::TlsCertificateError,
        CallError::ConnectTimeout { .. } => Error::ConnectionTimeout,
        CallError::FirstByteTimeout { .. } | CallError::TotalTimeout { .. } => {
            Error::HttpResponseTimeout
        }
        CallError::BetweenBytesTimeout { .. } => Error::ConnectionReadTimeout,
        CallError::Busy { .. } => Error::ConnectionLimitReached,
        CallError::ResponseTooLarge { limit } => Error::HttpResponseBodySize(Some(limit)),
        CallError::Protocol(_) => Error::HttpProtocolError,
        CallError::Broken(_) => Error::ConnectionTerminated,
        other => Error::InternalError(Some(with_sources(&other))),
    }
}

fn with_sources(error: &CallError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
