//! What goes into a call, and what comes out.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

use crate::error::BoxError;
use crate::response_body::ResponseBody;

/// The body of a call.
pub enum RequestBody {
    /// All of it; can be sent again after a redirect.
    Whole(Bytes),
    /// Piece by piece, with trailers.
    Stream(UnsyncBoxBody<Bytes, BoxError>),
}

/// What one call wants otherwise than usual.
#[derive(Clone, Copy, Debug, Default)]
pub struct CallOptions {
    /// What happens to redirects.
    pub redirects: Redirects,
    /// Until a connection is there; counts where it is shorter than the limit.
    pub connect: Option<Duration>,
    /// From when there is a connection to the head of the answer.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the body of the answer.
    pub between_bytes: Option<Duration>,
}

/// What happens to an answer that leads elsewhere (Fetch, 4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// It is the answer.
    #[default]
    Manual,
    /// It is followed, up to 20 times, each time under all rules.
    Follow,
    /// It is an error.
    Error,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Head and body.
    pub response: http::Response<ResponseBody>,
    /// Where it came from in the end, without a fragment, as in `Response.url` of Fetch.
    pub url: String,
    /// Whether that was elsewhere.
    pub redirected: bool,
}
