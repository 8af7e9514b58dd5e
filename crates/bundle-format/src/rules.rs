//! What a site says of its own paths: redirects and header fields. Stored as postcard, hashed whole, read
//! when a request first needs it, so that the start of an app does not depend on how much there is.

use serde::{Deserialize, Serialize};
use site_rules::{FieldSet, HeaderRule, Redirect};

/// The rules of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRules {
    /// Those of `_redirects`, in their order.
    pub redirects: Vec<Redirect>,
    /// Those of `_headers`, in their order, for answers whose path is not in the index.
    pub headers: Vec<HeaderRule>,
    /// What they say of the paths in the index, worked out; an entry names one by
    /// [`FieldSetId`](crate::index::FieldSetId).
    pub field_sets: Vec<FieldSet>,
}

/// Why rules were not written or not read.
#[derive(Debug, thiserror::Error)]
#[error("the rules section: {0}")]
pub struct RulesError(#[from] postcard::Error);

impl SiteRules {
    /// The bytes of the rules section.
    pub fn encode(&self) -> Result<Vec<u8>, RulesError> {
        Ok(postcard::to_stdvec(self)?)
    }

    /// Reads a rules section.
    pub fn decode(bytes: &[u8]) -> Result<Self, RulesError> {
        Ok(postcard::from_bytes(bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use site_rules::{HeaderRules, parse_headers, parse_redirects};

    fn example() -> SiteRules {
        let redirects = b"/a/:id /b?id=:id 302!\nhttps://old.example/* https://new.example/:splat";
        let headers = parse_headers("_headers", b"/*.js\nX-A: :splat\n! X-B\n")
            .whole()
            .unwrap();
        let path = site_rules::SitePath::parse("/x.js").unwrap();
        let fields = HeaderRules::new(headers.clone()).fields(&[&path], &[("x-b", "1")]);
        SiteRules {
            redirects: parse_redirects("_redirects", redirects).whole().unwrap(),
            headers,
            field_sets: vec![fields],
        }
    }

    #[test]
    fn rules_come_back_as_they_were_written() {
        let bytes = example().encode().unwrap();
        assert_eq!(SiteRules::decode(&bytes).unwrap(), example());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = SiteRules::decode(&bytes);
        }

        #[test]
        fn flipped_bytes_never_panic(at in any::<prop::sample::Index>(), with: u8) {
            let mut bytes = example().encode().unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= with;
            let _ = SiteRules::decode(&bytes);
        }
    }
}
