//! Where a rule leads: a path of the site, or a URL; with placeholders.

use std::fmt;

use http_semantics::{BadPath, SitePath, encode_path};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::pattern::{Captures, SPLAT, is_label, name_length};
use crate::template::Template;

/// The second word of a redirect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    origin: Option<Origin>,
    /// Encoded, begins with a slash.
    path: Template,
    query: Option<Template>,
    fragment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Origin {
    is_https: bool,
    /// Host, and perhaps a port.
    authority: Template,
}

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Neither path nor URL.
    #[error(
        "{text:?} is no target; begin it with a slash, or with https:// to lead to another site"
    )]
    NotRooted {
        /// What was written.
        text: String,
    },
    /// `//example.com`, which browsers read as another site.
    #[error(
        "{text:?} begins with two slashes, which leads to another site; write https:// or one slash"
    )]
    TwoSlashes {
        /// What was written.
        text: String,
    },
    /// A path that no request can have.
    #[error("{text:?} leads to a path that no request has: {reason}")]
    Path {
        /// What was written.
        text: String,
        /// Why.
        reason: BadPath,
    },
    /// `%` without two digits.
    #[error(
        "{text:?} has a % that is not followed by two hexadecimal digits; write %25 for the sign itself"
    )]
    BrokenEscape {
        /// What was written.
        text: String,
    },
    /// A name that the rule does not have.
    #[error(
        "{text:?} names :{name}, but nothing before it in the rule does; write %3A for a colon that begins no placeholder"
    )]
    UnknownPlaceholder {
        /// What was written.
        text: String,
        /// The name.
        name: String,
    },
    /// A host that is none, or a `*` in it.
    #[error(
        "{text:?} has no host name after its scheme; a placeholder can be a whole part of one, as in https://:lang.example.com"
    )]
    Host {
        /// What was written.
        text: String,
    },
}

/// A path of the site that answers in place of the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Encoded.
    pub path: String,
    /// If the rule has one of its own.
    pub query: Option<String>,
}

impl Target {
    /// Parses a target whose rule has these placeholders.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, TargetError> {
        let (is_https, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Self::parse_local(text, names),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let origin = Origin {
            is_https,
            authority: parse_authority(text, authority, names)?,
        };
        let (path, query, fragment) = cut(rest);
        let path = if path.is_empty() { "/" } else { path };
        Self::of_parts(text, Some(origin), (path, query, fragment), names)
    }

    fn parse_local(text: &str, names: &[&str]) -> Result<Self, TargetError> {
        let whole = || text.to_owned();
        if !text.starts_with('/') {
            return Err(TargetError::NotRooted { text: whole() });
        }
        if text.starts_with("//") || text.starts_with("/\\") {
            return Err(TargetError::TwoSlashes { text: whole() });
        }
        let (path, query, fragment) = cut(text);
        SitePath::parse(path).map_err(|reason| TargetError::Path {
            text: whole(),
            reason,
        })?;
        Self::of_parts(text, None, (path, query, fragment), names)
    }

    fn of_parts(
        text: &str,
        origin: Option<Origin>,
        (path, query, fragment): (&str, Option<&str>, Option<&str>),
        names: &[&str],
    ) -> Result<Self, TargetError> {
        let parts = path.split('/').chain(query_values(query));
        if let Some(name) = parts.filter_map(leading_name).find(|n| !names.contains(n)) {
            return Err(TargetError::UnknownPlaceholder {
                text: text.to_owned(),
                name: name.to_owned(),
            });
        }
        let encoded = |part: &str| encode_url_text(part, text);
        Ok(Self {
            origin,
            path: Template::parse(&encoded(path)?, names),
            query: query
                .map(|query| encoded(query).map(|query| Template::parse(&query, names)))
                .transpose()?,
            fragment: fragment.map(encoded).transpose()?,
        })
    }

    /// Whether it is a path of this site.
    pub fn is_local(&self) -> bool {
        self.origin.is_none()
    }

    /// The path, encoded, if it is one of this site and has no placeholders.
    pub fn exact_path(&self) -> Option<String> {
        let is_exact = self.is_local() && self.path.names().next().is_none();
        is_exact.then(|| self.path.to_string())
    }

    /// The value of `Location` (RFC 9110, 10.2.2), visible ASCII if the query is. `None` if what was
    /// captured can be no part of a host name. The query of the request goes along, unless the target
    /// has one.
    pub fn location(
        &self,
        captures: &Captures<'_>,
        prefix: &str,
        request_query: Option<&str>,
    ) -> Option<String> {
        let (mut location, path) = match &self.origin {
            Some(origin) => (
                origin.fill(captures)?,
                self.path.fill(captures, encoded_path),
            ),
            None => (encoded_path(prefix), self.local_path(captures)),
        };
        location.push_str(&path);
        let own_query = self.fill_query(captures);
        if let Some(query) = own_query.as_deref().or(request_query) {
            location.push('?');
            location.push_str(query);
        }
        if let Some(fragment) = &self.fragment {
            location.push('#');
            location.push_str(fragment);
        }
        Some(location)
    }

