//! Why a call has no answer. The words are for the author of the worker.

use std::error::Error as _;
use std::fmt::Write;
use std::time::Duration;

use limits::ByteSize;
use outbound_rules::Refused;

/// Any error, of whoever makes a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a call has no answer, or an answer has no end.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Not allowed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The request cannot be sent as it is.
    #[error("the call cannot be made: {0}")]
    BadRequest(String),
    /// No configuration of the DNS.
    #[error(
        "names cannot be resolved: /etc/resolv.conf names no DNS server ({reason}); start the app with --dns-server ADDRESS"
    )]
    NoDnsServer {
        /// What is wrong with the file.
        reason: String,
    },
    /// A name has no address, or nobody said which.
    #[error("{host} cannot be resolved: {reason}")]
    Dns {
        /// The name.
        host: String,
        /// What the DNS says.
        reason: String,
    },
    /// No address of the host takes connections.
    #[error("{host} cannot be reached: {reason}")]
    Connect {
        /// Host and, if it is not the usual one, port.
        host: String,
        /// What the system says.
        reason: String,
    },
    /// No TLS: an unknown certificate, another name in it, no common version.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// Host and, if it is not the usual one, port.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// Name, connection and TLS took too long.
    #[error(
        "no connection to {host} within {limit:?}; more time is given by outbound_connect under [limits], unless the call itself asks for less"
    )]
    ConnectTimeout {
        /// Host and, if it is not the usual one, port.
        host: String,
        /// What it may take.
        limit: Duration,
    },
    /// No head of an answer within the time that the call gives it.
    #[error("{host} did not begin to answer within {limit:?}, as the call demands")]
    FirstByteTimeout {
        /// Host and, if it is not the usual one, port.
        host: String,
        /// What it may take.
        limit: Duration,
    },
    /// No further piece of an answer within the time that the call gives it.
    #[error("nothing more of the answer came within {limit:?}, as the call demands")]
    BetweenBytesTimeout {
        /// What it may take.
        limit: Duration,
    },
    /// The whole call took too long.
    #[error(
        "the call was not over after {limit:?}; more time is given by outbound_time under [limits]"
    )]
    TotalTimeout {
        /// What it may take.
        limit: Duration,
    },
    /// Other calls of the worker were not over in time for this one to begin.
    #[error(
        "the call could not begin within {limit:?}, since {calls} others of this worker run; more are allowed by outbound_calls under [limits]"
    )]
    Busy {
        /// Calls of the worker at the same time.
        calls: u32,
        /// How long it has waited.
        limit: Duration,
    },
    /// The body of the answer is too long.
    #[error(
        "the answer is longer than {}; more is allowed by outbound_response under [limits]",
        ByteSize(*limit)
    )]
    ResponseTooLarge {
        /// Bytes of the longest body.
        limit: u64,
    },
    /// The answer is no HTTP, or more of it than anybody needs.
    #[error("the answer is no HTTP: {0}")]
    Protocol(String),
    /// The connection was lost.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// More than 20 redirects.
    #[error("the call was redirected more than 20 times")]
    TooManyRedirects,
    /// A redirect that may not or cannot be followed.
    #[error("the answer leads elsewhere, to {location}: {reason}")]
    RedirectRefused {
        /// `Location` as sent.
        location: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The body of the request broke off at its source.
    #[error("the body of the request broke off")]
    RequestBody(#[source] BoxError),
}

/// An error with all that led to it, each once.
pub(crate) fn with_sources(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {more}");
        }
        source = error.source();
    }
    text
}

/// What a failure of hyper means to a call.
impl From<hyper::Error> for CallError {
    fn from(error: hyper::Error) -> Self {
        let text = with_sources(&error);
        if error.is_parse_too_large() {
            return Self::Protocol(format!(
                "its head has more than {} bytes or {} fields",
                crate::connection::HEAD_BYTES_MAX,
                crate::connection::HEAD_FIELDS_MAX,
            ));
        }
        if error.is_parse() {
            return Self::Protocol(text);
        }
        if error.is_user() && error.source().is_none() {
            return Self::BadRequest(text);
        }
        Self::Broken(text)
    }
}
