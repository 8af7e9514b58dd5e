//! Fields that rules set, add or take away, ready to be put into an answer.

use http::header::{CACHE_CONTROL, CONTENT_LOCATION, EXPIRES, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use site_rules::{FieldOperation, FieldSet};

/// What to do with the fields of an answer.
pub(crate) struct Fields(Vec<Operation>);

enum Operation {
    Set(HeaderName, HeaderValue),
    Add(HeaderName, HeaderValue),
    Remove(HeaderName),
}

impl Fields {
    pub(crate) fn new(set: &FieldSet) -> Self {
        // The parser let nothing else pass; what is none would be left out.
        Self(set.operations.iter().filter_map(operation).collect())
    }

    /// Does it to the fields of a whole answer.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        self.0.iter().for_each(|operation| operation.apply(headers));
    }

    /// Does it to the fields of a 304, as far as they stand there (RFC 9110, 15.4.5).
    pub(crate) fn apply_to_not_modified(&self, headers: &mut HeaderMap) {
        let stands =
            |name: &HeaderName| [CACHE_CONTROL, CONTENT_LOCATION, EXPIRES, VARY].contains(name);
        let operations = self.0.iter().filter(|operation| stands(operation.name()));
        operations.for_each(|operation| operation.apply(headers));
    }
}

fn operation(operation: &FieldOperation) -> Option<Operation> {
    let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).ok();
    Some(match operation {
        FieldOperation::Set { name: n, value } => Operation::Set(name(n)?, value.parse().ok()?),
        FieldOperation::Add { name: n, value } => Operation::Add(name(n)?, value.parse().ok()?),
        FieldOperation::Remove { name: n } => Operation::Remove(name(n)?),
    })
}

impl Operation {
    fn name(&self) -> &HeaderName {
        match self {
            Self::Set(name, _) | Self::Add(name, _) | Self::Remove(name) => name,
        }
    }

    fn apply(&self, headers: &mut HeaderMap) {
        match self {
            Self::Set(name, value) => {
                headers.insert(name, value.clone());
            }
            Self::Add(name, value) if name == VARY => add_vary(headers, value),
            Self::Add(name, value) => {
                headers.append(name, value.clone());
            }
            Self::Remove(name) => {
                headers.remove(name);
            }
        }
    }
}

/// Adds what an answer depends on, in one line with all that it depends on already.
pub(crate) fn add_vary(headers: &mut HeaderMap, more: &HeaderValue) {
    let there = headers.get_all(VARY).iter();
    let lines: Vec<&[u8]> = there.chain([more]).map(HeaderValue::as_bytes).collect();
    // Values and commas are a value again.
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b", "[..])) {
        headers.insert(VARY, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(operations: &[FieldOperation]) -> Fields {
        Fields::new(&FieldSet {
            operations: operations.to_vec(),
        })
    }

    fn operations() -> [FieldOperation; 4] {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let (name, value) = pair("cache-control", "max-age=5");
        let cache = FieldOperation::Set { name, value };
        let (name, value) = pair("x-frame-options", "DENY");
        let frame = FieldOperation::Set { name, value };
        let (name, value) = pair("vary", "Cookie");
        let vary = FieldOperation::Add { name, value };
        let name = "x-content-type-options".to_owned();
        [cache, frame, vary, FieldOperation::Remove { name }]
    }

    fn server_fields() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(
            "x-content-type-options",
            HeaderValue::from_static("nosniff"),
        );
        headers
    }

    #[test]
    fn a_whole_answer_has_all_that_rules_say() {
        let mut headers = server_fields();
        set(&operations()).apply(&mut headers);
        assert_eq!(headers["vary"], "Accept-Encoding, Cookie");
        assert_eq!(headers["cache-control"], "max-age=5");
        assert_eq!(headers["x-frame-options"], "DENY");
        assert!(!headers.contains_key("x-content-type-options"));
    }

    #[test]
    fn what_an_answer_depends_on_is_added_to_all_that_it_says_already() {
        for (there, want) in [
            (&[][..], "Origin"),
            (&["Accept-Language"], "Accept-Language, Origin"),
            (
                &["Accept-Language", "Cookie, X", "*"],
                "Accept-Language, Cookie, X, *, Origin",
            ),
        ] {
            let mut headers = HeaderMap::new();
            for value in there {
                headers.append(VARY, HeaderValue::from_static(value));
            }
            add_vary(&mut headers, &HeaderValue::from_static("Origin"));
            let lines: Vec<_> = headers.get_all(VARY).iter().collect();
            assert_eq!(lines, [want]);
        }
    }

    #[test]
    fn not_modified_repeats_only_what_belongs_there() {
        let mut headers = server_fields();
        set(&operations()).apply_to_not_modified(&mut headers);
        assert_eq!(headers["vary"], "Accept-Encoding, Cookie");
        assert_eq!(headers["cache-control"], "max-age=5");
        assert!(!headers.contains_key("x-frame-options"));
        assert!(headers.contains_key("x-content-type-options"));
    }
}
