//! What a rule matches: a path, with placeholders for segments and one `*` for any number of them.
//!
//! A path is matched by its segments, decoded, so an encoded letter is the letter, and a slash at the
//! end of a path makes no difference, in the rule as in the request.

use std::fmt;

use http_semantics::{BadPath, SitePath, encode_path};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// The deepest path that a rule can have.
const SEGMENTS_MAX: usize = 64;

/// The name of what a `*` stands for.
pub(crate) const SPLAT: &str = "splat";

/// A parsed path of a rule, perhaps for one host only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// The labels of a host name; without: every host.
    host: Option<Vec<Part>>,
    segments: Vec<Part>,
}

/// A segment of a path, or a label of a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Part {
    /// These very characters, decoded.
    Literal(String),
    /// `:name`: any one.
    Placeholder(String),
    /// `*`: any number of segments, with what stands before and after it.
    Splat {
        /// What the first of them begins with.
        before: String,
        /// What the last of them ends with.
        after: String,
    },
}

/// Why a text is no path of a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Neither path nor URL.
    #[error("{text:?} is no path; begin it with a slash")]
    NotRooted {
        /// What was written.
        text: String,
    },
    /// A path that no request can have.
    #[error("{text:?} is a path that no request has: {reason}")]
    Path {
        /// What was written.
        text: String,
        /// Why.
        reason: BadPath,
    },
    /// `?` or `#`.
    #[error(
        "{text:?} has a {character}, and rules are matched by path alone; remove what follows it"
    )]
    QueryOrFragment {
        /// What was written.
        text: String,
        /// Which of them.
        character: char,
    },
    /// More than one `*`.
    #[error("{text:?} has more than one *; one is what :splat can stand for")]
    SecondSplat {
        /// What was written.
        text: String,
    },
    /// `:splat`, or the same name twice.
    #[error(
        "the placeholder :{name} stands for two things in {text:?}; give each a name of its own"
    )]
    RepeatedName {
        /// What was written.
        text: String,
        /// The name.
        name: String,
    },
    /// Too deep.
    #[error("{text:?} has more than {SEGMENTS_MAX} segments")]
    TooDeep {
        /// What was written.
        text: String,
    },
    /// `http://`.
    #[error("{text:?} begins with http://; write https://, which stands for both")]
    Http {
        /// What was written.
        text: String,
    },
    /// A port, a user, an empty label.
    #[error("{host:?} is no host name; write one without a port, such as www.example.com")]
    Host {
        /// What was written.
        host: String,
    },
}

/// What placeholders stand for in one request, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures<'p>(Vec<(&'p str, String)>);

impl Captures<'_> {
    /// What that name stands for.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Pattern {
    /// Parses `/blog/:year/*`, or `https://example.com/blog/*`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.starts_with("http://") {
            return Err(PatternError::Http {
                text: text.to_owned(),
            });
        }
        let (host, path) = match text.strip_prefix("https://") {
            Some(rest) => {
                let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let path = if path.is_empty() { "/" } else { path };
                (Some(host_labels(host)?), path)
            }
            None => (None, text),
        };
        let pattern = Self {
            host,
            segments: segments(text, path)?,
        };
        pattern.check_names(text)?;
        Ok(pattern)
    }

    fn check_names(&self, text: &str) -> Result<(), PatternError> {
        let mut names: Vec<&str> = self.names().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(PatternError::RepeatedName {
                text: text.to_owned(),
                name: pair[0].to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Whether it is for one host.
    pub fn has_host(&self) -> bool {
        self.host.is_some()
    }

    pub(crate) fn host(&self) -> Option<&[Part]> {
        self.host.as_deref()
    }

    pub(crate) fn segments(&self) -> &[Part] {
        &self.segments
    }

    /// The names of what it captures.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let parts = self.host.iter().flatten().chain(&self.segments);
        parts.filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Placeholder(name) => Some(name.as_str()),
            Part::Splat { .. } => Some(SPLAT),
        })
    }

    /// Names of placeholders that stand beside other characters in a segment, and so are none.
    pub(crate) fn partial_names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(|part| match part {
            Part::Literal(text) => partial_names(text),
            _ => Vec::new(),
        })
    }

    /// The path, if there is but one.
    pub fn exact_path(&self) -> Option<String> {
        let mut path = String::new();
        for part in &self.segments {
            let Part::Literal(text) = part else {
                return None;
            };
            path.push('/');
            path.push_str(text);
        }
        Some(if path.is_empty() {
            "/".to_owned()
        } else {
            path
        })
    }

    /// Whether its `*`, if it has one, is all of the last segment.
    pub(crate) fn is_simple(&self) -> bool {
        let splat = |part: &Part| matches!(part, Part::Splat { .. });
        match self.segments.iter().position(splat) {
            None => true,
            Some(place) => {
                let bare = Part::Splat {
                    before: String::new(),
                    after: String::new(),
                };
                place + 1 == self.segments.len() && self.segments[place] == bare
            }
        }
    }

    /// What it captures of a host and the segments of a path, if it matches them.
    pub fn matches(&self, host: Option<&str>, path: &SitePath<'_>) -> Option<Captures<'_>> {
        let mut captures = Captures::default();
        if let Some(labels) = &self.host {
            let found: Vec<&str> = host?.split('.').collect();
            if labels.len() != found.len() {
                return None;
            }
            match_parts(labels, &found, &mut captures)?;
        }
        let found: Vec<&str> = path.segments().collect();
        let splat = |part: &Part| matches!(part, Part::Splat { .. });
        let Some(place) = self.segments.iter().position(splat) else {
            let whole = self.segments.len() == found.len();
            return whole
                .then(|| match_parts(&self.segments, &found, &mut captures))?
                .map(|()| captures);
        };
        let (head, tail) = (&self.segments[..place], &self.segments[place + 1..]);
        let rest = found.len().checked_sub(tail.len())?;
        let middle = found.get(place..rest)?;
        match_parts(head, &found[..place], &mut captures)?;
        match_parts(tail, &found[rest..], &mut captures)?;
        let slash_at_end = path.as_str().ends_with('/') && tail.is_empty();
        let value = splat_value(&self.segments[place], middle, slash_at_end)?;
        captures.0.push((SPLAT, value));
        Some(captures)
    }
}