    /// What answers instead; `None` for a URL.
    pub fn rewritten(&self, captures: &Captures<'_>) -> Option<Rewritten> {
        self.is_local().then(|| Rewritten {
            path: self.local_path(captures),
            query: self.fill_query(captures),
        })
    }

    /// The path, encoded, if it is one of this site, or of that host.
    pub(crate) fn path_on(&self, host: Option<&str>, captures: &Captures<'_>) -> Option<String> {
        let Some(origin) = &self.origin else {
            return Some(self.local_path(captures));
        };
        let authority = origin.fill(captures)?;
        let authority = authority.strip_prefix(origin.scheme())?;
        (Some(authority) == host).then(|| self.path.fill(captures, encoded_path))
    }

    /// A path with one slash at its beginning: two would lead to another site.
    fn local_path(&self, captures: &Captures<'_>) -> String {
        let mut path = self.path.fill(captures, encoded_path);
        while path.contains("//") {
            path = path.replace("//", "/");
        }
        path
    }

    fn fill_query(&self, captures: &Captures<'_>) -> Option<String> {
        let query = self.query.as_ref()?;
        Some(query.fill(captures, |value| {
            utf8_percent_encode(value, NOT_IN_QUERY_VALUE).to_string()
        }))
    }
}

impl Origin {
    fn fill(&self, captures: &Captures<'_>) -> Option<String> {
        let mut names = self.authority.names();
        if !names.all(|name| captures.get(name).is_some_and(is_label)) {
            return None;
        }
        let authority = self.authority.fill(captures, str::to_ascii_lowercase);
        Some(format!("{}{authority}", self.scheme()))
    }

    fn scheme(&self) -> &'static str {
        match self.is_https {
            true => "https://",
            false => "http://",
        }
    }
}

fn encoded_path(value: &str) -> String {
    encode_path(value).into_owned()
}

/// Path, query and fragment.
fn cut(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, fragment) = match text.split_once('#') {
        Some((rest, fragment)) => (rest, Some(fragment)),
        None => (text, None),
    };
    match rest.split_once('?') {
        Some((path, query)) => (path, Some(query), fragment),
        None => (rest, None, fragment),
    }
}

fn query_values(query: Option<&str>) -> impl Iterator<Item = &str> {
    let pairs = query.unwrap_or_default().split('&');
    pairs.filter_map(|pair| pair.split_once('=').map(|(_, value)| value))
}

/// The name of a placeholder that a text begins with.
fn leading_name(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(':')?;
    name_length(rest).map(|length| &rest[..length])
}

fn parse_authority(text: &str, authority: &str, names: &[&str]) -> Result<Template, TargetError> {
    let bad = || TargetError::Host {
        text: text.to_owned(),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    };
    let is_good = |label: &str| match label.strip_prefix(':') {
        Some(name) => names.contains(&name) && name != SPLAT,
        None => is_label(label),
    };
    match host.split('.').all(is_good) {
        true => Ok(Template::parse(authority, names)),
        false => Err(bad()),
    }
}

/// Everything that a URL cannot hold as it is; escapes stay what they are.
const NOT_IN_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'#');

