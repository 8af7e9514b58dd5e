//! What trusted proxies say about a client: `Forwarded` (RFC 7239) and `X-Forwarded-For`,
//! `X-Forwarded-Proto`, `X-Forwarded-Host`.
//!
//! Every proxy adds who asked it at the right, so only what trusted proxies have written is worth
//! anything: the list is walked from the right, and the first address that is not one of a trusted
//! proxy is the client. What stands further left, the client may have made up.
//!
//! Where there is an `X-Forwarded-…` field, `Forwarded` is not looked at: a proxy that knows only the
//! former passes on the latter as a client sent it. Not here: whether the one who is connected is
//! trusted itself; the caller asks only if it is.

mod element;

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue};

use element::{Element, Node};

/// More elements than this make a list a bad one.
const ELEMENTS_MAX: usize = 64;

/// Longer lists are bad ones, in bytes.
const LIST_BYTES_MAX: usize = 8 << 10;

/// The fields that are read for what they say about who was there before a proxy.
pub static FORWARDED_FIELDS: [HeaderName; 4] = [
    http::header::FORWARDED,
    X_FORWARDED_FOR,
    X_FORWARDED_PROTO,
    X_FORWARDED_HOST,
];

/// `X-Forwarded-For`
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Proto`
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Forwarded-Host`
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Whether a field, by its name, says something about who was there before a proxy, whether it is read
/// here or only by others: those above, all others that begin with `X-Forwarded-`, and `X-Real-IP`.
#[must_use]
pub fn is_of_proxy(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("x-forwarded-") || matches!(name, "forwarded" | "x-real-ip")
}

/// What trusted proxies vouch for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// The client first, then the proxies between it and the one that is connected. Empty where
    /// that one does not say whose request it is.
    pub chain: Vec<IpAddr>,
    /// Whether the client used https; `None` where nobody says.
    pub is_https: Option<bool>,
    /// The authority that the client asked.
    pub host: Option<Authority>,
}

impl Forwarding {
    /// The client's address.
    #[must_use]
    pub fn client(&self) -> Option<IpAddr> {
        self.chain.first().copied()
    }
}

/// What the fields of a request from a trusted proxy say about the client; nothing
/// ([`Forwarding::default`]) if there are none, or if they are no valid list: one bad element makes
/// the whole list worthless. Addresses of IPv4 in IPv6 come as IPv4.
///
/// A list of more than 8 KiB or 64 elements is a bad one. The work is linear in the size of the
/// fields.
pub fn forwarding(fields: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Forwarding {
    let is_there = |name: &HeaderName| fields.contains_key(name);
    let elements = match FORWARDED_FIELDS[1..].iter().any(is_there) {
        true => element::from_x_fields(fields),
        false => list(fields, &http::header::FORWARDED).and_then(|list| element::parse_list(&list)),
    };
    elements.map_or_else(Forwarding::default, |elements| walk(&elements, is_trusted))
}

/// From the right up to the first that is not trusted.
fn walk(elements: &[Element], is_trusted: impl Fn(IpAddr) -> bool) -> Forwarding {
    let mut chain = Vec::new();
    let mut seen = None;
    for element in elements.iter().rev() {
        seen = Some(element);
        match element.node {
            Node::Address(address) => {
                chain.push(address);
                if !is_trusted(address) {
                    break;
                }
            }
            Node::Unknown => break,
        }
    }
    chain.reverse();
    Forwarding {
        chain,
        is_https: seen.and_then(|element| element.is_https),
        host: seen.and_then(|element| element.host.clone()),
    }
}

/// All values of a field as the one list that they are (RFC 9110, 5.3); `None` if it is too long, or
/// no ASCII.
fn list(fields: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut list = String::new();
    for value in fields.get_all(name) {
        let value = HeaderValue::to_str(value).ok()?;
        if list.len() + value.len() >= LIST_BYTES_MAX {
            return None;
        }
        if !list.is_empty() {
            list.push(',');
        }
        list.push_str(value);
    }
    Some(list)
}

#[cfg(test)]
mod tests;