/// Matches parts without a `*` against as many texts.
fn match_parts<'p>(parts: &'p [Part], texts: &[&str], captures: &mut Captures<'p>) -> Option<()> {
    for (part, text) in parts.iter().zip(texts) {
        match part {
            Part::Literal(literal) if literal == text => {}
            Part::Placeholder(name) if !text.is_empty() => {
                captures.0.push((name, (*text).to_owned()));
            }
            _ => return None,
        }
    }
    Some(())
}

/// What a `*` stands for, if it can stand for these segments.
fn splat_value(part: &Part, middle: &[&str], slash_at_end: bool) -> Option<String> {
    let Part::Splat { before, after } = part else {
        return None;
    };
    let mut text = middle.join("/");
    if before.is_empty() && after.is_empty() {
        if slash_at_end && !text.is_empty() {
            text.push('/');
        }
        return Some(text);
    }
    let inner = text.strip_prefix(before.as_str())?;
    inner.strip_suffix(after.as_str()).map(str::to_owned)
}

fn segments(whole: &str, path: &str) -> Result<Vec<Part>, PatternError> {
    let text = || whole.to_owned();
    if !path.starts_with('/') {
        return Err(PatternError::NotRooted { text: text() });
    }
    if let Some(character) = path.chars().find(|c| matches!(c, '?' | '#')) {
        return Err(PatternError::QueryOrFragment {
            text: text(),
            character,
        });
    }
    if path.matches('*').count() > 1 {
        return Err(PatternError::SecondSplat { text: text() });
    }
    let mut parts = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        if parts.len() == SEGMENTS_MAX {
            return Err(PatternError::TooDeep { text: text() });
        }
        parts.push(part(segment).map_err(|reason| PatternError::Path {
            text: text(),
            reason,
        })?);
    }
    Ok(parts)
}

fn part(segment: &str) -> Result<Part, BadPath> {
    if let Some(name) = placeholder(segment) {
        return Ok(Part::Placeholder(name.to_owned()));
    }
    // Whatever stands beside a `*` is checked as if something stood for it.
    let decoded =
        |text: &str| SitePath::parse(&format!("/{text}")).map(|p| p.as_str()[1..].to_owned());
    match segment.split_once('*') {
        Some((before, after)) => {
            decoded(&format!("{before}x{after}"))?;
            let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            Ok(Part::Splat {
                before: decode(before),
                after: decode(after),
            })
        }
        None => decoded(segment).map(Part::Literal),
    }
}

/// The name in `:name`, if that is all there is.
fn placeholder(text: &str) -> Option<&str> {
    let name = text.strip_prefix(':')?;
    (name_length(name)? == name.len()).then_some(name)
}

/// How much of a text is a name: a letter, then letters, digits and `_`.
pub(crate) fn name_length(text: &str) -> Option<usize> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let first = text.chars().next()?;
    first
        .is_ascii_alphabetic()
        .then(|| text.find(|c| !is_name(c)).unwrap_or(text.len()))
}

fn partial_names(text: &str) -> Vec<&str> {
    let rests = text.split(':').skip(1);
    rests
        .filter_map(|rest| name_length(rest).map(|length| &rest[..length]))
        .collect()
}

fn host_labels(host: &str) -> Result<Vec<Part>, PatternError> {
    let bad = || PatternError::Host {
        host: host.to_owned(),
    };
    let label = |text: &str| match placeholder(text) {
        Some(name) => Ok(Part::Placeholder(name.to_owned())),
        None if is_label(text) => Ok(Part::Literal(text.to_ascii_lowercase())),
        None => Err(bad()),
    };
    host.split('.').map(label).collect()
}