/// A value of a query may hold none of the characters that divide one.
const NOT_IN_QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn encode_url_text(part: &str, text: &str) -> Result<String, TargetError> {
    let is_escape = |(at, _): (usize, &str)| {
        let digits = part.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    match part.match_indices('%').all(is_escape) {
        true => Ok(utf8_percent_encode(part, NOT_IN_URL).to_string()),
        false => Err(TargetError::BrokenEscape {
            text: text.to_owned(),
        }),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{}{}", origin.scheme(), origin.authority)?;
        }
        write!(f, "{}", self.path)?;
        if let Some(query) = &self.query {
            write!(f, "?{query}")?;
        }
        match &self.fragment {
            Some(fragment) => write!(f, "#{fragment}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pattern;
    use proptest::prelude::*;

    fn location(from: &str, to: &str, asked: &str) -> Option<String> {
        let pattern = Pattern::parse(from).unwrap();
        let names: Vec<&str> = pattern.names().collect();
        let target = Target::parse(to, &names).unwrap();
        let (path, query, _) = cut(asked);
        let path = SitePath::parse(path).unwrap();
        let captures = pattern.matches(Some("en.example.com"), &path).unwrap();
        target.location(&captures, "/shop", query)
    }

    #[test]
    fn placeholders_are_filled_in_and_encoded_for_their_place() {
        #[track_caller]
        fn check(from: &str, to: &str, asked: &str, want: &str) {
            assert_eq!(location(from, to, asked).as_deref(), Some(want));
        }
        check("/a", "/b", "/a", "/shop/b");
        check("/a", "/b", "/a?x=1", "/shop/b?x=1");
        check("/a", "/b?y=2", "/a?x=1", "/shop/b?y=2");
        check("/a", "/b?", "/a?x=1", "/shop/b?");
        check("/a", "/b#c", "/a?x=1", "/shop/b?x=1#c");
        check(
            "/a",
            "https://x.example",
            "/a?x=1",
            "https://x.example/?x=1",
        );
        check(
            "/a",
            "http://x.example:81/b#c",
            "/a",
            "http://x.example:81/b#c",
        );
        check("/a", "/caf\u{e9}", "/a", "/shop/caf%C3%A9");
        check("/old/*", "/new/:splat", "/old/a/b/", "/shop/new/a/b/");
        check("/old/*", "/new/:splat", "/old", "/shop/new/");
        check("/:a/:b", "/:b/:a", "/1/2", "/shop/2/1");
        check(
            "/p/:id",
            "/s?q=:id",
            "/p/a%26b=c%20%23",
            "/shop/s?q=a%26b%3Dc%20%23",
        );
        check(
            "/p/:id",
            "/s/:id",
            "/p/a%0D%0Ab:%3F",
            "/shop/s/a%0D%0Ab:%3F",
        );
        check(
            "/*",
            "https://x.example/:splat",
            "/a//b%25",
            "https://x.example/a/b%25",
        );
        check(
            "/*",
            "https://x.example/u/https://y/",
            "/a",
            "https://x.example/u/https://y/",
        );
        check(
            "https://:l.example.com/*",
            "https://example.com/:l/:splat",
            "/a",
            "https://example.com/en/a",
        );
        check(
            "/to/:l",
            "https://:l.example.com/",
            "/to/DE",
            "https://de.example.com/",
        );
    }

    #[test]
    fn what_comes_out_never_leads_to_another_site() {
        let check = |from, to, asked, want| {
            assert_eq!(location(from, to, asked).as_deref(), Some(want));
        };
        check(
            "/go/*",
            "/:splat",
            "/go//evil.example/x",
            "/shop/evil.example/x",
        );
        check("/go/*", "/x/:splat/y", "/go", "/shop/x/y");
        check(
            "/go/:a",
            "/:a",
            "/go/evil.example%3A80",
            "/shop/evil.example:80",
        );
        for host in ["evil.example%3F", "evil%23", "a%40b", "a:80", "%C3%A9"] {
            let asked = format!("/to/{host}");
            assert_eq!(location("/to/:h", "https://:h.example.com/", &asked), None);
        }
    }

    #[test]
    fn what_is_no_target_is_refused_in_words() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            let message = Target::parse(text, &["id", "splat"])
                .unwrap_err()
                .to_string();
            assert!(message.contains(want), "{message}");
        }
        check("b", "begin it with a slash");
        check("ftp://x/", "begin it with a slash");
        check("//evil.example/", "two slashes");
        check("/\\evil.example/", "two slashes");
        check("/a/../b", "`.` or `..`");
        check("/a\\b", "backslash");
        check("/a%2", "hexadecimal");
        check("/a?b=%", "%25");
        check("/:other", "names :other");
        check("/a?b=:other", "names :other");
        for host in [
            "", "/", "u@h", ":splat.h", ":other.h", "x:id.h", "h:0", "h:99999", "[::1]",
        ] {
            check(&format!("https://{host}"), "no host name");
        }
    }

    proptest! {
        #[test]
        fn a_local_location_stays_on_the_site(
            to in "/[a-z:./*%]{0,10}",
            asked in "/[a-z/.:%0-9A-F]{0,16}",
        ) {
            let pattern = Pattern::parse("/*").unwrap();
            let (Ok(target), Ok(path)) = (Target::parse(&to, &["splat"]), SitePath::parse(&asked)) else {
                return Ok(());
            };
            let captures = pattern.matches(None, &path).unwrap();
            let location = target.location(&captures, "", None).unwrap();
            prop_assert!(location.starts_with('/'));
            prop_assert!(!location[1..].starts_with(['/', '\\']), "{}", location);
            prop_assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{}", location);
        }

        #[test]
        fn what_is_printed_is_parsed_to_the_same(text in "(https?://[a-z:.0-9]{1,8})?/[a-z:/%2F?=#&é]{0,14}") {
            if let Ok(target) = Target::parse(&text, &["a", "splat"]) {
                prop_assert_eq!(Target::parse(&target.to_string(), &["a", "splat"]), Ok(target));
            }
        }
    }
}
