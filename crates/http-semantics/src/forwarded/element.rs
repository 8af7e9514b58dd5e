//! One element of a list: what one proxy says about the one before it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::HeaderMap;
use http::uri::Authority;

use super::{ELEMENTS_MAX, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, list};

/// What one proxy says about the one who asked it.
#[derive(Clone, Debug, Default)]
pub(super) struct Element {
    pub(super) node: Node,
    pub(super) is_https: Option<bool>,
    pub(super) host: Option<Authority>,
}

/// Who asked a proxy (RFC 7239, 6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Node {
    Address(IpAddr),
    /// `unknown`, a name that the proxy has made up (`_hidden`), or nothing.
    #[default]
    Unknown,
}

impl Node {
    /// An address with or without a port, brackets around one of IPv6 or not; `unknown`; `_name`.
    fn parse(text: &str) -> Option<Self> {
        let is_name = |name: &str| {
            name.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if text.eq_ignore_ascii_case("unknown")
            || text
                .strip_prefix('_')
                .is_some_and(|name| !name.is_empty() && is_name(name))
        {
            return Some(Self::Unknown);
        }
        let bracketed = || {
            text.strip_prefix('[')?
                .strip_suffix(']')?
                .parse::<Ipv6Addr>()
                .ok()
        };
        let address = text.parse().ok();
        let address = address
            .or_else(|| bracketed().map(IpAddr::V6))
            .or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))?;
        Some(Self::Address(address.to_canonical()))
    }
}

/// The elements of the `X-Forwarded-…` fields: a list of addresses, and beside it lists of what else
/// each proxy saw, which most proxies replace by one value.
pub(super) fn from_x_fields(fields: &HeaderMap) -> Option<Vec<Element>> {
    let addresses = list(fields, &X_FORWARDED_FOR)?;
    let schemes = list(fields, &X_FORWARDED_PROTO)?;
    let hosts = list(fields, &X_FORWARDED_HOST)?;
    let (schemes, hosts) = (members(&schemes)?, members(&hosts)?);
    let mut elements = Vec::new();
    for member in members(&addresses)? {
        elements.push(Element {
            node: Node::parse(member)?,
            ..Element::default()
        });
    }
    if elements.is_empty() {
        // The proxy says how it was asked, but not by whom.
        elements.push(Element::default());
    }
    for (from_right, element) in elements.iter_mut().rev().enumerate() {
        element.is_https = read(from_end(&schemes, from_right), scheme)?;
        element.host = read(from_end(&hosts, from_right), authority)?;
    }
    Some(elements)
}

/// The member that stands so far from the right, or the leftmost.
fn from_end<'l>(members: &[&'l str], from_right: usize) -> Option<&'l str> {
    let last = members.len().checked_sub(1)?;
    members.get(last.saturating_sub(from_right)).copied()
}

/// What was read of a text, if there was one; `None` if it is a bad one.
fn read<'l, T>(text: Option<&'l str>, of: impl Fn(&'l str) -> Option<T>) -> Option<Option<T>> {
    text.map(|text| of(text).ok_or(())).transpose().ok()
}

/// The members of a plain list; empty ones count as absent (RFC 9110, 5.6.1).
fn members(list: &str) -> Option<Vec<&str>> {
    let members: Vec<&str> = list
        .split(',')
        .map(|member| member.trim_matches([' ', '\t']))
        .filter(|member| !member.is_empty())
        .take(ELEMENTS_MAX + 1)
        .collect();
    (members.len() <= ELEMENTS_MAX).then_some(members)
}

fn scheme(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("https") => Some(true),
        _ if text.eq_ignore_ascii_case("http") => Some(false),
        _ => None,
    }
}

fn authority(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    (!text.contains('@') && !authority.host().is_empty()).then_some(authority)
}

/// `Forwarded = 1#forwarded-element` (RFC 7239, 4).
pub(super) fn parse_list(list: &str) -> Option<Vec<Element>> {
    let mut rest = Rest(list);
    let mut elements = Vec::new();
    loop {
        rest.skip_space();
        if rest.0.is_empty() {
            return Some(elements);
        }
        if !rest.take(",") {
            if elements.len() == ELEMENTS_MAX {
                return None;
            }
            elements.push(rest.element()?);
            if !rest.0.is_empty() && !rest.take(",") {
                return None;
            }
        }
    }
}

/// What is still to be read.
struct Rest<'l>(&'l str);

impl Rest<'_> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, mark: &str) -> bool {
        let rest = self.0.strip_prefix(mark);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// `[ forwarded-pair ] *( ";" [ forwarded-pair ] )`
    fn element(&mut self) -> Option<Element> {
        let mut element = Element::default();
        let mut seen = [false; 4];
        loop {
            self.skip_space();
            if !self.0.is_empty() && !self.0.starts_with([';', ',']) {
                self.pair(&mut element, &mut seen)?;
                self.skip_space();
            }
            if !self.take(";") {
                return Some(element);
            }
        }
    }

    /// `token "=" value`; each parameter of the RFC at most once. Others are passed over.
    fn pair(&mut self, element: &mut Element, seen: &mut [bool; 4]) -> Option<()> {
        let name = self.token()?.to_ascii_lowercase();
        if !self.take("=") {
            return None;
        }
        let value = match self.take("\"") {
            true => self.quoted()?,
            false => self.token()?.to_owned(),
        };
        let Some(place) = ["for", "by", "proto", "host"]
            .iter()
            .position(|known| *known == name)
        else {
            return Some(());
        };
        if std::mem::replace(&mut seen[place], true) {
            return None;
        }
        match place {
            0 => element.node = Node::parse(&value)?,
            1 => {
                Node::parse(&value)?;
            }
            2 => element.is_https = Some(scheme(&value)?),
            _ => element.host = Some(authority(&value)?),
        }
        Some(())
    }

    fn token(&mut self) -> Option<&str> {
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.0.find(|c| !is_of_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// Up to the closing quote (RFC 9110, 5.6.4).
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut rest = self.0.char_indices();
        while let Some((at, c)) = rest.next() {
            match c {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(rest.next()?.1),
                _ => value.push(c),
            }
        }
        None
    }
}
