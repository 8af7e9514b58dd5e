//! Answers that lead elsewhere, as Fetch has it (4.4, "HTTP-redirect fetch").

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE,
    HeaderName, LOCATION,
};
use http::{Method, Response, StatusCode, Uri};
use url::Url;

use crate::call::Redirects;
use crate::error::CallError;
use crate::request_head::RequestHead;
use crate::target::Target;

/// More are taken for a circle.
pub(crate) const REDIRECTS_MAX: u32 = 20;

/// Fields that say something about a body that is sent no more.
const OF_A_BODY: [HeaderName; 4] = [
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LOCATION,
    CONTENT_TYPE,
];

/// Secrets of one origin; `Proxy-Authorization` is never sent at all.
const OF_AN_ORIGIN: [HeaderName; 2] = [AUTHORIZATION, COOKIE];

/// The request that an answer leads to.
pub(crate) struct Next {
    pub(crate) head: RequestHead,
    pub(crate) keeps_body: bool,
}

/// The request that an answer leads to; `None` if it is the answer.
///
/// `whole` is the body that was sent, `None` if it was a stream and cannot be sent again.
///
/// # Errors
/// The answer leads to where nobody can go, or the call wants no redirect.
pub(crate) fn next<B>(
    head: &RequestHead,
    whole: Option<&Bytes>,
    response: &Response<B>,
    mode: Redirects,
) -> Result<Option<Next>, CallError> {
    let status = response.status();
    let leads_elsewhere = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    if !leads_elsewhere || mode == Redirects::Manual {
        return Ok(None);
    }
    let mut locations = response.headers().get_all(LOCATION).iter();
    let location = locations
        .next()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let refused = |reason: &'static str| CallError::RedirectRefused {
        location: location.clone().unwrap_or_default(),
        reason,
    };
    if mode == Redirects::Error {
        return Err(refused("the call takes no redirect"));
    }
    let Some(location) = &location else {
        return Ok(None);
    };
    if locations.next().is_some() {
        return Err(refused("there is more than one Location"));
    }
    let target = resolve(&head.target, location).map_err(refused)?;
    if status != StatusCode::SEE_OTHER && whole.is_none() {
        return Err(refused(
            "the body of the request is a stream, which cannot be sent again",
        ));
    }
    Ok(Some(follow(head, status, target)))
}

/// Where a `Location` leads, seen from where it came from.
fn resolve(from: &Target, location: &str) -> Result<Target, &'static str> {
    const NO_URL: &str = "that is no URL";
    let base = Url::parse(&from.url()).map_err(|_| NO_URL)?;
    let mut url = base.join(location).map_err(|_| NO_URL)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("only http and https are followed");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user or a password in it");
    }
    // A fragment is for whoever reads the answer, and never sent.
    url.set_fragment(None);
    let uri: Uri = url.as_str().parse().map_err(|_| NO_URL)?;
    Target::parse(&uri).map_err(|_| NO_URL)
}

