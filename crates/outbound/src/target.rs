//! Where a call goes: a URI taken apart.

use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use outbound_rules::Host;

use crate::error::CallError;

/// Where a call goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    pub(crate) path: PathAndQuery,
}

/// Who is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    pub(crate) is_https: bool,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

impl Target {
    /// Takes a URI apart.
    ///
    /// # Errors
    /// It is not absolute, not of `http` or `https`, or has a user in it.
    pub(crate) fn parse(uri: &Uri) -> Result<Self, CallError> {
        let bad =
            |words: &str| CallError::BadRequest(format!("{words}, as in https://example.com/"));
        let is_https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(_) => return Err(bad("its URL must begin with http:// or https://")),
            None => return Err(bad("its URL must be a whole one, with scheme and host")),
        };
        let authority = uri
            .authority()
            .ok_or_else(|| bad("its URL must have a host"))?;
        if authority.as_str().contains('@') {
            return Err(CallError::BadRequest(
                "its URL has a user or a password before the host; send them in an Authorization field"
                    .to_owned(),
            ));
        }
        let host = Host::parse(authority.host()).map_err(outbound_rules::Refused::from)?;
        let port = port(authority.as_str(), authority.host())
            .ok_or_else(|| bad("the port of its URL must be a number from 1 to 65535"))?
            .unwrap_or(usual_port(is_https));
        let path = uri.path_and_query().cloned();
        Ok(Self {
            origin: Origin {
                is_https,
                host,
                port,
            },
            path: path.unwrap_or_else(|| PathAndQuery::from_static("/")),
        })
    }

    /// The URL, without a fragment.
    pub(crate) fn url(&self) -> String {
        let scheme = self.origin.scheme();
        // The path of `OPTIONS *` is no part of a URL.
        let path = match self.path.as_str() {
            "*" => "/",
            path => path,
        };
        format!("{scheme}://{}{path}", self.origin.authority())
    }
}

impl Origin {
    pub(crate) fn scheme(&self) -> Scheme {
        match self.is_https {
            true => Scheme::HTTPS,
            false => Scheme::HTTP,
        }
    }

    /// Host and, if it is not the usual one, port.
    pub(crate) fn authority(&self) -> String {
        match self.port == usual_port(self.is_https) {
            true => self.host.to_string(),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

fn usual_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

/// The port of an authority without a user, if it has one; `None` for one that is none.
fn port(authority: &str, host: &str) -> Option<Option<u16>> {
    let rest = authority.get(host.len()..)?;
    match rest.strip_prefix(':').unwrap_or(rest) {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|port| *port > 0).map(Some)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(uri: &str, want: &str) {
        let found = match Target::parse(&uri.parse().unwrap()) {
            Ok(target) => target.url(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, want, "{uri}");
    }

    #[test]
    fn a_uri_has_one_form() {
        check("https://Example.com", "https://example.com/");
        check(
            "http://example.com.:80/a/../b?c",
            "http://example.com/a/../b?c",
        );
        check("https://example.com:/", "https://example.com/");
        check("https://example.com:80/", "https://example.com:80/");
        check("http://[::1]:443/", "http://[::1]:443/");
        check("http://0x7f.1/", "http://127.0.0.1/");
        check("HTTP://a/", "http://a/");
    }

    #[test]
    fn what_cannot_be_called_is_told_why() {
        let example = "as in https://example.com/";
        check(
            "/path",
            &format!(
                "the call cannot be made: its URL must be a whole one, with scheme and host, {example}"
            ),
        );
        check(
            "ftp://a/",
            &format!(
                "the call cannot be made: its URL must begin with http:// or https://, {example}"
            ),
        );
        for port in ["0", "65536", "x"] {
            if let Ok(uri) = format!("http://a:{port}/").parse::<Uri>() {
                assert!(Target::parse(&uri).is_err(), "{port}");
            }
        }
        check(
            "http://me:pw@a/",
            "the call cannot be made: its URL has a user or a password before the host; send them in an Authorization field",
        );
        check("http://a!b/", "a call was refused: \"a!b\" is no host");
    }

    proptest! {
        #[test]
        fn a_url_means_the_same_when_it_is_parsed_again(text in "https?://[a-z0-9.:@\\[\\]%-]{1,20}(/[!-~]{0,10})?") {
            let Ok(uri) = text.parse::<Uri>() else { return Ok(()) };
            if let Ok(target) = Target::parse(&uri) {
                let again = Target::parse(&target.url().parse().unwrap()).unwrap();
                prop_assert_eq!(again.origin, target.origin);
            }
        }
    }
}
