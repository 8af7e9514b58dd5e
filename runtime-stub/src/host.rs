//! Which host a request addresses, and whether it may (RFC 9112, 3.2; RFC 9113, 8.3.1).
//!
//! On HTTP/1 most of this has been asked before ([`http1_framing`]); HTTP/2 has only this.

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderValue, Method, Request, StatusCode, Version};
use http1_framing::is_host;

use crate::framed_io::Substitute;
use crate::refusal::Refusal;

/// Lets the authority of an absolute target take the place of `Host`, which is to be ignored then
/// (RFC 9112, 3.2.2). One that is missing stays missing.
pub(crate) fn settle<B>(request: &mut Request<B>) {
    if request.version() > Version::HTTP_11 || request.method() == Method::CONNECT {
        return;
    }
    let authority = request.uri().authority().map(Authority::as_str);
    let Some(Ok(host)) = authority.map(HeaderValue::from_str) else {
        return;
    };
    let hosts = request.headers().get_all(HOST).iter().count();
    if hosts == 1 && is_host(host.as_bytes()) {
        request.headers_mut().insert(HOST, host);
    }
}

/// Writes the authority as `Host` where there is none, as over HTTP/2 (RFC 9113, 8.3.1): for workers, for
/// which all versions of HTTP are one.
pub(crate) fn write<B>(request: &mut Request<B>) {
    let authority = request.uri().authority().map(Authority::as_str);
    if let Some(Ok(host)) = authority.map(HeaderValue::from_str) {
        request.headers_mut().entry(HOST).or_insert(host);
    }
}

/// Whether a request addresses one host. One that stands for a refused one never does.
pub(crate) fn check<B>(request: &Request<B>) -> Result<(), Refusal> {
    if let Some(status) = Substitute::status(request.headers()) {
        return Err(refusal_of(status));
    }
    let authority = request.uri().authority().map(|it| it.as_str().as_bytes());
    let mut hosts = request
        .headers()
        .get_all(HOST)
        .iter()
        .map(HeaderValue::as_bytes);
    let (host, second) = (hosts.next(), hosts.next());
    let are_hosts = [authority, host].into_iter().flatten().all(is_host);
    let fits = match request.version() {
        Version::HTTP_2 => match (authority, host) {
            (Some(authority), Some(host)) => authority.eq_ignore_ascii_case(host),
            (authority, host) => authority.or(host).is_some(),
        },
        Version::HTTP_11 => host.is_some(),
        _ => true,
    };
    match fits && are_hosts && second.is_none() {
        true => Ok(()),
        false => Err(Refusal::BadRequest),
    }
}

fn refusal_of(status: StatusCode) -> Refusal {
    match status {
        StatusCode::URI_TOO_LONG => Refusal::UriTooLong,
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Refusal::HeadTooLarge,
        StatusCode::HTTP_VERSION_NOT_SUPPORTED => Refusal::Version,
        _ => Refusal::BadRequest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, target: &str, hosts: &[&[u8]]) -> Request<()> {
        let mut request = Request::new(());
        *request.version_mut() = version;
        *request.uri_mut() = target.parse().unwrap();
        for host in hosts {
            let host = HeaderValue::from_bytes(host).unwrap();
            request.headers_mut().append(HOST, host);
        }
        request
    }

    #[test]
    fn a_request_addresses_one_host() {
        #[track_caller]
        fn check(version: Version, target: &str, hosts: &[&[u8]], want: Result<(), Refusal>) {
            let request = request(version, target, hosts);
            assert_eq!(super::check(&request), want, "{request:?}");
        }
        let bad = Err(Refusal::BadRequest);
        let (v1, v2) = (Version::HTTP_11, Version::HTTP_2);
        check(Version::HTTP_10, "/", &[], Ok(()));
        check(Version::HTTP_10, "/", &[b"a", b"a"], bad);
        check(Version::HTTP_10, "/", &[b"u@a"], bad);
        check(v1, "/", &[b"a:80"], Ok(()));
        check(v1, "http://b/", &[b"a"], Ok(()));
        check(v1, "/", &[], bad);
        check(v1, "http://b/", &[], bad);
        check(v1, "/", &[b"a", b"a"], bad);
        check(v1, "/", &[b""], bad);
        check(v1, "/", &[b"a b"], bad);
        check(v1, "/", &[b"a\xff"], bad);
        check(v2, "http://a/", &[], Ok(()));
        check(v2, "http://a/", &[b"A"], Ok(()));
        check(v2, "/", &[b"a"], Ok(()));
        check(v2, "/", &[], bad);
        check(v2, "http://a/", &[b"b"], bad);
        check(v2, "http://u@a/", &[], bad);
        check(v2, "http://a/", &[b"a", b"a"], bad);
        check(v1, "/", &[b"\xff400"], bad);
        check(v1, "/", &[b"\xff414"], Err(Refusal::UriTooLong));
        check(v1, "/", &[b"\xff431"], Err(Refusal::HeadTooLarge));
        check(v1, "/", &[b"\xff505"], Err(Refusal::Version));
        check(v2, "http://a/", &[b"\xff200"], bad);
    }

    #[test]
    fn a_worker_is_told_the_host_in_all_versions() {
        #[track_caller]
        fn check(target: &str, hosts: &[&[u8]], want: &[&str]) {
            let mut request = request(Version::HTTP_2, target, hosts);
            write(&mut request);
            let hosts: Vec<_> = request.headers().get_all(HOST).iter().collect();
            assert_eq!(hosts, want, "{target}");
        }
        check("https://a:80/b", &[], &["a:80"]);
        check("https://a/b", &[b"A"], &["A"]);
        check("/b", &[b"a"], &["a"]);
        check("/b", &[], &[]);
    }

    #[test]
    fn the_authority_of_a_target_takes_the_place_of_the_host() {
        #[track_caller]
        fn check(version: Version, target: &str, hosts: &[&[u8]], want: &[&str]) {
            let mut request = request(version, target, hosts);
            settle(&mut request);
            let hosts: Vec<_> = request.headers().get_all(HOST).iter().collect();
            assert_eq!(hosts, want, "{target}");
        }
        check(Version::HTTP_11, "http://b:80/c", &[b"a"], &["b:80"]);
        check(Version::HTTP_10, "http://b/", &[b"a"], &["b"]);
        check(Version::HTTP_11, "/c", &[b"a"], &["a"]);
        check(Version::HTTP_11, "http://b/", &[], &[]);
        check(Version::HTTP_11, "http://b/", &[b"a", b"c"], &["a", "c"]);
        check(Version::HTTP_2, "http://b/", &[b"a"], &["a"]);
    }
}
