//! The head of a request: what a worker may say, and what the connection says.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Request, Uri, Version};

use crate::error::CallError;
use crate::target::Target;

/// Fields that belong to a connection (RFC 9110, 7.6.1) and not to the worker; `Host` is that of
/// the URL. Bodies are sent at once, so nobody waits for the answer to `Expect`.
static NOT_OF_A_WORKER: [HeaderName; 7] = [
    CONNECTION,
    EXPECT,
    HOST,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Head of a request, the same whichever connection it goes over.
#[derive(Clone, Debug)]
pub(crate) struct RequestHead {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) headers: HeaderMap,
}

impl RequestHead {
    pub(crate) fn new(method: Method, target: Target, headers: HeaderMap) -> Self {
        Self {
            method,
            target,
            headers: of_a_worker(headers),
        }
    }

    /// What `Content-Length` says, which is then no part of the head: the body says it.
    ///
    /// # Errors
    /// It is no length, or says different ones.
    pub(crate) fn take_length(&mut self) -> Result<Option<u64>, CallError> {
        let mut length = None;
        for value in self.headers.get_all(CONTENT_LENGTH) {
            let text = value.to_str().ok();
            let digits = text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let found: Option<u64> = digits.and_then(|digits| digits.parse().ok());
            if found.is_none() || length.is_some_and(|length| Some(length) != found) {
                let words = "its Content-Length is no length; leave the field out";
                return Err(CallError::BadRequest(words.to_owned()));
            }
            length = found;
        }
        self.headers.remove(CONTENT_LENGTH);
        Ok(length)
    }

    /// Whether a body is unusual with its method, so that servers may stumble over an empty one
    /// (RFC 9110, 9.3.1).
    pub(crate) fn method_means_no_body(&self) -> bool {
        !matches!(self.method, Method::POST | Method::PUT | Method::PATCH)
    }

    /// Whether it may be sent once more by itself when nobody knows whether it arrived
    /// (RFC 9110, 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }

    /// The request as HTTP/1.1 has it.
    pub(crate) fn http1<B>(&self, body: B) -> Result<Request<B>, CallError> {
        let authority = self.target.origin.authority();
        let host = HeaderValue::from_str(&authority)
            .map_err(|error| CallError::BadRequest(error.to_string()))?;
        let mut request = self.request(Uri::from(self.target.path.clone()), body);
        request.headers_mut().insert(HOST, host);
        Ok(request)
    }

    /// The request as HTTP/2 has it.
    pub(crate) fn http2<B>(&self, body: B) -> Result<Request<B>, CallError> {
        let uri = Uri::builder()
            .scheme(self.target.origin.scheme())
            .authority(self.target.origin.authority())
            .path_and_query(self.target.path.clone())
            .build()
            .map_err(|error| CallError::BadRequest(error.to_string()))?;
        let mut request = self.request(uri, body);
        *request.version_mut() = Version::HTTP_2;
        Ok(request)
    }

    fn request<B>(&self, uri: Uri, body: B) -> Request<B> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        request
    }
}

fn of_a_worker(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&NOT_OF_A_WORKER) {
        // What is needed to read the body, or is checked below, is no option of a connection.
        if *name != CONTENT_LENGTH && *name != TE {
            headers.remove(name);
        }
    }
    let of_proxies: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with("proxy-"))
        .cloned()
        .collect();
    for name in of_proxies {
        headers.remove(name);
    }
    let wants_trailers = headers
        .get(TE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    headers.remove(TE);
    if wants_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> RequestHead {
        let target = Target::parse(&Uri::from_static("https://example.com:444/a?b")).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        RequestHead::new(Method::GET, target, headers)
    }

    #[track_caller]
    fn kept(fields: &[(&str, &str)], want: &[&str]) {
        let head = head(fields);
        let names: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, want);
    }

    #[test]
    fn fields_of_a_connection_are_left_out() {
        kept(
            &[
                ("connection", "close, x-mine"),
                ("x-mine", "1"),
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "keep-alive"),
                ("proxy-authorization", "Basic eA=="),
                ("transfer-encoding", "chunked"),
                ("upgrade", "websocket"),
                ("expect", "100-continue"),
                ("host", "evil.example"),
                ("x-other", "1"),
            ],
            &["x-other"],
        );
    }

    #[test]
    fn te_may_ask_for_trailers_and_nothing_else() {
        kept(&[("te", "trailers"), ("connection", "te")], &["te"]);
        kept(&[("te", "gzip")], &[]);
        kept(&[("te", "trailers"), ("te", "gzip")], &["te"]);
    }

    #[test]
    fn a_length_must_be_one_length() {
        let length = |fields: &[(&str, &str)]| head(fields).take_length().ok();
        assert_eq!(length(&[]), Some(None));
        assert_eq!(length(&[("content-length", "12")]), Some(Some(12)));
        assert_eq!(
            length(&[("content-length", "1"), ("content-length", "1")]),
            Some(Some(1))
        );
        assert_eq!(
            length(&[("content-length", "1"), ("content-length", "2")]),
            None
        );
        for text in ["", "+1", "-1", "1, 1", "0x1", "99999999999999999999"] {
            assert_eq!(length(&[("content-length", text)]), None, "{text}");
        }
    }

    #[test]
    fn each_version_has_the_url_where_it_belongs() {
        let one = head(&[]).http1(()).unwrap();
        assert_eq!(one.uri(), "/a?b");
        assert_eq!(one.headers()[HOST], "example.com:444");
        let two = head(&[]).http2(()).unwrap();
        assert_eq!(two.uri(), "https://example.com:444/a?b");
        assert!(two.headers().is_empty());
    }
}
