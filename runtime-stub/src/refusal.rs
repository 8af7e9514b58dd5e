//! Answers that are no asset and no worker's: one place from what went wrong to status and page.

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use http_semantics::MethodRefusal;
use rust_embed::RustEmbed;

/// The pages that come with the program.
#[derive(RustEmbed)]
#[folder = "pages"]
struct Pages;

/// Why a request gets no 2xx or 3xx. Says nothing about the inside: that goes to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No valid path, or a header that has to be there once is not.
    BadRequest,
    NotFound,
    /// The target is longer than the limit.
    UriTooLong,
    /// The head is longer than the limit, or has more fields.
    HeadTooLarge,
    /// The client sends more requests than it may.
    TooManyRequests {
        /// Seconds until the next one may come.
        retry_after: u32,
    },
    /// A version of HTTP that nobody here speaks.
    Version,
    /// A rule says that it was here once.
    Gone,
    /// A rule says that it may not be shown (RFC 7725).
    LegalReasons,
    /// An asset asked for with a method that assets do not have.
    Method(MethodRefusal),
    /// The client excludes every coding, identity too.
    NotAcceptable,
    PreconditionFailed,
    /// The request body is above the worker's limit.
    PayloadTooLarge,
    /// The body did not come in time.
    RequestTimeout,
    /// Stored bytes are damaged, or a worker crashed.
    Internal,
    /// A worker wrote something that is no answer.
    BadGateway,
    /// As many requests as may run and wait.
    Busy,
    /// A worker took too long.
    GatewayTimeout,
}

impl Refusal {
    /// What a rule with that status refuses with.
    pub(crate) fn of_rule(status: u16) -> Self {
        match status {
            410 => Self::Gone,
            451 => Self::LegalReasons,
            _ => Self::NotFound,
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Gone => StatusCode::GONE,
            Self::LegalReasons => StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS,
            Self::Method(MethodRefusal::NotAllowed) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Method(MethodRefusal::NotImplemented) => StatusCode::NOT_IMPLEMENTED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::GatewayTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::BadRequest => "The request cannot be understood.",
            Self::NotFound => "There is nothing at this address.",
            Self::UriTooLong => "The address is longer than what is read here.",
            Self::HeadTooLarge => "The fields of the request are more than what is read here.",
            Self::TooManyRequests { .. } => {
                "These are more requests than one client may send. Try again later."
            }
            Self::Version => "HTTP is spoken here in the versions 1.0, 1.1 and 2.",
            Self::Gone => "There is nothing at this address any more.",
            Self::LegalReasons => "What is at this address may not be shown.",
            Self::Method(_) => "This address does not answer to that method.",
            Self::NotAcceptable => "None of the accepted codings can be given.",
            Self::PreconditionFailed => "A condition of the request does not hold.",
            Self::PayloadTooLarge => "The request is larger than this address accepts.",
            Self::RequestTimeout => "The request did not arrive in time.",
            Self::Internal => "Something went wrong here.",
            Self::BadGateway => "What should have answered gave no valid answer.",
            Self::Busy => "Too many requests at once. Try again in a moment.",
            Self::GatewayTimeout => "What should have answered took too long.",
        }
    }

    /// The built-in page.
    pub(crate) fn response(self) -> Response<Bytes> {
        let status = self.status();
        let mut response = Response::new(Bytes::from(page(status, self.text())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Method(_) => {
                headers.insert(ALLOW, HeaderValue::from_static(http_semantics::ALLOW));
            }
            Self::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::TooManyRequests { retry_after } => {
                headers.insert(RETRY_AFTER, retry_after.into());
            }
            _ => {}
        }
        response
    }
}

fn page(status: StatusCode, text: &str) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    let template = Pages::get("error.html")
        .map(|page| page.data)
        .unwrap_or_default();
    String::from_utf8_lossy(&template)
        .replace("{status}", status.as_str())
        .replace("{reason}", reason)
        .replace("{text}", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_its_status_a_page_and_the_headers_it_owes() {
        #[track_caller]
        fn check(refusal: Refusal, status: u16, header: Option<(&str, &str)>) {
            let response = refusal.response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
            if let Some((name, value)) = header {
                assert_eq!(response.headers()[name], value);
            }
        }
        check(Refusal::NotFound, 404, None);
        let not_allowed = Refusal::Method(MethodRefusal::NotAllowed);
        check(not_allowed, 405, Some(("allow", "GET, HEAD, OPTIONS")));
        check(Refusal::Method(MethodRefusal::NotImplemented), 501, None);
        check(Refusal::Busy, 503, Some(("retry-after", "1")));
        let too_many = Refusal::TooManyRequests { retry_after: 7 };
        check(too_many, 429, Some(("retry-after", "7")));
        let html = page(StatusCode::NOT_FOUND, "nothing");
        assert!(
            html.contains("<h1>404 Not Found</h1>") && !html.contains('{') || html.contains("{ ")
        );
    }
}
