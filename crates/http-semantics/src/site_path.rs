//! The path of a request, decoded once and checked (RFC 9110 section 4.2.3, RFC 3986 section 3.3).
//!
//! SECURITY: the checks stand in this order, and each sees what the one before leaves:
//!
//! 1. the raw path is cut at every `/` *before* anything is decoded, so an encoded slash
//!    can never make a segment;
//! 2. a segment with a broken escape is refused, as readers disagree about what it means;
//! 3. the segment is decoded exactly once, and must be UTF-8: overlong forms of `.` and `/`
//!    are not;
//! 4. the *decoded* segment may not be `.` or `..`, nor hold a slash, a backslash or NUL.
//!
//! Empty segments are dropped, so `//evil.example` can never come back in a `Location`.
//! Not here: the way back (`encode_path`), and what a path leads to.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// A request path, decoded exactly once.
///
/// Invariant: begins with `/`; holds no `//`, no `\`, no NUL, no segment `.` or `..`; a
/// trailing `/` is as the client sent it. Other control characters may occur: files may be
/// called so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SitePath<'a>(Cow<'a, str>);

/// Why the path of a request is refused; `at` is a byte offset into the raw path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// The path is empty or begins with something other than `/`.
    #[error("the path does not begin with `/`")]
    NotRooted,
    /// A `%` is not followed by two hexadecimal digits.
    #[error("the `%` at byte {at} of the path is not followed by two hexadecimal digits")]
    BrokenEscape {
        /// Where the `%` stands.
        at: usize,
    },
    /// A decoded segment is not UTF-8.
    #[error("the segment at byte {at} of the path does not decode to UTF-8")]
    NotUtf8 {
        /// Where the segment begins.
        at: usize,
    },
    /// A decoded segment is `.` or `..`.
    #[error("the segment at byte {at} of the path is `.` or `..`")]
    DotSegment {
        /// Where the segment begins.
        at: usize,
    },
    /// A segment holds an encoded `/`.
    #[error("the segment at byte {at} of the path holds an encoded `/`")]
    EncodedSlash {
        /// Where the segment begins.
        at: usize,
    },
    /// A segment holds a backslash, encoded or not.
    #[error("the segment at byte {at} of the path holds a backslash")]
    Backslash {
        /// Where the segment begins.
        at: usize,
    },
    /// A segment holds NUL, encoded or not.
    #[error("the segment at byte {at} of the path holds a NUL")]
    Nul {
        /// Where the segment begins.
        at: usize,
    },
}

impl<'a> SitePath<'a> {
    /// Returns the path of a request target in origin-form, given without its query.
    ///
    /// Borrows from `raw` where nothing has to be decoded or collapsed.
    ///
    /// # Errors
    /// [`BadPath`] names the first thing that is wrong; the answer is 400.
    pub fn parse(raw: &'a str) -> Result<Self, BadPath> {
        if !raw.starts_with('/') {
            return Err(BadPath::NotRooted);
        }
        if !raw.contains('%') && !raw.contains("//") {
            for (at, segment) in raw_segments(raw) {
                check_segment(segment, at)?;
            }
            return Ok(Self(Cow::Borrowed(raw)));
        }
        let mut path = String::with_capacity(raw.len());
        for (at, segment) in raw_segments(raw) {
            let decoded = decode_segment(segment, at)?;
            check_segment(&decoded, at)?;
            path.push('/');
            path.push_str(&decoded);
        }
        if raw.ends_with('/') {
            path.push('/');
        }
        Ok(Self(Cow::Owned(path)))
    }

    /// The whole path, beginning with `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows `prefix`, if that is a whole path: `/p/a` without `/p` is `/a`, but `/pa`
    /// and `/p` have no such rest.
    #[must_use]
    pub fn without_prefix(&self, prefix: &str) -> Option<SitePath<'_>> {
        let rest = self.0.strip_prefix(prefix)?;
        rest.starts_with('/')
            .then_some(SitePath(Cow::Borrowed(rest)))
    }

    /// The segments between the slashes, none of them empty.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }
}

/// The non-empty segments of a raw path, each with its byte offset.
fn raw_segments(raw: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    raw.split('/')
        .map(move |segment| {
            let at = next;
            next += segment.len() + 1;
            (at, segment)
        })
        .filter(|(_, segment)| !segment.is_empty())
}

fn decode_segment(segment: &str, at: usize) -> Result<Cow<'_, str>, BadPath> {
    for (offset, _) in segment.match_indices('%') {
        let digits = segment.as_bytes().get(offset + 1..offset + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(BadPath::BrokenEscape { at: at + offset });
        }
    }
    percent_decode_str(segment)
        .decode_utf8()
        .map_err(|_| BadPath::NotUtf8 { at })
}

