//! What is wrong with redirects that are each right: rules that send a client round for ever, and rules
//! that nothing reaches. Tried out on paths that the rules match.

use std::collections::BTreeSet;
use std::fmt;

use http_semantics::SitePath;

use crate::pattern::{Part, Pattern};
use crate::problem::{Problem, RuleError};
use crate::redirects::{Asked, Effect, Redirect, Redirects};

/// What there is at a path without any rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Nothing.
    Nothing,
    /// What answers it, in words.
    Content(String),
    /// Clients are sent to this path, decoded.
    Elsewhere(String),
}

/// Something about a rule that its author may not expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Of the rule.
    pub line: u32,
    /// What.
    pub text: String,
}

/// Nobody is sent on as often as this but by a loop; browsers give up at 20 too.
const HOPS_MAX: usize = 20;

/// Tries all rules out on a site that `existing` describes.
pub fn review(
    file: &str,
    redirects: &Redirects,
    existing: &dyn Fn(&SitePath<'_>) -> Existing,
) -> (Vec<Problem>, Vec<Note>) {
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    let mut loops = BTreeSet::new();
    for rule in redirects.rules() {
        if let Some(circle) = find_loop(redirects, rule, existing)
            && loops.insert(circle.lines.clone())
        {
            let Loop { path, lines } = circle;
            problems.push(Problem {
                file: file.to_owned(),
                line: lines.iter().copied().min().unwrap_or(rule.line),
                error: RuleError::Loop { path, lines },
            });
        }
        let text = covered_by(redirects, rule)
            .map(|line| format!("is never reached: line {line} matches before it"))
            .or_else(|| hidden_by(rule, existing));
        notes.extend(text.map(|text| Note {
            line: rule.line,
            text,
        }));
    }
    (problems, notes)
}

struct Loop {
    path: String,
    lines: Vec<u32>,
}

fn find_loop(
    redirects: &Redirects,
    rule: &Redirect,
    existing: &dyn Fn(&SitePath<'_>) -> Existing,
) -> Option<Loop> {
    if !matches!(rule.effect, Effect::Send(_)) {
        return None;
    }
    let sample = Sample::of(&rule.from, 1);
    let mut met: Vec<(String, Option<u32>)> = Vec::new();
    let mut path = sample.path;
    loop {
        let parsed = SitePath::parse(&path).ok()?;
        if let Some(place) = met.iter().position(|(p, _)| p == parsed.as_str()) {
            return Some(circle(&met[place..]));
        }
        if met.len() == HOPS_MAX {
            return Some(circle(&met[HOPS_MAX / 2..]));
        }
        let asked = Asked {
            host: sample.host.as_deref(),
            path: &parsed,
        };
        let (line, next) = next_hop(redirects, asked, existing)?;
        met.push((parsed.as_str().to_owned(), line));
        path = next;
    }
}

/// A path of a circle, and its rules, each once, in the order of the file.
fn circle(met: &[(String, Option<u32>)]) -> Loop {
    let lines: BTreeSet<u32> = met.iter().filter_map(|(_, line)| *line).collect();
    Loop {
        path: met
            .first()
            .map(|(path, _)| path.clone())
            .unwrap_or_default(),
        lines: lines.into_iter().collect(),
    }
}

/// The line that sends a client on, if a rule does, and the path it is sent to, encoded.
fn next_hop(
    redirects: &Redirects,
    asked: Asked<'_>,
    existing: &dyn Fn(&SitePath<'_>) -> Existing,
) -> Option<(Option<u32>, String)> {
    let found = match redirects.first_forced(asked) {
        Some(found) => found,
        None => match existing(asked.path) {
            Existing::Content(_) => return None,
            Existing::Elsewhere(path) => {
                return Some((None, http_semantics::encode_path(&path).into_owned()));
            }
            Existing::Nothing => redirects.first(asked)?,
        },
    };
    let is_sent = matches!(found.rule.effect, Effect::Send(_));
    let to = found.path_on(asked.host).filter(|_| is_sent)?;
    Some((Some(found.rule.line), to))
}

/// The line of an earlier rule that takes all that this one could.
fn covered_by(redirects: &Redirects, rule: &Redirect) -> Option<u32> {
    // A `*` stands for nothing, for one segment, and for many.
    let mut lines = [0, 1, 3].map(|depth| {
        let sample = Sample::of(&rule.from, depth);
        let path = SitePath::parse(&sample.path).ok()?;
        let asked = Asked {
            host: sample.host.as_deref(),
            path: &path,
        };
        let first = redirects.first(asked)?.rule;
        // Where something exists, one that goes before it is reached.
        (first.line < rule.line && (first.forced || !rule.forced)).then_some(first.line)
    });
    let first = lines[0]?;
    lines.sort_unstable();
    (lines[0] == lines[2]).then_some(first)
}

/// What answers the one path of a rule that does not go before it.
fn hidden_by(rule: &Redirect, existing: &dyn Fn(&SitePath<'_>) -> Existing) -> Option<String> {
    if rule.forced {
        return None;
    }
    let exact = rule.from.exact_path()?;
    let encoded = http_semantics::encode_path(&exact);
    let what = match existing(&SitePath::parse(&encoded).ok()?) {
        Existing::Nothing => return None,
        Existing::Content(what) => what,
        Existing::Elsewhere(to) => format!("the way to {to}"),
    };
    let status = rule.effect.status();
    Some(format!(
        "is never used: {what} answers {exact}; write {status}! if the rule is to go before it"
    ))
}

/// A request that a pattern matches, with names that nobody uses.
struct Sample {
    host: Option<String>,
    path: String,
}

impl Sample {
    fn of(pattern: &Pattern, splat_depth: usize) -> Self {
        let mut names = (1..).map(|number| format!("wws-any-{number}"));
        let mut text = |part: &Part| match part {
            Part::Literal(text) => http_semantics::encode_path(text).into_owned(),
            Part::Placeholder(_) => names.next().unwrap_or_default(),
            Part::Splat { .. } => {
                let segments: Vec<String> = names.by_ref().take(splat_depth).collect();
                segments.join("/")
            }
        };
        let host = pattern.host().map(|labels| {
            let labels: Vec<String> = labels.iter().map(&mut text).collect();
            labels.join(".")
        });
        let segments: Vec<String> = pattern.segments().iter().map(&mut text).collect();
        Self {
            host,
            path: format!("/{}", segments.join("/")),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_redirects;

    fn reviewed(text: &str, files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let rules = parse_redirects("_redirects", text.as_bytes())
            .whole()
            .unwrap();
        let existing = |path: &SitePath<'_>| {
            let found = files.iter().find(|(name, _)| *name == path.as_str());
            match found {
                None => Existing::Nothing,
                Some((name, "")) => Existing::Content((*name).to_owned()),
                Some((_, to)) => Existing::Elsewhere((*to).to_owned()),
            }
        };
        let (problems, notes) = review("_redirects", &Redirects::new(rules), &existing);
        let problems = problems.iter().map(ToString::to_string).collect();
        (problems, notes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn loops_are_found_through_any_number_of_rules() {
        #[track_caller]
        fn check(text: &str, files: &[(&str, &str)], want: Option<&str>) {
            let (problems, _) = reviewed(text, files);
            match want {
                None => assert_eq!(problems, [""; 0]),
                Some(want) => {
                    assert_eq!(problems.len(), 1, "{problems:?}");
                    assert!(problems[0].contains(want), "{problems:?}");
                }
            }
        }
        check("/a /b\n/b /a\n", &[], Some("_redirects:1: "));
        check("/a /b\n/b /c\n/c /a/\n", &[], Some("lines 1, 2, 3"));
        check("/x /a\n/a /b\n/b /a\n", &[], Some("_redirects:2: "));
        check("/a /b\n/b /c\n", &[], None);
        check("/a /b\n/b /a 200\n", &[], None);
        check("/* /sub/:splat\n", &[], Some("line 1"));
        check("/* /start 302\n", &[], Some("line 1"));
        check("/* /start 302\n", &[("/start", "")], None);
        check("/* /start 302!\n", &[("/start", "")], Some("line 1"));
        check("/* /404 404\n/:a /b\n", &[], None);
        check("/:a/:b /:b/:a\n", &[], Some("line 1"));
        check("/* https://x.example/:splat\n", &[], None);
        // The site's own way from the file to its page.
        let about = [("/about", ""), ("/about.html", "/about")];
        check("/about /about.html 301!\n", &about, Some("line 1"));
        check("https://a.example/* /x/:splat 301\n", &[], Some("line 1"));
        let same_host = "https://a.example/* https://a.example/:splat 301!\n";
        check(same_host, &[], Some("line 1"));
        check(
            "https://a.example/* https://b.example/:splat 301!\n",
            &[],
            None,
        );
    }

    #[test]
    fn rules_that_nothing_reaches_are_noted() {
        #[track_caller]
        fn check(text: &str, files: &[(&str, &str)], want: &[&str]) {
            assert_eq!(reviewed(text, files).1, want);
        }
        check(
            "/a /b\n/a/ /c\n",
            &[],
            &["2: is never reached: line 1 matches before it"],
        );
        check(
            "/a/* /b\n/a/c /d\n/a /d\n/a/:x/* /d\n",
            &[],
            &[
                "2: is never reached: line 1 matches before it",
                "3: is never reached: line 1 matches before it",
                "4: is never reached: line 1 matches before it",
            ],
        );
        check("/a /b\n/a/* /c\n/:x /d\n", &[], &[]);
        check("/a/:x /b\n/a/* /c\n", &[], &[]);
        check("/a /b\n/a /c 301!\n", &[], &[]);
        check(
            "/a /b 301!\n/a /c\n",
            &[],
            &["2: is never reached: line 1 matches before it"],
        );
        check(
            "/a /b\n",
            &[("/a", "")],
            &["1: is never used: /a answers /a; write 301! if the rule is to go before it"],
        );
        check("/a /b 302!\n/* /b 200\n", &[("/a", ""), ("/b", "")], &[]);
    }
}
