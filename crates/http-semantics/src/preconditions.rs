//! Whether a conditional request goes ahead (RFC 9110 section 13; entity tags: 8.8.3).
//!
//! The order is that of 13.2.2: `If-Match`, else `If-Unmodified-Since`; then `If-None-Match`,
//! else `If-Modified-Since`; `If-Range` is asked apart, by who is about to use `Range`. The
//! caller asks only where the plain answer would be a 2xx (13.2.1).

use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};

/// What the current content can be told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validators<'a> {
    /// The strong entity tag, with its quotes. It may not hold a quote inside.
    pub etag: &'a str,
    /// When the content changed last, if known. Counts in whole seconds, as on the wire.
    pub last_modified: Option<SystemTime>,
}

/// What the preconditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer as though there were no preconditions.
    Proceed,
    /// The client holds the current content: 304.
    NotModified,
    /// The client asked for other content than the current: 412.
    Failed,
}

/// Returns the verdict on the preconditions in `headers`.
///
/// `method_is_read` stands for `GET` and `HEAD`. A request without preconditions costs four
/// look-ups in `headers`. Never allocates.
#[must_use]
pub fn evaluate(method_is_read: bool, headers: &HeaderMap, current: &Validators<'_>) -> Verdict {
    let is_current = |tag: &EntityTag<'_>| tag.quoted == current.etag.as_bytes();
    if headers.contains_key(IF_MATCH) {
        if !any_tag(headers, &IF_MATCH, |tag| !tag.weak && is_current(tag)) {
            return Verdict::Failed;
        }
    } else if modified_since(headers, &IF_UNMODIFIED_SINCE, current) == Some(true) {
        return Verdict::Failed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if any_tag(headers, &IF_NONE_MATCH, is_current) {
            return if method_is_read {
                Verdict::NotModified
            } else {
                Verdict::Failed
            };
        }
    } else if method_is_read && modified_since(headers, &IF_MODIFIED_SINCE, current) == Some(false)
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Returns whether a `Range` field may be used: there is no `If-Range`, or it names the
/// current content beyond doubt. Where it may not, the answer is the whole content.
#[must_use]
pub fn if_range_allows(headers: &HeaderMap, current: &Validators<'_>) -> bool {
    if !headers.contains_key(IF_RANGE) {
        return true;
    }
    let Some(value) = only_value(headers, &IF_RANGE) else {
        return false;
    };
    // The current tag is strong, so only the very same bytes match it strongly.
    if value.as_bytes().trim_ascii() == current.etag.as_bytes() {
        return true;
    }
    let date = read_date(value);
    date.is_some() && date == current.last_modified.and_then(seconds)
}

/// Whether the content changed after the date in the field; `None` where the field is absent,
/// given twice or no date, or where nobody knows when the content changed.
fn modified_since(
    headers: &HeaderMap,
    name: &HeaderName,
    current: &Validators<'_>,
) -> Option<bool> {
    let date = read_date(only_value(headers, name)?)?;
    Some(seconds(current.last_modified?)? > date)
}

fn only_value<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

fn read_date(value: &HeaderValue) -> Option<u64> {
    seconds(httpdate::parse_http_date(value.to_str().ok()?).ok()?)
}

/// Whole seconds since 1970; an earlier time counts as unknown.
fn seconds(time: SystemTime) -> Option<u64> {
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// Whether a field of this name is `*`, or lists a tag that matches.
fn any_tag(
    headers: &HeaderMap,
    name: &HeaderName,
    matches: impl Fn(&EntityTag<'_>) -> bool,
) -> bool {
    headers.get_all(name).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        value == b"*" || Tags(value).any(|tag| matches(&tag))
    })
}

struct EntityTag<'v> {
    weak: bool,
    quoted: &'v [u8],
}

/// The well-formed tags of a list; elements that are none are skipped.
///
/// A comma inside quotes belongs to the tag. There are no escapes: the next quote ends it.
struct Tags<'v>(&'v [u8]);

impl<'v> Iterator for Tags<'v> {
    type Item = EntityTag<'v>;

