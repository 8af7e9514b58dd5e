//! What is done so that clients use https: they are sent there, and told to stay.

use std::time::Duration;

use http::header::{HOST, STRICT_TRANSPORT_SECURITY};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request};

/// The port of https that no URL has to name (RFC 9110, 4.2.2).
const PORT_DEFAULT: u16 = 443;

/// Where an authority looks for a proof that the site is ours (RFC 8555, 8.3): in the clear, perhaps
/// before there is any certificate.
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// What is done so that clients use https; nothing unless it is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Https {
    /// `Strict-Transport-Security` (RFC 6797, 6.1).
    strict: Option<HeaderValue>,
    /// Every request is sent on to this port.
    port: Option<u16>,
}

/// What becomes of a request, before anything is looked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is answered here.
    Here,
    /// The client is sent to this URL.
    On(String),
    /// It is to be sent on, and does not say to which host.
    Nowhere,
}

impl Https {
    /// Clients are told to use nothing else for so long.
    pub(crate) fn insist_on(&mut self, time: Option<Duration>) {
        let value = time.map(|time| HeaderValue::try_from(format!("max-age={}", time.as_secs())));
        self.strict = value.and_then(Result::ok);
    }

    /// Every request is sent on to this port, except those of an authority.
    pub(crate) fn send_on_to(&mut self, port: u16) {
        self.port = Some(port);
    }

    pub(crate) fn is_sending_on(&self) -> bool {
        self.port.is_some()
    }

    /// Adds the field to an answer, unless the site has its own. Nothing is said in the clear, where
    /// it would mean nothing (RFC 6797, 7.2).
    pub(crate) fn mark(&self, is_https: bool, headers: &mut HeaderMap) {
        if let Some(strict) = self.strict.as_ref().filter(|_| is_https)
            && !headers.contains_key(STRICT_TRANSPORT_SECURITY)
        {
            headers.insert(STRICT_TRANSPORT_SECURITY, strict.clone());
        }
    }

    /// Whether [`mark`](Self::mark) adds something for clients that use https.
    pub(crate) fn marks(&self) -> bool {
        self.strict.is_some()
    }

    /// Where a request is sent on to, if it is: the same host, path and query.
    ///
    /// SECURITY: where requests are sent on, none is answered in the clear but those of an authority.
    pub(crate) fn way<B>(&self, request: &Request<B>) -> Way {
        let Some(port) = self.port else {
            return Way::Here;
        };
        let uri = request.uri();
        if uri.path().starts_with(CHALLENGES) {
            return Way::Here;
        }
        let field = request.headers().get(HOST);
        let field = field.and_then(|host| Authority::try_from(host.as_bytes()).ok());
        let Some(authority) = uri.authority().or(field.as_ref()) else {
            return Way::Nowhere;
        };
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        // `*` is no path.
        let target = match target.starts_with('/') {
            true => target,
            false => "/",
        };
        let host = authority.host();
        Way::On(match port {
            PORT_DEFAULT => format!("https://{host}{target}"),
            port => format!("https://{host}:{port}{target}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_to_the_same_place_at_the_port_of_https() {
        #[track_caller]
        fn check(port: u16, uri: &str, host: &str, want: Option<&str>) {
            let mut https = Https::default();
            https.send_on_to(port);
            let request = Request::builder().uri(uri).header(HOST, host).body(());
            let want = want.map_or(Way::Here, |want| Way::On(want.to_owned()));
            assert_eq!(https.way(&request.unwrap()), want, "{uri} {host}");
        }
        check(443, "/a?b=c", "a.example", Some("https://a.example/a?b=c"));
        check(443, "/", "a.example:80", Some("https://a.example/"));
        check(8443, "/", "a.example:8080", Some("https://a.example:8443/"));
        check(443, "/", "[::1]:8080", Some("https://[::1]/"));
        check(
            443,
            "//b.example/",
            "a.example",
            Some("https://a.example//b.example/"),
        );
        check(443, "*", "a.example", Some("https://a.example/"));
        check(
            443,
            "http://b.example:1/a",
            "a.example",
            Some("https://b.example/a"),
        );
        check(443, "/.well-known/acme-challenge/token", "a.example", None);
        check(
            443,
            "/.well-known/",
            "a.example",
            Some("https://a.example/.well-known/"),
        );
        let request = Request::new(());
        assert_eq!(Https::default().way(&request), Way::Here);
    }

    #[test]
    fn who_names_no_host_to_be_sent_to_is_not_answered_in_the_clear() {
        let mut https = Https::default();
        https.send_on_to(443);
        for (uri, host, want) in [
            ("/", None, Way::Nowhere),
            ("/", Some("a%0d%0ax"), Way::Nowhere),
            ("/.well-known/acme-challenge/token", None, Way::Here),
        ] {
            let mut request = Request::builder().uri(uri);
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            assert_eq!(
                https.way(&request.body(()).unwrap()),
                want,
                "{uri} {host:?}"
            );
        }
    }

    #[test]
    fn only_who_uses_https_is_told_to_stay_unless_the_site_says_more() {
        let mut https = Https::default();
        https.insist_on(Some(Duration::from_secs(60)));
        let marked = |is_https, own: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(own) = own {
                headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(own));
            }
            https.mark(is_https, &mut headers);
            let found = headers.get(STRICT_TRANSPORT_SECURITY);
            found.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(marked(true, None).as_deref(), Some("max-age=60"));
        assert_eq!(marked(false, None), None);
        assert_eq!(
            marked(true, Some("max-age=1")).as_deref(),
            Some("max-age=1")
        );
        let mut headers = HeaderMap::new();
        Https::default().mark(true, &mut headers);
        assert!(headers.is_empty());
    }
}
