//! Whose request it is: the client's address, scheme and host, behind whatever proxies there are.
//!
//! What a request says about that is believed if it comes from a trusted proxy
//! ([`TrustedProxies`]), and taken off it otherwise, so that no worker sees what anybody could have
//! made up.

use std::fmt::Write;
use std::net::IpAddr;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri};
use http_semantics::{
    FORWARDED_FIELDS, Forwarding, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, forwarding,
    is_of_proxy,
};

use crate::peer::Peer;
use crate::settings::TrustedProxies;

/// Whose request it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// Nobody's on a Unix socket, unless a trusted proxy says whose.
    pub(crate) address: Option<IpAddr>,
    /// Whether the client used https, with us or with the first proxy.
    pub(crate) is_https: bool,
    /// What trusted proxies said.
    forwarding: Option<Box<Forwarding>>,
}

/// Whether the peer may say whose requests it sends.
pub(crate) fn is_trusted(peer: &Peer, proxies: &TrustedProxies) -> bool {
    match peer.address {
        Some(address) => proxies.contains(address.ip()),
        None => proxies.contains_unix(),
    }
}

impl Client {
    /// Whoever is connected.
    pub(crate) fn direct(peer: &Peer) -> Self {
        Self {
            address: peer.address.map(|address| address.ip().to_canonical()),
            is_https: peer.is_tls,
            forwarding: None,
        }
    }

    /// The one that a trusted proxy speaks for, or the proxy itself where it says nothing.
    pub(crate) fn behind(peer: &Peer, fields: &HeaderMap, proxies: &TrustedProxies) -> Self {
        let found = forwarding(fields, |address| proxies.contains(address));
        let direct = Self::direct(peer);
        Self {
            address: found.client().or(direct.address),
            is_https: found.is_https.unwrap_or(direct.is_https),
            forwarding: Some(Box::new(found)),
        }
    }

    /// The host that the client asked, where that is another than the proxy did.
    pub(crate) fn host(&self) -> Option<&Authority> {
        self.forwarding.as_ref()?.host.as_ref()
    }