/// Whether a text can be a label of a host name (RFC 1123, 2.1; `_` occurs).
pub(crate) fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(labels) = &self.host {
            f.write_str("https://")?;
            for (place, label) in labels.iter().enumerate() {
                let dot = if place == 0 { "" } else { "." };
                write!(f, "{dot}{label}")?;
            }
        }
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        self.segments
            .iter()
            .try_for_each(|part| write!(f, "/{part}"))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A `*` is only a `*` where it was meant as one, and so is a placeholder.
        let literal = |text: &str| encode_path(text).replace('*', "%2A");
        match self {
            Self::Literal(text) => match placeholder(text) {
                Some(name) => write!(f, "%3A{name}"),
                None => f.write_str(&literal(text)),
            },
            Self::Placeholder(name) => write!(f, ":{name}"),
            Self::Splat { before, after } => write!(f, "{}*{}", literal(before), literal(after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, path: &str, want: Option<&[(&str, &str)]>) {
        let pattern = Pattern::parse(pattern).unwrap();
        let path = SitePath::parse(path).unwrap();
        let found = pattern.matches(Some("www.example.com"), &path);
        let want = want.map(|pairs| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (*name, (*value).to_owned()));
            Captures(pairs.collect())
        });
        assert_eq!(found, want, "{pattern} {path:?}");
    }

    #[test]
    fn paths_are_matched_by_segment() {
        check("/a/b", "/a/b", Some(&[]));
        check("/a/b", "/a/b/", Some(&[]));
        check("/a/b/", "//a/b", Some(&[]));
        check("/a/b", "/a/bc", None);
        check("/a/b", "/a", None);
        check("/", "/", Some(&[]));
        check("/", "/a", None);
        check("/caf%C3%A9", "/café", Some(&[]));
        check("/a%20b", "/a%20b", Some(&[]));
        check("/:id/x", "/7/x", Some(&[("id", "7")]));
        check("/:id/x", "/x", None);
        check("/%3Aid", "/:id", Some(&[]));
        check("/%3Aid", "/7", None);
        check("/Talk:Main", "/Talk:Main", Some(&[]));
    }

    #[test]
    fn a_splat_takes_any_number_of_segments() {
        check("/a/*", "/a", Some(&[("splat", "")]));
        check("/a/*", "/a/", Some(&[("splat", "")]));
        check("/a/*", "/a/b/c", Some(&[("splat", "b/c")]));
        check("/a/*", "/a/b/", Some(&[("splat", "b/")]));
        check("/a/*", "/ab", None);
        check("/*", "/", Some(&[("splat", "")]));
        check("/*/x", "/a/b/x", Some(&[("splat", "a/b")]));
        check("/*/x", "/x", Some(&[("splat", "")]));
        check("/*.js", "/a/b.js", Some(&[("splat", "a/b")]));
        check("/*.js", "/a/b.jsx", None);
        check("/a/v*.txt", "/a/v1/2.txt", Some(&[("splat", "1/2")]));
        check("/a/v*.txt", "/a/v.txt", Some(&[("splat", "")]));
        check("/ab*ba", "/aba", None);
        let two = [("y", "1"), ("splat", "2/3")];
        check("/:y/*", "/1/2/3", Some(&two));
    }

    #[test]
    fn a_host_is_matched_by_label() {
        check("https://www.example.com/a", "/a", Some(&[]));
        check("https://WWW.example.com", "/", Some(&[]));
        check("https://example.com/a", "/a", None);
        let sub = [("sub", "www"), ("splat", "a")];
        check("https://:sub.example.com/*", "/a", Some(&sub));
        let pattern = Pattern::parse("https://example.com/a").unwrap();
        assert_eq!(pattern.matches(None, &SitePath::parse("/a").unwrap()), None);
    }

    #[test]
    fn what_is_no_pattern_is_refused_in_words() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            let message = Pattern::parse(text).unwrap_err().to_string();
            assert!(message.contains(want), "{message}");
        }
        check("a", "begin it with a slash");
        check("", "begin it with a slash");
        check("/a?b=1", "has a ?");
        check("/a#b", "has a #");
        check("/*/*", "more than one *");
        check("/:a/:a", ":a stands for two things");
        check("/:splat/*", ":splat stands for two things");
        check("/a/../b", "`.` or `..`");
        check("/a%2Fb", "encoded `/`");
        check("/a%zz", "hexadecimal");
        check("/a\\b", "backslash");
        check("/a%ff*", "UTF-8");
        check("http://example.com/", "write https://");
        check("https://example.com:8080/", "without a port");
        check("https://u@example.com/", "no host name");
        check("https:///a", "no host name");
        check(&"/a".repeat(65), "more than 64");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_parsed_to_the_same(text in "(https://[a-z:.]{1,6})?/[a-c:*%2F4./é]{0,12}") {
            if let Ok(pattern) = Pattern::parse(&text) {
                let printed = pattern.to_string();
                prop_assert_eq!(Pattern::parse(&printed), Ok(pattern), "{}", printed);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text: String, path in "/[ -~]{0,20}") {
            if let (Ok(pattern), Ok(path)) = (Pattern::parse(&text), SitePath::parse(&path)) {
                let _ = pattern.matches(Some(&text), &path);
            }
        }
    }
}