fn check_segment(decoded: &str, at: usize) -> Result<(), BadPath> {
    if matches!(decoded, "." | "..") {
        return Err(BadPath::DotSegment { at });
    }
    match decoded
        .bytes()
        .find(|byte| matches!(byte, b'/' | b'\\' | 0))
    {
        Some(b'/') => Err(BadPath::EncodedSlash { at }),
        Some(b'\\') => Err(BadPath::Backslash { at }),
        Some(_) => Err(BadPath::Nul { at }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proptest::sample::select;

    #[track_caller]
    fn check(raw: &str, want: Result<&str, BadPath>) {
        let parsed = SitePath::parse(raw);
        assert_eq!(
            parsed.as_ref().map(SitePath::as_str),
            want.as_ref().copied(),
            "{raw:?}"
        );
    }

    #[test]
    fn escapes_are_decoded_exactly_once() {
        check("/a%20b", Ok("/a b"));
        check("/%41%7a", Ok("/Az"));
        check("/caf%C3%a9", Ok("/café"));
        check("/100%25", Ok("/100%"));
        check("/%252e%252e/x", Ok("/%2e%2e/x"));
        check("/%3Fq%23", Ok("/?q#"));
        check("/line%0Abreak", Ok("/line\nbreak"));
        check("/a+b", Ok("/a+b"));
    }

    #[test]
    fn a_prefix_ends_where_a_segment_does() {
        #[track_caller]
        fn check(path: &str, prefix: &str, want: Option<&str>) {
            let path = SitePath::parse(path).unwrap();
            assert_eq!(
                path.without_prefix(prefix).as_ref().map(SitePath::as_str),
                want
            );
        }
        check("/p/a", "/p", Some("/a"));
        check("/p/", "/p", Some("/"));
        check("/p", "/p", None);
        check("/pa", "/p", None);
        check("/q/p/a", "/p", None);
        check("/a", "", Some("/a"));
    }

    #[test]
    fn runs_of_slashes_collapse_and_a_trailing_one_stays() {
        check("/", Ok("/"));
        check("//", Ok("/"));
        check("///", Ok("/"));
        check("//evil.example/x", Ok("/evil.example/x"));
        check("/a//b", Ok("/a/b"));
        check("/a/", Ok("/a/"));
        check("/a///", Ok("/a/"));
        check("/%61/", Ok("/a/"));
    }

    #[test]
    fn dot_segments_are_refused_however_spelt() {
        check("/.", Err(BadPath::DotSegment { at: 1 }));
        check("/..", Err(BadPath::DotSegment { at: 1 }));
        check("/a/../b", Err(BadPath::DotSegment { at: 3 }));
        check("/a//%2e%2E/b", Err(BadPath::DotSegment { at: 4 }));
        check("/.%2e/", Err(BadPath::DotSegment { at: 1 }));
        check("/%2e", Err(BadPath::DotSegment { at: 1 }));
        check("/.well-known/...", Ok("/.well-known/..."));
        check("/a..b/..c", Ok("/a..b/..c"));
    }

    #[test]
    fn slashes_backslashes_and_nul_cannot_be_smuggled_in() {
        check("/a%2Fb", Err(BadPath::EncodedSlash { at: 1 }));
        check("/..%2f..", Err(BadPath::EncodedSlash { at: 1 }));
        check("/a\\b", Err(BadPath::Backslash { at: 1 }));
        check("/x/..%5C", Err(BadPath::Backslash { at: 3 }));
        check("/a\0", Err(BadPath::Nul { at: 1 }));
        check("/a%00.html", Err(BadPath::Nul { at: 1 }));
    }

    #[test]
    fn broken_escapes_and_bad_utf8_are_refused() {
        check("/a%", Err(BadPath::BrokenEscape { at: 2 }));
        check("/%2", Err(BadPath::BrokenEscape { at: 1 }));
        check("/a/%zz", Err(BadPath::BrokenEscape { at: 3 }));
        check("/%2/f", Err(BadPath::BrokenEscape { at: 1 }));
        check("/%%32%65", Err(BadPath::BrokenEscape { at: 1 }));
        check("/%é", Err(BadPath::BrokenEscape { at: 1 }));
        check("/%ff", Err(BadPath::NotUtf8 { at: 1 }));
        check("/%c0%ae%c0%ae/", Err(BadPath::NotUtf8 { at: 1 }));
        check("/%c3/%a9", Err(BadPath::NotUtf8 { at: 1 }));
        check("/%ed%a0%80", Err(BadPath::NotUtf8 { at: 1 }));
        check("", Err(BadPath::NotRooted));
        check("*", Err(BadPath::NotRooted));
        check("%2Fa", Err(BadPath::NotRooted));
        check("/é", Ok("/é"));
    }

    #[test]
    fn a_plain_path_is_borrowed_and_segments_are_never_empty() {
        let path = SitePath::parse("/.well-known/a.b/").unwrap();
        assert!(matches!(path.0, Cow::Borrowed(_)));
        assert_eq!(path.segments().collect::<Vec<_>>(), [".well-known", "a.b"]);
        assert_eq!(SitePath::parse("/").unwrap().segments().count(), 0);
    }

    fn raw_path() -> impl Strategy<Value = String> {
        let pieces = "/ // . .. a \\ % %2 %2e %2E %2f %5c %00 %0a %25 %41 %ff %c0%ae %c3%a9 é \0";
        prop::collection::vec(select(pieces.split(' ').collect::<Vec<_>>()), 0..12)
            .prop_map(|pieces| format!("/{}", pieces.concat()))
    }

    proptest! {
        #[test]
        fn no_input_breaks_the_invariant(raw in prop_oneof![raw_path(), any::<String>()]) {
            if let Ok(path) = SitePath::parse(&raw) {
                let path = path.as_str();
                prop_assert!(path.starts_with('/') && !path.contains("//"));
                prop_assert!(!path.contains(['\\', '\0']));
                prop_assert!(path.split('/').all(|segment| segment != "." && segment != ".."));
                prop_assert_eq!(path.ends_with('/'), raw.ends_with('/'));
            }
        }
    }
}
