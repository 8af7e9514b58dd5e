//! The rules of `_redirects`, and which of them holds for a request.

use std::fmt;

use http_semantics::SitePath;
use serde::{Deserialize, Serialize};

use crate::pattern::{Captures, Part, Pattern};
use crate::target::{Rewritten, Target};
use crate::trie::Trie;

/// One line of `_redirects`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirect {
    /// Where it stands, from 1.
    pub line: u32,
    /// What it matches.
    pub from: Pattern,
    /// Where it leads.
    pub to: Target,
    /// How.
    pub effect: Effect,
    /// Whether it goes before what exists at the path.
    pub forced: bool,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// The client is sent there, with this status (301, 302, 303, 307 or 308).
    Send(u16),
    /// What is there answers, without the client knowing (200).
    Rewrite,
    /// The page there is the body of this status (404, 410 or 451).
    Page(u16),
}

impl Effect {
    /// What a status does; `None` for one that no rule has.
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            301 | 302 | 303 | 307 | 308 => Some(Self::Send(status)),
            200 => Some(Self::Rewrite),
            404 | 410 | 451 => Some(Self::Page(status)),
            _ => None,
        }
    }

    /// The status.
    pub fn status(self) -> u16 {
        match self {
            Self::Send(status) | Self::Page(status) => status,
            Self::Rewrite => 200,
        }
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from,
            to,
            effect,
            forced,
            ..
        } = self;
        let force = if *forced { "!" } else { "" };
        write!(f, "{from} {to} {}{force}", effect.status())
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// The host name, perhaps with a port; in any case of letters.
    pub host: Option<&'r str>,
    /// Without prefix.
    pub path: &'r SitePath<'r>,
}

/// A rule that holds, and what it captured.
#[derive(Debug)]
pub struct Found<'r> {
    /// The rule.
    pub rule: &'r Redirect,
    captures: Captures<'r>,
}

impl Found<'_> {
    /// See [`Target::location`].
    pub fn location(&self, prefix: &str, query: Option<&str>) -> Option<String> {
        self.rule.to.location(&self.captures, prefix, query)
    }

    /// See [`Target::path_on`].
    pub(crate) fn path_on(&self, host: Option<&str>) -> Option<String> {
        self.rule.to.path_on(host, &self.captures)
    }

    /// See [`Target::rewritten`].
    pub fn rewritten(&self) -> Option<Rewritten> {
        self.rule.to.rewritten(&self.captures)
    }
}

/// All rules, ready to be asked.
#[derive(Debug, Default)]
pub struct Redirects {
    rules: Vec<Redirect>,
    all: Tries,
    /// Those that go before what exists.
    forced: Tries,
}

#[derive(Debug, Default)]
struct Tries {
    /// For every host, by segments.
    anywhere: Trie,
    /// By the labels of the host, a slash, and segments.
    by_host: Option<Trie>,
}

/// Divides host and path; no label and no segment is a slash.
const DIVIDER: &str = "/";

impl Redirects {
    /// Rules in the order of their file.
    pub fn new(rules: Vec<Redirect>) -> Self {
        let mut this = Self::default();
        for (number, rule) in (0..).zip(&rules) {
            this.all.insert(&rule.from, number);
            if rule.forced {
                this.forced.insert(&rule.from, number);
            }
        }
        this.rules = rules;
        this
    }

    /// The rules.
    pub fn rules(&self) -> &[Redirect] {
        &self.rules
    }

