//! The rules of `_headers`, and what they say of a path.

use std::collections::BTreeSet;

use http_semantics::SitePath;
use serde::{Deserialize, Serialize};

use crate::field::Field;
use crate::field_set::{FieldSet, Merge};
use crate::pattern::Pattern;
use crate::trie::Trie;

/// How many rules may have a `*` that is not all of the last segment: these are tried one by one.
pub const WILD_RULES_MAX: usize = 100;

/// A path of `_headers` with its fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderRule {
    /// Where the path stands, from 1.
    pub line: u32,
    /// What it matches; for every host.
    pub pattern: Pattern,
    /// In the order of the file.
    pub fields: Vec<Field>,
}

/// All rules, ready to be asked.
#[derive(Debug, Default)]
pub struct HeaderRules {
    rules: Vec<HeaderRule>,
    trie: Trie,
}

impl HeaderRules {
    /// Rules in the order of their file.
    pub fn new(rules: Vec<HeaderRule>) -> Self {
        let mut trie = Trie::default();
        for (number, rule) in (0..).zip(&rules) {
            trie.insert(rule.pattern.segments().iter(), number);
        }
        Self { rules, trie }
    }

    /// The rules.
    pub fn rules(&self) -> &[HeaderRule] {
        &self.rules
    }

    /// What the rules that match one of the paths say, in their order, after the defaults. A rule that
    /// matches several of the paths counts once, for the first of them.
    pub fn fields(&self, paths: &[&SitePath<'_>], defaults: &[(&str, &str)]) -> FieldSet {
        let mut merge = Merge::default();
        for (name, value) in defaults {
            merge.put_default(name, value);
        }
        for number in self.candidates(paths) {
            let Some(rule) = self.rules.get(number as usize) else {
                continue;
            };
            let captures = paths
                .iter()
                .find_map(|path| rule.pattern.matches(None, path));
            if let Some(captures) = captures {
                rule.fields
                    .iter()
                    .for_each(|field| merge.apply(field, &captures));
            }
        }
        merge.settle()
    }

    fn candidates(&self, paths: &[&SitePath<'_>]) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        for path in paths {
            let segments: Vec<&str> = path.segments().collect();
            self.trie.visit(&segments, &mut |rule| {
                found.insert(rule);
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FieldOperation, parse_headers};

    #[track_caller]
    fn check(file: &str, paths: &[&str], defaults: &[(&str, &str)], want: &[&str]) {
        let rules = HeaderRules::new(parse_headers("_headers", file.as_bytes()).whole().unwrap());
        let paths: Vec<SitePath<'_>> = paths.iter().map(|p| SitePath::parse(p).unwrap()).collect();
        let set = rules.fields(&paths.iter().collect::<Vec<_>>(), defaults);
        let found: Vec<String> = set
            .operations
            .iter()
            .map(|operation| match operation {
                FieldOperation::Set { name, value } => format!("{name}: {value}"),
                FieldOperation::Add { name, value } => format!("+{name}: {value}"),
                FieldOperation::Remove { name } => format!("!{name}"),
            })
            .collect();
        assert_eq!(found, want);
    }

    #[test]
    fn every_rule_that_matches_counts_in_order() {
        let file = "/*\n A: 1\n B: 1\n/x/*\n A: 2\n! B\n/x/y\n B: 3\n B: 4\n/z\n A: 9\n";
        check(file, &["/q"], &[], &["a: 1", "b: 1"]);
        check(file, &["/x/y"], &[], &["a: 1, 2", "b: 3, 4"]);
        check(file, &["/x"], &[], &["a: 1, 2", "!b"]);
        check(file, &["/z"], &[], &["a: 1, 9", "b: 1"]);
    }

    #[test]
    fn the_first_rule_overrides_a_default_and_removal_removes_it() {
        let file = "/a\nX: mine\n/b\n! X\n";
        let defaults = [("x", "default"), ("y", "too")];
        check(file, &["/a"], &defaults, &["x: mine", "y: too"]);
        check(file, &["/b"], &defaults, &["!x", "y: too"]);
        check(file, &["/c"], &defaults, &["x: default", "y: too"]);
    }

    #[test]
    fn cookies_are_never_joined_and_vary_is_only_added_to() {
        let file = "/*\nSet-Cookie: a=1\nVary: Cookie\n/a\nSet-Cookie: b=2\nVary: X\n";
        let want = ["+set-cookie: a=1", "+set-cookie: b=2", "+vary: Cookie, X"];
        check(file, &["/a"], &[], &want);
    }

    #[test]
    fn a_rule_holds_for_the_page_or_its_file_once() {
        let file = "/*.html\nA: html\n/about\nA: page\n/about.html\nA: file\n/*\nA: all\n";
        let want = ["a: html, page, file, all"];
        check(file, &["/about", "/about.html"], &[], &want);
    }

    #[test]
    fn placeholders_in_values_are_encoded() {
        let file = "/u/:name/*\nX-Who: :name in :splat\n";
        let want = ["x-who: J%C3%BCrgen%0D%0A in a/b%20c"];
        check(file, &["/u/J%C3%BCrgen%0D%0A/a/b c"], &[], &want);
    }

    #[test]
    fn ten_thousand_rules_take_as_many_steps_as_ten() {
        let steps = |count: u32| {
            let file: String = (0..count).map(|n| format!("/p{n}/a\nA: 1\n")).collect();
            let rules =
                HeaderRules::new(parse_headers("_headers", file.as_bytes()).whole().unwrap());
            rules
                .trie
                .visit(&["p3", "a"], &mut |rule| assert_eq!(rule, 3))
        };
        assert_eq!((steps(10), steps(10_000)), (3, 3));
    }
}
