//! Route patterns of workers: `/users/[id]`, `/docs/[...rest]`.
//!
//! `[name]` stands for one segment, `[...name]`, only at the end, for any number of them, none
//! included. Where several patterns match a path, the one that comes first in the order of
//! [`RoutePattern::precedence`] answers; two patterns that this cannot order and that could match
//! the same path are refused when a site is bundled ([`RoutePattern::is_ambiguous_with`]).

use serde::{Deserialize, Serialize};

/// A parsed pattern. A [`Segment::Rest`] stands only at its end; no parameter is named twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoutePattern {
    segments: Vec<Segment>,
}

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// These very characters.
    Literal(String),
    /// `[name]`: any one segment.
    Param(String),
    /// `[...name]`: all that is left.
    Rest(String),
}

/// Why a path of a file gives no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// No leading slash.
    #[error("the route {pattern:?} does not begin with a slash")]
    NotAbsolute {
        /// The text.
        pattern: String,
    },
    /// `[]` or `[...]`, or a bracket in the middle of a segment.
    #[error(
        "the segment {segment:?} is no route parameter; write [name] for one segment or \
         [...name] for the rest, as the whole name of a file or folder"
    )]
    BadSegment {
        /// The segment.
        segment: String,
    },
    /// `[...rest]` with something behind it.
    #[error("[...{name}] takes the rest of the path, so nothing can come after it")]
    RestNotLast {
        /// The parameter.
        name: String,
    },
    /// Two parameters of one name.
    #[error("the parameter [{name}] stands twice in one route; give each a name of its own")]
    RepeatedParam {
        /// The parameter.
        name: String,
    },
}

impl RoutePattern {
    /// Parses a pattern such as `/users/[id]`. Empty segments are dropped.
    pub fn parse(pattern: &str) -> Result<Self, RouteError> {
        let Some(path) = pattern.strip_prefix('/') else {
            return Err(RouteError::NotAbsolute {
                pattern: pattern.to_owned(),
            });
        };
        let mut segments: Vec<Segment> = Vec::new();
        for text in path.split('/').filter(|text| !text.is_empty()) {
            if let Some(Segment::Rest(name)) = segments.last() {
                return Err(RouteError::RestNotLast { name: name.clone() });
            }
            let segment = Segment::parse(text)?;
            if let Some(name) = segment.name()
                && segments.iter().any(|earlier| earlier.name() == Some(name))
            {
                return Err(RouteError::RepeatedParam {
                    name: name.to_owned(),
                });
            }
            segments.push(segment);
        }
        Ok(Self { segments })
    }

    /// The pattern of a worker from its path in the site, without extension: the last segment
    /// `index` is dropped, as in wws 1.7.
    pub fn of_file(path_without_extension: &str) -> Result<Self, RouteError> {
        let mut pattern = Self::parse(path_without_extension)?;
        if pattern.segments.last() == Some(&Segment::Literal("index".to_owned())) {
            pattern.segments.pop();
        }
        Ok(pattern)
    }

    /// The segments, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The path, if it is the only one that matches: the pattern has no parameters.
    pub fn exact_path(&self) -> Option<String> {
        self.segments
            .iter()
            .all(|s| matches!(s, Segment::Literal(_)))
            .then(|| self.to_string())
    }

    /// Whether it ends in `[...rest]`.
    pub fn takes_rest(&self) -> bool {
        matches!(self.segments.last(), Some(Segment::Rest(_)))
    }