    /// The first rule that holds where nothing exists at the path.
    pub fn first(&self, asked: Asked<'_>) -> Option<Found<'_>> {
        self.found(self.all.first(asked).0?, asked)
    }

    /// The first rule that holds whatever exists.
    pub fn first_forced(&self, asked: Asked<'_>) -> Option<Found<'_>> {
        self.found(self.forced.first(asked).0?, asked)
    }

    fn found(&self, number: u32, asked: Asked<'_>) -> Option<Found<'_>> {
        let rule = self.rules.get(number as usize)?;
        let host = asked.host.map(bare_host);
        let captures = rule.from.matches(host.as_deref(), asked.path)?;
        Some(Found { rule, captures })
    }
}

impl Tries {
    fn insert(&mut self, pattern: &Pattern, rule: u32) {
        match pattern.host() {
            None => self.anywhere.insert(pattern.segments().iter(), rule),
            Some(labels) => {
                let divider = Part::Literal(DIVIDER.to_owned());
                let parts = labels.iter().chain([&divider]).chain(pattern.segments());
                self.by_host.get_or_insert_default().insert(parts, rule);
            }
        }
    }

    /// The lowest number among the rules that match, and how many nodes were looked at.
    fn first(&self, asked: Asked<'_>) -> (Option<u32>, usize) {
        let segments: Vec<&str> = asked.path.segments().collect();
        let mut first = None;
        let mut found = |rule: u32| first = Some(first.map_or(rule, |first: u32| first.min(rule)));
        let mut steps = self.anywhere.visit(&segments, &mut found);
        if let (Some(trie), Some(host)) = (&self.by_host, asked.host) {
            let host = bare_host(host);
            let parts: Vec<&str> = host.split('.').chain([DIVIDER]).chain(segments).collect();
            steps += trie.visit(&parts, &mut found);
        }
        (first, steps)
    }
}

/// A host name without port and dot at its end, in small letters.
fn bare_host(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_redirects;
    use proptest::prelude::*;

    fn redirects(text: &str) -> Redirects {
        Redirects::new(
            parse_redirects("_redirects", text.as_bytes())
                .whole()
                .unwrap(),
        )
    }

    #[track_caller]
    fn check(rules: &Redirects, host: &str, path: &str, want: Option<u32>) {
        let path = SitePath::parse(path).unwrap();
        let asked = Asked {
            host: Some(host),
            path: &path,
        };
        let found = rules.first(asked).map(|found| found.rule.line);
        assert_eq!(found, want, "{host} {path:?}");
    }

    #[test]
    fn the_rule_that_stands_first_wins_whatever_its_form() {
        let rules = redirects("/a/:x /1\n/a/b /2\n/a/* /3\n/b/c /4\n/b/:x /5\n/* /6\n");
        for (path, want) in [
            ("/a/b", 1),
            ("/a/b/", 1),
            ("/a", 3),
            ("/a/b/c", 3),
            ("/b/c", 4),
            ("/b/d", 5),
            ("/b", 6),
            ("/", 6),
        ] {
            check(&rules, "any", path, Some(want));
        }
    }

    #[test]
    fn a_rule_for_a_host_holds_for_that_host_only() {
        let rules = redirects(
            "https://old.example/* https://new.example/:splat\n\
             /a /b\nhttps://:x.old.example/a /c\n",
        );
        check(&rules, "old.example", "/a", Some(1));
        check(&rules, "OLD.example.:8080", "/z", Some(1));
        check(&rules, "new.example", "/a", Some(2));
        check(&rules, "new.example", "/z", None);
        check(&rules, "x.old.example", "/a", Some(2));
        check(&rules, "[::1]:80", "/a", Some(2));
    }

    #[test]
    fn only_forced_rules_go_before_what_exists() {
        let rules = redirects("/a /1\n/* /2 302!\n/a /3 301!\n");
        let path = SitePath::parse("/a").unwrap();
        let asked = Asked {
            host: None,
            path: &path,
        };
        assert_eq!(rules.first(asked).unwrap().rule.line, 1);
        assert_eq!(rules.first_forced(asked).unwrap().rule.line, 2);
    }

    #[test]
    fn ten_thousand_rules_take_as_many_steps_as_ten() {
        let rules = |count: u32| {
            let forms = |n| {
                format!(
                    "/old/{n} /a\n/p{n}/:id /b\n/:id/q{n} /c\n/s{n}/* /d\n\
                     https://h{n}.example/* /e\n"
                )
            };
            redirects(&(0..count / 5).map(forms).collect::<String>())
        };
        let (few, many) = (rules(10), rules(10_000));
        assert_eq!(many.rules().len(), 10_000);
        for path in [
            "/old/1",
            "/p1/x",
            "/x/q1",
            "/s1/a/b/c",
            "/none",
            "/",
            "/old/x/y/z",
        ] {
            let path = SitePath::parse(path).unwrap();
            let asked = Asked {
                host: Some("h1.example"),
                path: &path,
            };
            let (few, many) = (few.all.first(asked), many.all.first(asked));
            assert_eq!(few, many);
            // Two ways at the root, where a rule begins with a placeholder; then one.
            assert!(many.1 <= 2 * (path.segments().count() + 1) + 4, "{many:?}");
        }
    }

    proptest! {
        #[test]
        fn the_trie_finds_what_trying_all_in_order_finds(
            rules in prop::collection::vec("(/[ab:x]{1,2}){0,3}(/\\*)?", 1..8),
            path in "(/[abc]{1,2}){0,4}/?",
        ) {
            let text: String = rules.iter().map(|from| format!("/{from} /to\n")).collect();
            let rules = parse_redirects("_redirects", text.as_bytes()).whole();
            let Ok(rules) = rules else { return Ok(()) };
            let path = SitePath::parse(if path.is_empty() { "/" } else { &path }).unwrap();
            let want = rules.iter().find(|rule| rule.from.matches(None, &path).is_some());
            let want = want.map(|rule| rule.line);
            let rules = Redirects::new(rules.clone());
            let found = rules.first(Asked { host: None, path: &path });
            prop_assert_eq!(found.map(|found| found.rule.line), want);
        }
    }
}
