//! Whether a conditional request goes ahead (RFC 9110 section 13).
//!
//! The order is that of 13.2.2: `If-Match`, else `If-Unmodified-Since`; then `If-None-Match`,
//! else `If-Modified-Since`; `If-Range` is asked apart, by who is about to use `Range`. The
//! caller asks only where the plain answer would be a 2xx (13.2.1).

use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE,
};

use crate::entity_tag::{EntityTag, EntityTags};

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
        value == b"*" || EntityTags::new(value).any(|tag| matches(&tag))
    })
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Failed, NotModified, Proceed};
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn current() -> Validators<'static> {
        let last_modified = UNIX_EPOCH + Duration::from_millis(784_111_777_900);
        Validators {
            etag: "\"a,b\"",
            last_modified: Some(last_modified),
        }
    }

    /// One field a line, as on the wire; the three words stand for dates around the change.
    fn headers(lines: &str) -> HeaderMap {
        let lines = lines
            .replace("BEFORE", "Sun, 06 Nov 1994 08:49:36 GMT")
            .replace("EXACT", "Sun, 06 Nov 1994 08:49:37 GMT")
            .replace("AFTER", "Sun, 06 Nov 1994 08:49:38 GMT");
        let mut headers = HeaderMap::new();
        for (name, value) in lines.lines().filter_map(|line| line.split_once(": ")) {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        headers
    }

    /// Checks the verdict on each request as a read and as a write.
    #[track_caller]
    fn check(read: Verdict, write: Verdict, requests: &[&str]) {
        for lines in requests {
            let headers = headers(lines);
            assert_eq!(evaluate(true, &headers, &current()), read, "read: {lines}");
            assert_eq!(
                evaluate(false, &headers, &current()),
                write,
                "write: {lines}"
            );
        }
    }

    #[track_caller]
    fn check_if_range(allowed: bool, requests: &[&str]) {
        for lines in requests {
            assert_eq!(
                if_range_allows(&headers(lines), &current()),
                allowed,
                "{lines}"
            );
        }
    }

    #[test]
    fn a_request_without_preconditions_proceeds() {
        check(Proceed, Proceed, &["", "range: bytes=0-1\nif-range: \"x\""]);
    }

    #[test]
    fn if_match_compares_strongly() {
        for value in r#""a,b"~*~"x", "a,b"~x, "a,b""#.split('~') {
            check(Proceed, Proceed, &[&format!("if-match: {value}")]);
        }
        for value in r#"W/"a,b"~"a", "b"~a,b~"x", *~"#.split('~') {
            check(Failed, Failed, &[&format!("if-match: {value}")]);
        }
        check(Proceed, Proceed, &["if-match: \"x\"\nif-match: \"a,b\""]);
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for value in r#""a,b"~W/"a,b"~*~,"x" , W/"a,b" , "y"~x, *, "a,b""#.split('~') {
            check(NotModified, Failed, &[&format!("if-none-match: {value}")]);
        }
        for value in r#""x", "y"~"A,B"~"a", "b"~a,b~"x", *~"#.split('~') {
            check(Proceed, Proceed, &[&format!("if-none-match: {value}")]);
        }
        let second_field = "if-none-match: x\nif-none-match: \"a,b\"";
        check(NotModified, Failed, &[second_field]);
    }

    #[test]
    fn dates_count_in_whole_seconds() {
        let held = [
            "if-modified-since: EXACT",
            "if-modified-since: AFTER",
            "if-modified-since: Sunday, 06-Nov-94 08:49:37 GMT",
        ];
        check(NotModified, Proceed, &held);
        check(Proceed, Proceed, &["if-modified-since: BEFORE"]);
        check(Failed, Failed, &["if-unmodified-since: BEFORE"]);
        let unmodified = ["if-unmodified-since: EXACT", "if-unmodified-since: AFTER"];
        check(Proceed, Proceed, &unmodified);
    }

    #[test]
    fn dates_that_are_invalid_or_given_twice_are_ignored() {
        for date in ["", "yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37"] {
            check(Proceed, Proceed, &[&format!("if-modified-since: {date}")]);
            check(Proceed, Proceed, &[&format!("if-unmodified-since: {date}")]);
        }
        let twice = [
            "if-modified-since: EXACT\nif-modified-since: x",
            "if-unmodified-since: BEFORE\nif-unmodified-since: x",
        ];
        check(Proceed, Proceed, &twice);
    }

    #[test]
    fn dates_are_ignored_where_no_time_of_change_is_known() {
        let early = UNIX_EPOCH - Duration::from_secs(1);
        for last_modified in [None, Some(early)] {
            let current = Validators {
                last_modified,
                ..current()
            };
            for lines in ["if-modified-since: EXACT", "if-unmodified-since: BEFORE"] {
                assert_eq!(
                    evaluate(true, &headers(lines), &current),
                    Proceed,
                    "{lines}"
                );
            }
            for lines in ["if-range: EXACT", "if-range: yesterday"] {
                assert!(!if_range_allows(&headers(lines), &current), "{lines}");
            }
        }
    }

    #[test]
    fn tags_overrule_dates_and_if_match_comes_first() {
        let dates_unread = [
            "if-none-match: \"x\"\nif-modified-since: AFTER",
            "if-none-match: x\nif-modified-since: AFTER",
            "if-match: \"a,b\"\nif-unmodified-since: BEFORE",
        ];
        check(Proceed, Proceed, &dates_unread);
        let first_fails = [
            "if-match: \"x\"\nif-none-match: \"a,b\"",
            "if-unmodified-since: BEFORE\nif-none-match: *",
        ];
        check(Failed, Failed, &first_fails);
        check(
            NotModified,
            Failed,
            &["if-match: *\nif-none-match: \"a,b\""],
        );
        check(
            NotModified,
            Proceed,
            &["if-match: *\nif-modified-since: EXACT"],
        );
    }

    #[test]
    fn if_range_wants_the_very_same_content() {
        check_if_range(true, &["", "if-range: \"a,b\"", "if-range: EXACT"]);
        check_if_range(false, &["if-range: BEFORE", "if-range: AFTER"]);
        check_if_range(false, &["if-range: \"a,b\"\nif-range: \"a,b\""]);
        for value in r#"W/"a,b"|"x"|"x", "a,b"|*|a,b||yesterday"#.split('|') {
            check_if_range(false, &[&format!("if-range: {value}")]);
        }
    }

    proptest! {
        #[test]
        fn no_value_panics(value in "[ -~\t\u{80}-\u{ff}]{0,40}", read in any::<bool>()) {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
                let headers = HeaderMap::from_iter([(name, value.clone())]);
                let verdict = evaluate(read, &headers, &current());
                prop_assert!(read || verdict != NotModified);
            }
            let headers = HeaderMap::from_iter([(IF_RANGE, value)]);
            prop_assert!(!if_range_allows(&headers, &current()));
        }
    }
}