    pub(crate) fn scheme(&self) -> &'static str {
        match self.is_https {
            true => "https",
            false => "http",
        }
    }

    /// Gives a request the host that the client asked. One with several hosts stays as it is: it
    /// is refused.
    pub(crate) fn set_host(&self, uri: &mut Uri, fields: &mut HeaderMap) {
        let Some(host) = self.host() else { return };
        if fields.get_all(HOST).iter().count() == 1
            && let Ok(value) = HeaderValue::from_str(host.as_str())
        {
            fields.insert(HOST, value);
        }
        if uri.authority().is_some() {
            let mut parts = std::mem::take(uri).into_parts();
            parts.authority = Some(host.clone());
            // All parts were there before: with another authority they are a URI again.
            *uri = Uri::from_parts(parts).unwrap_or_default();
        }
    }

    /// Replaces what a request says about its client by what is so: for workers, in whose fields
    /// the first address of `X-Forwarded-For` is the client. What else a trusted proxy says stays.
    pub(crate) fn introduce(&self, fields: &mut HeaderMap) {
        if self.forwarding.is_none() {
            let claims = fields.keys().filter(|name| is_of_proxy(name));
            for name in claims.cloned().collect::<Vec<_>>() {
                fields.remove(name);
            }
        }
        for name in &FORWARDED_FIELDS {
            fields.remove(name);
        }
        if let Some(chain) = self.chain() {
            fields.insert(X_FORWARDED_FOR, chain);
        }
        fields.insert(X_FORWARDED_PROTO, HeaderValue::from_static(self.scheme()));
        let host = self.host().map(|host| HeaderValue::from_str(host.as_str()));
        if let Some(Ok(host)) = host {
            fields.insert(X_FORWARDED_HOST, host);
        }
    }

    fn chain(&self) -> Option<HeaderValue> {
        let mut text = String::new();
        let believed = self
            .forwarding
            .as_ref()
            .map_or(&[][..], |found| &found.chain);
        let own = self.address.filter(|_| believed.is_empty());
        for address in believed.iter().copied().chain(own) {
            let before = if text.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{before}{address}");
        }
        HeaderValue::try_from(text)
            .ok()
            .filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ServeArgs;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn proxies() -> TrustedProxies {
        let command = Command::parse_from(["app", "--trusted-proxy=10.0.0.0/8,unix"]);
        command.serve.settle(|_| None).unwrap().app.watch.proxies
    }

    /// What a worker sees of a request from `peer` (`unix` or an address) with some fields.
    fn seen(peer: &str, fields: &[(&'static str, &str)]) -> (Client, HeaderMap, Uri) {
        let peer = Peer {
            address: peer
                .parse()
                .ok()
                .map(|address: IpAddr| (address, 4711).into()),
            is_tls: false,
        };
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, value.parse().unwrap());
        }
        let proxies = proxies();
        let client = match is_trusted(&peer, &proxies) {
            true => Client::behind(&peer, &map, &proxies),
            false => Client::direct(&peer),
        };
        let mut uri = Uri::from_static("/a?b");
        client.set_host(&mut uri, &mut map);
        client.introduce(&mut map);
        (client, map, uri)
    }

    fn field<'m>(map: &'m HeaderMap, name: &str) -> Option<&'m str> {
        map.get(name).map(|value| value.to_str().unwrap())
    }

    const CLAIMS: &[(&str, &str)] = &[
        ("host", "proxy.example"),
        ("x-forwarded-for", "9.9.9.9, 192.0.2.1, 10.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
        ("forwarded", "for=9.9.9.9"),
        ("x-forwarded-port", "8443"),
        ("x-forwarded-user", "admin"),
        ("x-real-ip", "9.9.9.9"),
        ("x-own", "of the client"),
    ];

    #[test]
    fn nothing_is_believed_of_who_is_not_trusted() {
        let (client, map, _) = seen("192.0.2.9", CLAIMS);
        assert_eq!(client.address, "192.0.2.9".parse().ok());
        assert!(!client.is_https);
        assert_eq!(field(&map, "x-forwarded-for"), Some("192.0.2.9"));
        assert_eq!(field(&map, "x-forwarded-proto"), Some("http"));
        assert_eq!(field(&map, "x-forwarded-host"), None);
        assert_eq!(field(&map, "forwarded"), None);
        assert_eq!(field(&map, "host"), Some("proxy.example"));
        for name in ["x-forwarded-port", "x-forwarded-user", "x-real-ip"] {
            assert_eq!(field(&map, name), None);
        }
        assert_eq!(field(&map, "x-own"), Some("of the client"));
    }

    #[test]
    fn a_trusted_proxy_is_believed_as_far_as_its_own_knowledge_goes() {
        for peer in ["10.0.0.3", "::ffff:10.0.0.3", "unix"] {
            let (client, map, _) = seen(peer, CLAIMS);
            assert_eq!(client.address, "192.0.2.1".parse().ok(), "{peer}");
            assert!(client.is_https);
            assert_eq!(field(&map, "x-forwarded-for"), Some("192.0.2.1, 10.0.0.2"));
            assert_eq!(field(&map, "x-forwarded-proto"), Some("https"));
            assert_eq!(field(&map, "x-forwarded-host"), Some("a.example"));
            assert_eq!(field(&map, "host"), Some("a.example"));
            assert_eq!(field(&map, "forwarded"), None);
            assert_eq!(field(&map, "x-forwarded-port"), Some("8443"));
            assert_eq!(field(&map, "x-forwarded-user"), Some("admin"));
            assert_eq!(field(&map, "x-real-ip"), Some("9.9.9.9"));
        }
    }

    #[test]
    fn a_proxy_that_says_nothing_or_nonsense_is_the_client() {
        for fields in [&[][..], &[("x-forwarded-for", "who, 192.0.2.1")]] {
            let (client, map, _) = seen("10.0.0.3", fields);
            assert_eq!(client.address, "10.0.0.3".parse().ok());
            assert_eq!(field(&map, "x-forwarded-for"), Some("10.0.0.3"));
            let (client, map, _) = seen("unix", fields);
            assert_eq!(client.address, None);
            assert_eq!(field(&map, "x-forwarded-for"), None);
        }
    }

    #[test]
    fn the_host_of_a_whole_uri_is_replaced_too() {
        let (client, mut map, _) = seen("10.0.0.3", CLAIMS);
        let mut uri = Uri::from_static("http://proxy.example/a?b");
        client.set_host(&mut uri, &mut map);
        assert_eq!(uri, "http://a.example/a?b");
        let mut map = HeaderMap::new();
        map.append(HOST, HeaderValue::from_static("one"));
        map.append(HOST, HeaderValue::from_static("two"));
        client.set_host(&mut uri, &mut map);
        assert_eq!(map.get_all(HOST).iter().count(), 2);
    }
}
