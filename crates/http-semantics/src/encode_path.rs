//! A decoded path, encoded for a URL (RFC 3986 sections 2.1 and 3.3; RFC 9110 section 10.2.2).
//!
//! Each path has one canonical encoding, so comparing it with what the client sent tells
//! whether to redirect. Not here: decoding (`site_path`).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Returns the canonical percent-encoding of a decoded path, as a `Location` field wants it.
///
/// Always visible ASCII. Borrows where nothing has to be encoded.
#[must_use]
pub fn encode_path(path: &str) -> Cow<'_, str> {
    utf8_percent_encode(path, NOT_IN_PATH).into()
}

/// Everything but pchar (RFC 3986 section 3.3) and the slash between segments.
const NOT_IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SitePath;
    use proptest::prelude::*;

    #[test]
    fn only_pchar_and_slash_stay_as_they_are() {
        let kept = "/AZaz09-._~!$&'()*+,;=:@";
        assert!(matches!(encode_path(kept), Cow::Borrowed(text) if text == kept));
        assert_eq!(encode_path("/a b%?#\n\u{7f}"), "/a%20b%25%3F%23%0A%7F");
        assert_eq!(
            encode_path("/\"<>[]^`{|}\\"),
            "/%22%3C%3E%5B%5D%5E%60%7B%7C%7D%5C"
        );
        assert_eq!(encode_path("/é"), "/%C3%A9");
    }

    fn site_path() -> impl Strategy<Value = String> {
        let segment = any::<String>()
            .prop_map(|text| text.replace(['/', '\\', '\0'], "x"))
            .prop_filter("no segment", |text| {
                !matches!(text.as_str(), "" | "." | "..")
            });
        let segments = prop::collection::vec(segment, 0..5);
        (segments, any::<bool>()).prop_map(|(segments, trailing)| {
            let slash = if trailing && !segments.is_empty() {
                "/"
            } else {
                ""
            };
            format!("/{}{slash}", segments.join("/"))
        })
    }

    proptest! {
        #[test]
        fn encoding_and_parsing_give_the_path_back(path in site_path()) {
            let encoded = encode_path(&path);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()));
            let parsed = SitePath::parse(&encoded);
            prop_assert_eq!(parsed.as_ref().map(SitePath::as_str), Ok(path.as_str()));
        }
    }
}
