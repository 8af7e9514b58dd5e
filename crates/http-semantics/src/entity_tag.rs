//! Lists of entity tags, as `If-Match` and `If-None-Match` carry them (RFC 9110 section 8.8.3).
//!
//! Not here: how tags are compared and what follows from it (`preconditions`).

/// One entity tag of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EntityTag<'v> {
    /// Whether `W/` stands before the quotes.
    pub(crate) weak: bool,
    /// The tag with its quotes.
    pub(crate) quoted: &'v [u8],
}

/// The well-formed tags of a list; elements that are none are skipped.
///
/// A comma inside quotes belongs to the tag. There are no escapes: the next quote ends it.
pub(crate) struct EntityTags<'v>(&'v [u8]);

impl<'v> EntityTags<'v> {
    pub(crate) const fn new(list: &'v [u8]) -> Self {
        Self(list)
    }
}

impl<'v> Iterator for EntityTags<'v> {
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
    use super::*;
    use proptest::prelude::*;

    /// Reads a list and writes it back with single spaces and no garbage.
    fn read(list: &[u8]) -> String {
        let write = |tag: EntityTag<'_>| {
            let prefix = if tag.weak { "W/" } else { "" };
            format!("{prefix}{}", String::from_utf8_lossy(tag.quoted))
        };
        EntityTags::new(list)
            .map(write)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[track_caller]
    fn check(list: &str, want: &str) {
        assert_eq!(read(list.as_bytes()), want, "{list:?}");
    }

    #[test]
    fn a_list_gives_its_tags_in_order() {
        check("", "");
        check(r#""a""#, r#""a""#);
        check(r#""a","b""#, r#""a" "b""#);
        check(", \"a\" ,\t, W/\"b\",", r#""a" W/"b""#);
        check(r#""""#, r#""""#);
        check(r#""é""#, r#""é""#);
    }

    #[test]
    fn a_comma_inside_quotes_belongs_to_the_tag() {
        check(r#""a,b", "c""#, r#""a,b" "c""#);
        check(r#""," , ",""#, r#""," ",""#);
        check(r#""a\", "b""#, r#""a\" "b""#);
    }

    #[test]
    fn garbage_is_skipped_up_to_the_next_comma() {
        for garbage in
            r#"a|*|w/"a"|W/ "a"|W/|W/*|"a"x|x"a"|"a""a"|"a" "b"|'a'|""""|W/W/"a""#.split('|')
        {
            check(garbage, "");
            check(&format!(r#"{garbage}, "c""#), r#""c""#);
            check(&format!(r#""c",{garbage}"#), r#""c""#);
        }
    }

    #[test]
    fn a_quote_that_never_closes_gives_no_tag() {
        check(r#"""#, "");
        check(r#""a,b"#, "");
        check(r#""a", "b"#, r#""a""#);
        check(r#""a, "b""#, "");
    }

    proptest! {
        #[test]
        fn no_list_panics_and_tags_are_quoted(list in any::<Vec<u8>>()) {
            for tag in EntityTags::new(&list) {
                prop_assert!(tag.quoted.len() >= 2);
                prop_assert!(tag.quoted.starts_with(b"\"") && tag.quoted.ends_with(b"\""));
            }
        }

        #[test]
        fn well_formed_lists_are_read_whole(
            tags in prop::collection::vec("(W/)?\"[!#-~]{0,6}\"", 0..6),
        ) {
            prop_assert_eq!(read(tags.join(" ,\t").as_bytes()), tags.join(" "));
        }
    }
}
