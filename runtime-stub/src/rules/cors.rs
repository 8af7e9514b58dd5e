//! Answers for pages of other origins (the Fetch standard, "CORS protocol").
//!
//! SECURITY: an origin is compared whole, byte for byte, with those that were listed, and only one that
//! is listed is ever repeated. Where the answer depends on the origin it says so in `Vary`, to clients
//! without one too, so that no cache gives one origin what another was told.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD,
    ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use site_rules::{Cors, CorsError, Origins, check_header_name};

use super::add_vary;
use crate::body::Body;

/// The longest list of fields that is repeated to a client that asks for them.
const ASKED_FIELDS_BYTES_MAX: usize = 1024;

/// What a preflight depends on.
const PREFLIGHT_VARY: &str =
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// Which origins may read answers, with what they are told.
pub(crate) struct CorsAnswers {
    origins: Origins,
    methods: HeaderValue,
    /// `None`: those that are asked for.
    headers: Option<HeaderValue>,
    credentials: bool,
}

impl CorsAnswers {
    /// What the site says, but for `origins` if there are some.
    pub(crate) fn settle(
        cors: Option<Cors>,
        origins: Option<Origins>,
    ) -> Result<Option<Self>, CorsError> {
        let cors = match (cors, origins) {
            (None, None) => return Ok(None),
            (Some(cors), None) => cors,
            (None, Some(origins)) => Cors::of(origins),
            (Some(cors), Some(origins)) => Cors { origins, ..cors },
        };
        cors.check()?;
        // Tokens, which were checked when they were read.
        let list = |names: &[String]| {
            HeaderValue::try_from(names.join(", ")).unwrap_or(HeaderValue::from_static(""))
        };
        Ok(Some(Self {
            methods: list(&cors.methods),
            headers: cors.headers.as_deref().map(list),
            origins: cors.origins,
            credentials: cors.credentials,
        }))
    }

    /// Whether a request asks what another request may do.
    pub(crate) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// The answer to a preflight. An origin that is not listed is told nothing.
    pub(crate) fn preflight(&self, request: &HeaderMap) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from_static(PREFLIGHT_VARY));
        if !self.allow_origin(request.get(ORIGIN), headers) {
            return response;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        let asked = || asked_fields(request);
        if let Some(allowed) = self.headers.clone().or_else(asked) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
        response
    }

    /// Tells a page of another origin whether it may read this answer, unless the answer says so itself.
    pub(crate) fn apply(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        let is_own = |name: &http::HeaderName| name.as_str().starts_with("access-control-");
        if headers.keys().any(is_own) {
            return;
        }
        if matches!(self.origins, Origins::Listed(_)) {
            add_vary(headers, &HeaderValue::from_static("Origin"));
        }
        self.allow_origin(origin, headers);
    }

    fn allow_origin(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
        let allowed = match &self.origins {
            Origins::Any => HeaderValue::from_static("*"),
            listed => match origin.filter(|origin| listed.allow(origin.as_bytes())) {
                Some(origin) => origin.clone(),
                None => return false,
            },
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            let yes = HeaderValue::from_static("true");
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        }
        true
    }
}

/// The fields that a preflight asks for, if they are names and not too many.
fn asked_fields(request: &HeaderMap) -> Option<HeaderValue> {
    let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS)?;
    let text = asked.to_str().ok()?;
    let is_list = text.split(',').all(|name| check_header_name(name.trim()));
    (is_list && text.len() <= ASKED_FIELDS_BYTES_MAX).then(|| asked.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(cors: Cors) -> CorsAnswers {
        CorsAnswers::settle(Some(cors), None).unwrap().unwrap()
    }

    fn listed() -> Cors {
        let origins = Origins::of_list(vec!["https://a.example".to_owned()]).unwrap();
        Cors {
            credentials: true,
            ..Cors::of(origins)
        }
    }

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_a_listed_origin_is_repeated_and_all_answers_vary() {
        for (origin, want) in [
            (Some("https://a.example"), Some("https://a.example")),
            (Some("https://a.example.evil"), None),
            (Some("http://a.example"), None),
            (Some("null"), None),
            (None, None),
        ] {
            let mut headers = fields(&[("vary", "Accept-Encoding")]);
            let origin = origin.map(HeaderValue::from_static);
            answers(listed()).apply(origin.as_ref(), &mut headers);
            let allowed = headers.get("access-control-allow-origin");
            assert_eq!(allowed.map(|v| v.to_str().unwrap()), want);
            assert_eq!(headers["vary"], "Accept-Encoding, Origin");
            assert_eq!(
                headers.contains_key("access-control-allow-credentials"),
                want.is_some()
            );
        }
    }

    #[test]
    fn any_origin_needs_no_vary_and_what_an_answer_says_itself_stays() {
        let any = answers(Cors::of(Origins::Any));
        let mut headers = HeaderMap::new();
        any.apply(None, &mut headers);
        assert_eq!(headers, fields(&[("access-control-allow-origin", "*")]));
        let own = fields(&[("access-control-allow-origin", "https://b.example")]);
        let mut headers = own.clone();
        any.apply(None, &mut headers);
        assert_eq!(headers, own);
    }

    #[test]
    fn a_preflight_is_told_methods_and_fields() {
        let ask = |origin: &str, asked: &str| {
            let asked = fields(&[
                ("origin", origin),
                ("access-control-request-headers", asked),
            ]);
            answers(listed()).preflight(&asked)
        };
        let told = ask("https://a.example", "x-a, content-type");
        assert_eq!(told.status(), 204);
        let methods = &told.headers()["access-control-allow-methods"];
        assert_eq!(methods, "GET, HEAD, PUT, PATCH, POST, DELETE");
        assert_eq!(
            told.headers()["access-control-allow-headers"],
            "x-a, content-type"
        );
        for asked in ["a b", "a,,b", &"x".repeat(1025)] {
            let told = ask("https://a.example", asked);
            assert!(
                !told.headers().contains_key("access-control-allow-headers"),
                "{asked}"
            );
        }
        let told = ask("https://evil.example", "x-a");
        assert_eq!(told.headers().len(), 1, "{told:?}", told = told.headers());
    }

    #[test]
    fn a_flag_takes_the_place_of_the_origins_only() {
        let origins = Origins::of_list(vec!["https://c.example".to_owned()]).unwrap();
        let settled = CorsAnswers::settle(Some(listed()), Some(origins))
            .unwrap()
            .unwrap();
        assert!(settled.credentials && settled.origins.allow(b"https://c.example"));
        assert!(!settled.origins.allow(b"https://a.example"));
        let refused = CorsAnswers::settle(Some(listed()), Some(Origins::Any));
        assert!(matches!(refused, Err(CorsError::AnyWithCredentials)));
        assert!(CorsAnswers::settle(None, None).unwrap().is_none());
    }
}