    /// Whether a path of these segments matches, and the parameters it gives.
    /// The rest is joined with slashes.
    pub fn matches<'p>(&'p self, path: &[&str]) -> Option<Vec<(&'p str, String)>> {
        let mut params = Vec::new();
        let mut left = path;
        for segment in &self.segments {
            if let Segment::Rest(name) = segment {
                params.push((name.as_str(), left.join("/")));
                return Some(params);
            }
            let (first, others) = left.split_first()?;
            match segment {
                Segment::Literal(text) if text != first => return None,
                Segment::Literal(_) => {}
                Segment::Param(name) | Segment::Rest(name) => {
                    params.push((name.as_str(), (*first).to_owned()));
                }
            }
            left = others;
        }
        left.is_empty().then_some(params)
    }

    /// Smaller comes first: without a rest before with one, more literal segments first, then more
    /// segments.
    pub fn precedence(&self) -> (bool, std::cmp::Reverse<usize>, std::cmp::Reverse<usize>) {
        let literals = self
            .segments
            .iter()
            .filter(|s| matches!(s, Segment::Literal(_)))
            .count();
        (
            self.takes_rest(),
            std::cmp::Reverse(literals),
            std::cmp::Reverse(self.segments.len()),
        )
    }

    /// Whether some path matches both and nothing says which one answers.
    pub fn is_ambiguous_with(&self, other: &Self) -> bool {
        self.precedence() == other.precedence() && self.overlaps(other)
    }

    /// Whether some path matches both.
    fn overlaps(&self, other: &Self) -> bool {
        let (mut ours, mut theirs) = (self.segments.iter(), other.segments.iter());
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(Segment::Rest(_)), _) | (_, Some(Segment::Rest(_))) => return true,
                (None, Some(_)) | (Some(_), None) => return false,
                (Some(Segment::Literal(a)), Some(Segment::Literal(b))) if a != b => return false,
                _ => {}
            }
        }
    }
}

impl Segment {
    fn parse(text: &str) -> Result<Self, RouteError> {
        let bad = || RouteError::BadSegment {
            segment: text.to_owned(),
        };
        let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) else {
            let has_bracket = text.contains(['[', ']']);
            return if has_bracket {
                Err(bad())
            } else {
                Ok(Self::Literal(text.to_owned()))
            };
        };
        let (name, rest) = match inner.strip_prefix("...") {
            Some(name) => (name, true),
            None => (inner, false),
        };
        if name.is_empty() || name.contains(['[', ']', '.']) {
            return Err(bad());
        }
        Ok(if rest {
            Self::Rest(name.to_owned())
        } else {
            Self::Param(name.to_owned())
        })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Param(name) | Self::Rest(name) => Some(name),
        }
    }
}

impl std::fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        self.segments.iter().try_for_each(|segment| match segment {
            Segment::Literal(text) => write!(f, "/{text}"),
            Segment::Param(name) => write!(f, "/[{name}]"),
            Segment::Rest(name) => write!(f, "/[...{name}]"),
        })
    }
}

impl TryFrom<String> for RoutePattern {
    type Error = RouteError;

    fn try_from(text: String) -> Result<Self, RouteError> {
        Self::parse(&text)
    }
}