fn follow(head: &RequestHead, status: StatusCode, target: Target) -> Next {
    let mut head = head.clone();
    let is_of_form = matches!(status.as_u16(), 301 | 302) && head.method == Method::POST;
    let becomes_get = is_of_form
        || status == StatusCode::SEE_OTHER && !matches!(head.method, Method::GET | Method::HEAD);
    if becomes_get {
        head.method = Method::GET;
        for name in OF_A_BODY {
            head.headers.remove(name);
        }
    }
    if head.target.origin != target.origin {
        for name in OF_AN_ORIGIN {
            head.headers.remove(name);
        }
    }
    head.target = target;
    Next {
        head,
        keeps_body: !becomes_get,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use proptest::prelude::*;

    use super::*;

    const FROM: &str = "https://a.example/dir/page?q";

    fn head(method: Method) -> RequestHead {
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "cookie",
            "content-type",
            "content-language",
            "x-mine",
        ] {
            headers.insert(name, http::HeaderValue::from_static("1"));
        }
        RequestHead::new(
            method,
            Target::parse(&Uri::from_static(FROM)).unwrap(),
            headers,
        )
    }

    fn answer(status: u16, location: Option<&str>) -> Response<()> {
        let mut builder = Response::builder().status(status);
        if let Some(location) = location {
            builder = builder.header(LOCATION, location);
        }
        builder.body(()).unwrap()
    }

    #[track_caller]
    fn leads(location: &str, want: &str) {
        let answer = answer(302, Some(location));
        let found = match next(
            &head(Method::GET),
            Some(&Bytes::new()),
            &answer,
            Redirects::Follow,
        ) {
            Ok(Some(next)) => next.head.target.url(),
            Ok(None) => "the answer".to_owned(),
            Err(CallError::RedirectRefused { reason, .. }) => reason.to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, want, "{location}");
    }

    #[test]
    fn a_location_is_seen_from_where_it_came_from() {
        leads("/x", "https://a.example/x");
        leads("x?y#z", "https://a.example/dir/x?y");
        leads("../..", "https://a.example/");
        leads("?x", "https://a.example/dir/page?x");
        leads("//b.example", "https://b.example/");
        leads("\\\\b.example\\x", "https://b.example/x");
        leads("http://B.example:80/", "http://b.example/");
        leads("http://2130706433/", "http://127.0.0.1/");
        leads("http://%31%32%37.1/", "http://127.0.0.1/");
    }

    #[test]
    fn not_every_location_can_be_followed() {
        leads("ftp://a/", "only http and https are followed");
        leads("data:,x", "only http and https are followed");
        leads("http://a:b:c/", "that is no URL");
        leads("https://me@a.example/", "it has a user or a password in it");
    }

    #[track_caller]
    fn follows(method: Method, status: u16, location: &str, want: (&str, bool, &[&str])) {
        let answer = answer(status, Some(location));
        let body = Bytes::from_static(b"body");
        let next = next(&head(method), Some(&body), &answer, Redirects::Follow)
            .unwrap()
            .unwrap();
        let mut names: Vec<&str> = next.head.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            (next.head.method.as_str(), next.keeps_body, &names[..]),
            want
        );
    }

    #[test]
    fn a_form_is_sent_once() {
        let without_body = &["authorization", "cookie", "x-mine"][..];
        for status in [301, 302, 303] {
            follows(Method::POST, status, "/", ("GET", false, without_body));
        }
        follows(Method::PUT, 303, "/", ("GET", false, without_body));
    }

    #[test]
    fn other_requests_are_sent_again_as_they_were() {
        let all = &[
            "authorization",
            "content-language",
            "content-type",
            "cookie",
            "x-mine",
        ][..];
        for status in [301, 302, 307, 308] {
            follows(Method::PUT, status, "/", ("PUT", true, all));
            follows(Method::HEAD, status, "/", ("HEAD", true, all));
        }
        for status in [307, 308] {
            follows(Method::POST, status, "/", ("POST", true, all));
        }
        follows(Method::HEAD, 303, "/", ("HEAD", true, all));
        follows(Method::GET, 303, "/", ("GET", true, all));
    }

    #[test]
    fn secrets_stay_with_their_origin() {
        let public = &["content-language", "content-type", "x-mine"][..];
        for location in [
            "http://a.example/",
            "https://a.example:444/",
            "https://b.a.example/",
        ] {
            follows(Method::GET, 307, location, ("GET", true, public));
        }
    }

    #[test]
    fn a_stream_cannot_be_sent_again() {
        for (status, can) in [
            (301, false),
            (302, false),
            (303, true),
            (307, false),
            (308, false),
        ] {
            let answer = answer(status, Some("/"));
            let found = next(&head(Method::POST), None, &answer, Redirects::Follow);
            assert_eq!(found.is_ok(), can, "{status}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_the_answer() {
        let whole = Bytes::new();
        let next =
            |answer: &Response<()>, mode| next(&head(Method::GET), Some(&whole), answer, mode);
        assert!(
            next(&answer(200, Some("/")), Redirects::Follow)
                .unwrap()
                .is_none()
        );
        assert!(
            next(&answer(304, Some("/")), Redirects::Error)
                .unwrap()
                .is_none()
        );
        assert!(
            next(&answer(302, None), Redirects::Follow)
                .unwrap()
                .is_none()
        );
        assert!(
            next(&answer(302, Some("/")), Redirects::Manual)
                .unwrap()
                .is_none()
        );
        assert!(next(&answer(302, None), Redirects::Error).is_err());
        let mut twice = answer(302, Some("/a"));
        twice.headers_mut().append(LOCATION, "/b".parse().unwrap());
        assert!(next(&twice, Redirects::Follow).is_err());
    }

    proptest! {
        #[test]
        fn any_location_leads_somewhere_or_is_refused(location in "[a-z:/?#@%.\\[\\]\\\\0-9 ]{0,30}|\\PC{0,20}") {
            let from = Target::parse(&Uri::from_static(FROM)).unwrap();
            if let Ok(target) = resolve(&from, &location) {
                prop_assert!(!target.url().contains('#'));
            }
        }
    }
}