    fn next(&mut self) -> Option<EntityTag<'v>> {
        loop {
            let start = self
                .0
                .iter()
                .position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
            let element = &self.0[start..];
            let (tag, rest) =
                split_tag(element).map_or((None, element), |(tag, rest)| (Some(tag), rest));
            let comma = rest
                .iter()
                .position(|&byte| byte == b',')
                .unwrap_or(rest.len());
            let (after_tag, next) = rest.split_at(comma);
            self.0 = next;
            if tag.is_some() && after_tag.trim_ascii().is_empty() {
                return tag;
            }
        }
    }
}

/// Splits `[ "W/" ] DQUOTE … DQUOTE` off the front; `None` where there is no such thing.
fn split_tag(element: &[u8]) -> Option<(EntityTag<'_>, &[u8])> {
    let unprefixed = element.strip_prefix(b"W/");
    let (weak, quoted) = (unprefixed.is_some(), unprefixed.unwrap_or(element));
    let inside = quoted.strip_prefix(b"\"")?;
    let close = inside.iter().position(|&byte| byte == b'"')?;
    let (quoted, rest) = quoted.split_at(close + 2);
    Some((EntityTag { weak, quoted }, rest))
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Failed, NotModified, Proceed};
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const EXACT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn current() -> Validators<'static> {
        let last_modified = UNIX_EPOCH + Duration::from_millis(784_111_777_900);
        Validators {
            etag: "\"a,b\"",
            last_modified: Some(last_modified),
        }
    }

    /// One field a line, as on the wire.
    fn headers(lines: &str) -> HeaderMap {
        let fields = lines.lines().filter_map(|line| line.split_once(": "));
        fields
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .fold(
                HeaderMap::new(),
                |mut headers, (name, value): (HeaderName, HeaderValue)| {
                    headers.append(name, value);
                    headers
                },
            )
    }

    /// Checks the verdict on a read, then on a write.
    #[track_caller]
    fn check(lines: &str, read: Verdict, write: Verdict) {
        assert_eq!(
            evaluate(true, &headers(lines), &current()),
            read,
            "read with {lines}"
        );
        assert_eq!(
            evaluate(false, &headers(lines), &current()),
            write,
            "write with {lines}"
        );
    }

    #[track_caller]
    fn check_if_range(lines: &str, want: bool) {
        assert_eq!(
            if_range_allows(&headers(lines), &current()),
            want,
            "{lines}"
        );
    }

    #[test]
    fn a_request_without_preconditions_proceeds() {
        check("", Proceed, Proceed);
        check("range: bytes=0-1\nif-range: \"x\"", Proceed, Proceed);
    }

    #[test]
    fn if_match_compares_strongly() {
        check("if-match: \"a,b\"", Proceed, Proceed);
        check("if-match: *", Proceed, Proceed);
        check("if-match: \"x\", \"a,b\"", Proceed, Proceed);
        check("if-match: \"x\"\nif-match: \"a,b\"", Proceed, Proceed);
        check("if-match: W/\"a,b\"", Failed, Failed);
        check("if-match: \"a\", \"b\"", Failed, Failed);
        check("if-match: a,b", Failed, Failed);
    }

    #[test]
    fn if_none_match_compares_weakly() {
        check("if-none-match: \"a,b\"", NotModified, Failed);
        check("if-none-match: W/\"a,b\"", NotModified, Failed);
        check("if-none-match: *", NotModified, Failed);
        check(
            "if-none-match: ,\"x\" ,\tW/\"a,b\" , \"y\"",
            NotModified,
            Failed,
        );
        check(
            "if-none-match: \"x\"\nif-none-match: \"a,b\"",
            NotModified,
            Failed,
        );
        check("if-none-match: \"x\", \"y\"", Proceed, Proceed);
        check("if-none-match: \"A,B\"", Proceed, Proceed);
    }

    #[test]
    fn garbage_in_a_list_never_matches_and_hides_nothing_after_it() {
        let never =
            r#"a,b|"a,b|a,b"|w/"a,b"|W/ "a,b"|"a,b"x|x"a,b"|"x""a,b"|'a,b'|"x", *|W/*|W/|"|,"#;
        for garbage in never.split('|') {
            check(&format!("if-none-match: {garbage}"), Proceed, Proceed);
        }
        for garbage in ["x", "W/", "\"x\"y", "*", "w/\"x\"", "\"\"\"\""] {
            check(
                &format!("if-none-match: {garbage}, \"a,b\""),
                NotModified,
                Failed,
            );
        }
    }

    #[test]
    fn dates_count_in_whole_seconds() {
        check(&format!("if-modified-since: {BEFORE}"), Proceed, Proceed);
        check(&format!("if-modified-since: {EXACT}"), NotModified, Proceed);
        check(&format!("if-modified-since: {AFTER}"), NotModified, Proceed);
        check(
            "if-modified-since: Sunday, 06-Nov-94 08:49:37 GMT",
            NotModified,
            Proceed,
        );
        check(&format!("if-unmodified-since: {BEFORE}"), Failed, Failed);
        check(&format!("if-unmodified-since: {EXACT}"), Proceed, Proceed);
        check(&format!("if-unmodified-since: {AFTER}"), Proceed, Proceed);
    }

    #[test]
    fn dates_that_are_invalid_or_given_twice_are_ignored() {
        for name in ["if-modified-since", "if-unmodified-since"] {
            for date in ["", "yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37"] {
                check(&format!("{name}: {date}"), Proceed, Proceed);
            }
        }
        check(
            &format!("if-modified-since: {EXACT}\nif-modified-since: x"),
            Proceed,
            Proceed,
        );
        check(
            &format!("if-unmodified-since: {BEFORE}\nif-unmodified-since: x"),
            Proceed,
            Proceed,
        );
    }

    #[test]
    fn dates_are_ignored_where_no_time_of_change_is_known() {
        let early = UNIX_EPOCH - Duration::from_secs(1);
        for last_modified in [None, Some(early)] {
            let current = Validators {
                last_modified,
                ..current()
            };
            for name in ["if-modified-since", "if-unmodified-since"] {
                let headers = headers(&format!("{name}: {EXACT}"));
                assert_eq!(evaluate(true, &headers, &current), Proceed, "{name}");
            }
            assert!(!if_range_allows(
                &headers(&format!("if-range: {EXACT}")),
                &current
            ));
        }
    }

    #[test]
    fn tags_overrule_dates_and_matches_come_before_non_matches() {
        check(
            &format!("if-none-match: \"x\"\nif-modified-since: {AFTER}"),
            Proceed,
            Proceed,
        );
        check(
            &format!("if-none-match: x\nif-modified-since: {AFTER}"),
            Proceed,
            Proceed,
        );
        check(
            &format!("if-match: \"a,b\"\nif-unmodified-since: {BEFORE}"),
            Proceed,
            Proceed,
        );
        check("if-match: \"x\"\nif-none-match: \"a,b\"", Failed, Failed);
        check("if-match: *\nif-none-match: \"a,b\"", NotModified, Failed);
        check(
            &format!("if-unmodified-since: {BEFORE}\nif-none-match: *"),
            Failed,
            Failed,
        );
        check(
            &format!("if-match: *\nif-modified-since: {EXACT}"),
            NotModified,
            Proceed,
        );
    }

    #[test]
    fn if_range_wants_the_very_same_content() {
        check_if_range("", true);
        check_if_range("if-range: \"a,b\"", true);
        check_if_range(&format!("if-range: {EXACT}"), true);
        check_if_range(&format!("if-range: {BEFORE}"), false);
        check_if_range(&format!("if-range: {AFTER}"), false);
        for value in [
            "W/\"a,b\"",
            "\"x\"",
            "\"x\", \"a,b\"",
            "*",
            "a,b",
            "",
            "yesterday",
        ] {
            check_if_range(&format!("if-range: {value}"), false);
        }
        check_if_range("if-range: \"a,b\"\nif-range: \"a,b\"", false);
    }

    proptest! {
        #[test]
        fn no_value_panics_and_a_quoted_list_finds_its_member(
            value in "[ -~\t\u{80}-\u{ff}]{0,40}",
            others in prop::collection::vec("(W/)?\"[!#-~]{0,6}\"", 0..4),
        ) {
            let raw = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE] {
                let headers = HeaderMap::from_iter([(name, raw.clone())]);
                evaluate(true, &headers, &current());
                if_range_allows(&headers, &current());
            }
            let list = format!("if-none-match: {}", [&others[..], &["\"a,b\"".into()]].concat().join(","));
            prop_assert_eq!(evaluate(true, &headers(&list), &current()), NotModified);
        }
    }
}