impl From<RoutePattern> for String {
    fn from(pattern: RoutePattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_what_they_say() {
        #[track_caller]
        fn check(pattern: &str, path: &str, want: Option<&[(&str, &str)]>) {
            let pattern = RoutePattern::parse(pattern).unwrap();
            let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
            let want = want.map(|w| w.iter().map(|(n, v)| (*n, (*v).to_owned())).collect());
            assert_eq!(pattern.matches(&segments), want);
        }
        check("/", "/", Some(&[]));
        check("/a/b", "/a/b", Some(&[]));
        check("/a/b", "/a", None);
        check("/a", "/a/b", None);
        check("/a/[id]", "/a/7", Some(&[("id", "7")]));
        check("/a/[id]", "/a", None);
        check("/a/[id]/c", "/a/x y/c", Some(&[("id", "x y")]));
        check("/a/[...r]", "/a", Some(&[("r", "")]));
        check("/a/[...r]", "/a/b/c", Some(&[("r", "b/c")]));
        check("/[x]/[...r]", "/a/b", Some(&[("x", "a"), ("r", "b")]));
        check("/[...r]", "/", Some(&[("r", "")]));
    }

    #[test]
    fn bad_patterns_are_refused_in_words() {
        #[track_caller]
        fn check(pattern: &str, want: &str) {
            let message = RoutePattern::parse(pattern).unwrap_err().to_string();
            assert!(message.contains(want), "{message}");
        }
        check("a", "does not begin with a slash");
        check("/[]", "no route parameter");
        check("/[...]", "no route parameter");
        check("/a[id]", "no route parameter");
        check("/[id].json", "no route parameter");
        check("/[a][b]", "no route parameter");
        check("/[...r]/b", "nothing can come after it");
        check("/[a]/[a]", "stands twice");
    }

    #[test]
    fn index_is_dropped_from_the_route_of_a_file() {
        for (file, want) in [
            ("/index", "/"),
            ("/a/index", "/a"),
            ("/index/a", "/index/a"),
            ("/a/[id]", "/a/[id]"),
        ] {
            assert_eq!(RoutePattern::of_file(file).unwrap().to_string(), want);
        }
    }

    #[test]
    fn more_specific_patterns_come_first() {
        let mut patterns = [
            "/[...r]",
            "/[x]",
            "/a/[...r]",
            "/a/[x]/[...r]",
            "/[x]/b",
            "/a/[x]/c",
        ]
        .map(|p| RoutePattern::parse(p).unwrap());
        patterns.sort_by_key(RoutePattern::precedence);
        assert_eq!(
            patterns.map(|p| p.to_string()),
            [
                "/a/[x]/c",
                "/[x]/b",
                "/[x]",
                "/a/[x]/[...r]",
                "/a/[...r]",
                "/[...r]"
            ]
        );
    }

    #[test]
    fn only_patterns_that_nothing_orders_are_ambiguous() {
        #[track_caller]
        fn check(a: &str, b: &str, want: bool) {
            let (a, b) = (
                RoutePattern::parse(a).unwrap(),
                RoutePattern::parse(b).unwrap(),
            );
            assert_eq!(a.is_ambiguous_with(&b), want);
            assert_eq!(b.is_ambiguous_with(&a), want);
        }
        check("/[a]", "/[b]", true);
        check("/a/[x]", "/[y]/b", true);
        check("/[...a]", "/[...b]", true);
        check("/a", "/a", true);
        check("/a/[x]", "/b/[x]", false);
        check("/a/[x]", "/[y]/[z]", false);
        check("/a/[...r]", "/a/[x]/[...r]", false);
        check("/a/[x]", "/a/[...r]", false);
    }

    fn pattern_text() -> impl Strategy<Value = String> {
        let segment = prop_oneof!["[a-c]", "[a-c]".prop_map(|n| format!("[{n}]"))];
        (
            prop::collection::vec(segment, 0..4),
            prop::option::of("[x-z]"),
        )
            .prop_map(|(s, rest)| {
                let rest = rest.map(|r| format!("/[...{r}]")).unwrap_or_default();
                format!("/{}{rest}", s.join("/"))
            })
    }

    proptest! {
        #[test]
        fn a_pattern_reads_back_as_it_prints(text in pattern_text()) {
            if let Ok(pattern) = RoutePattern::parse(&text) {
                prop_assert_eq!(RoutePattern::parse(&pattern.to_string()), Ok(pattern));
            }
        }

        #[test]
        fn unambiguous_patterns_that_match_one_path_are_ordered(
            a in pattern_text(), b in pattern_text(), path in prop::collection::vec("[a-c]", 0..5),
        ) {
            if let (Ok(a), Ok(b)) = (RoutePattern::parse(&a), RoutePattern::parse(&b)) {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                if a.matches(&path).is_some() && b.matches(&path).is_some() {
                    prop_assert!(a.is_ambiguous_with(&b) || a.precedence() != b.precedence());
                }
            }
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = RoutePattern::parse(&text);
        }
    }
}
