//! Whether a request is for a page that a person will look at (RFC 9110, 12.5.1; Fetch Metadata, 2.3).

use http::header::{ACCEPT, HeaderMap, HeaderName, HeaderValue};

static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The fields that [`is_navigation`] looks at, for `Vary`.
pub const NAVIGATION_FIELDS: &str = "Accept, Sec-Fetch-Mode";

/// Whether a browser navigates, or whoever asks names `text/html` among what it accepts. `*/*` is no
/// sign of it: scripts and images are asked for so.
pub fn is_navigation(headers: &HeaderMap) -> bool {
    let navigates = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"navigate");
    headers.get(&SEC_FETCH_MODE).is_some_and(navigates)
        || headers.get_all(ACCEPT).iter().any(names_html)
}

fn names_html(value: &HeaderValue) -> bool {
    value.as_bytes().split(|byte| *byte == b',').any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let is_html = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(b"text/html"));
        is_html && !parts.any(is_excluded)
    })
}

/// `q=0`, `q=0.000`.
fn is_excluded(parameter: &[u8]) -> bool {
    match parameter {
        [b'q' | b'Q', b'=', weight @ ..] => {
            !weight.is_empty() && weight.iter().all(|byte| matches!(byte, b'0' | b'.'))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_are_navigated_to() {
        #[track_caller]
        fn check(fields: &[(&'static str, &'static str)], want: bool) {
            let pairs = fields.iter().map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            });
            assert_eq!(is_navigation(&pairs.collect()), want, "{fields:?}");
        }
        check(&[], false);
        check(&[("accept", "*/*")], false);
        check(&[("accept", "text/*")], false);
        check(&[("accept", "application/json, text/htmlx")], false);
        check(&[("accept", "text/html")], true);
        check(
            &[("accept", "application/xml;q=0.9 , Text/HTML ;q=0.8")],
            true,
        );
        check(&[("accept", "text/html;q=0, */*")], false);
        check(&[("accept", "text/html; q=0.00")], false);
        check(&[("accept", "text/html;level=1;q=0.001")], true);
        check(&[("sec-fetch-mode", "navigate"), ("accept", "*/*")], true);
        check(&[("sec-fetch-mode", "cors"), ("accept", "*/*")], false);
    }
}
