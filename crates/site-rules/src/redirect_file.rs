//! `_redirects`, line by line: `from to [status][!]`, and a comment from the third word on.

use crate::RULES_MAX;
use crate::lines::{self, Report};
use crate::parsed::Parsed;
use crate::pattern::Pattern;
use crate::problem::{Problem, RuleError};
use crate::redirects::{Effect, Redirect};
use crate::target::Target;

/// What a rule without a status means, as on Netlify.
const STATUS_DEFAULT: u16 = 301;

/// The rules of a file, in its order, and all lines that are none; `file` is only named in problems.
pub fn parse_redirects(file: &str, bytes: &[u8]) -> Parsed<Vec<Redirect>, Problem> {
    let mut report = Report::of(file);
    let mut rules = Vec::new();
    for line in lines::read(bytes, &mut report) {
        if rules.len() == RULES_MAX {
            report.add(line.number, RuleError::TooManyRules);
            break;
        }
        match rule(line.number, line.text) {
            Ok(rule) => rules.push(rule),
            Err(error) => report.add(line.number, error),
        }
    }
    report.with(rules)
}

fn rule(line: u32, text: &str) -> Result<Redirect, RuleError> {
    let mut words = text.split_whitespace();
    let from_text = words.next().unwrap_or_default();
    let from = Pattern::parse(from_text)?;
    if !from.is_simple() {
        let from = from_text.to_owned();
        return Err(RuleError::SplatNotLast { from });
    }
    let Some(to_text) = words.next() else {
        let from = from_text.to_owned();
        return Err(RuleError::NoTarget { from });
    };
    if is_query_condition(to_text) {
        let condition = to_text.to_owned();
        return Err(RuleError::QueryCondition { condition });
    }
    let names: Vec<&str> = from.names().collect();
    if let Some(name) = from
        .partial_names()
        .find(|name| to_text.contains(&format!(":{name}")))
    {
        return Err(RuleError::PartialPlaceholder {
            from: from_text.to_owned(),
            name: name.to_owned(),
        });
    }
    let to = Target::parse(to_text, &names)?;
    let mut options = words.take_while(|word| !word.starts_with('#'));
    let (status, forced) = match options.next() {
        Some(word) => status(word)?,
        None => (STATUS_DEFAULT, false),
    };
    if let Some(condition) = options.next() {
        let condition = condition.to_owned();
        return Err(RuleError::Condition { condition });
    }
    let effect = Effect::of_status(status).ok_or(RuleError::OtherStatus { status })?;
    check_target(&to, to_text, effect)?;
    let rule = Redirect {
        line,
        from,
        to,
        effect,
        forced,
    };
    match leads_to_itself(&rule) {
        true => Err(RuleError::SelfRedirect),
        false => Ok(rule),
    }
}

/// `id=:id`, where Netlify has conditions on the query.
fn is_query_condition(word: &str) -> bool {
    !word.starts_with('/') && !word.contains("://") && word.contains('=')
}

fn status(word: &str) -> Result<(u16, bool), RuleError> {
    if word.contains('=') {
        let condition = word.to_owned();
        return Err(RuleError::Condition { condition });
    }
    let (number, forced) = match word.strip_suffix('!') {
        Some(number) => (number, true),
        None => (word, false),
    };
    match number.parse() {
        Ok(status) if number.len() == 3 => Ok((status, forced)),
        _ => Err(RuleError::NotAStatus {
            found: word.to_owned(),
        }),
    }
}

fn check_target(to: &Target, text: &str, effect: Effect) -> Result<(), RuleError> {
    let to_text = || text.to_owned();
    match effect {
        Effect::Rewrite if !to.is_local() => Err(RuleError::RewriteElsewhere { to: to_text() }),
        Effect::Page(status) if !to.is_local() => Err(RuleError::PageElsewhere {
            status,
            to: to_text(),
        }),
        _ => Ok(()),
    }
}

/// `/a /a/`; through other rules: see [`review`](crate::review).
fn leads_to_itself(rule: &Redirect) -> bool {
    let same = |pattern: Pattern| !rule.from.has_host() && pattern == rule.from;
    matches!(rule.effect, Effect::Send(_))
        && rule.to.is_local()
        && rule
            .to
            .exact_path()
            .is_some_and(|path| Pattern::parse(&path).is_ok_and(same))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn printed(text: &str) -> Vec<String> {
        let rules = parse_redirects("_redirects", text.as_bytes())
            .whole()
            .unwrap();
        rules
            .iter()
            .map(|rule| format!("{} {rule}", rule.line))
            .collect()
    }

    #[test]
    fn lines_are_rules_with_a_status_or_without() {
        let text = "# moved\n\
            /a /b\n\
            \t/c   https://x.example/d#top\t302  # later\r\n\
            /e/* /index.html 200\n\
            /f /gone.html 410!\n\
            /g/:id /h?id=:id 308 #x\n\
            https://old.example/* https://new.example/:splat 301!";
        assert_eq!(
            printed(text),
            [
                "2 /a /b 301",
                "3 /c https://x.example/d#top 302",
                "4 /e/* /index.html 200",
                "5 /f /gone.html 410!",
                "6 /g/:id /h?id=:id 308",
                "7 https://old.example/* https://new.example/:splat 301!",
            ]
        );
    }

    #[test]
    fn every_bad_line_is_a_problem_in_words() {
        #[track_caller]
        fn check(line: &str, want: &str) {
            let text = format!("/ok /fine\n{line}\n/also /fine");
            let problems = parse_redirects("_redirects", text.as_bytes()).problems;
            assert_eq!(problems.len(), 1, "{problems:?}");
            let message = problems[0].to_string();
            assert!(message.starts_with("_redirects:2: "), "{message}");
            assert!(message.contains(want), "{message}");
        }
        check("/a", "leads nowhere");
        check("a /b", "begin it with a slash");
        check("/a b", "begin it with a slash");
        check("/a /b 200OK", "is no status");
        check("/a /b +301", "is no status");
        check("/a /b 500", "500 is no status of a rule");
        check("/a /b 301 !", "is a condition");
        check("/a id=:id /b/:id 301", "matches on the query");
        check("/a /b 302 Country=us", "conditions (Country, Language");
        check("/a /b Language=de", "conditions (Country, Language");
        check("/a https://x.example/ 200", "no proxy");
        check("/a https://x.example/ 404", "needs a page of this site");
        check("/a/*.html /b/:splat", "not all of the last segment");
        check("/*/a /b", "not all of the last segment");
        check("/post-:id /p/:id", ":id is not a whole segment");
        check("/a /:splat", "names :splat");
        check("/a /a/", "leads to itself");
        check("/caf%C3%A9 /café?x=1", "leads to itself");
        check("/a //evil.example", "two slashes");
        check("http://a.example/ /b", "write https://");
    }

    #[test]
    fn all_problems_come_at_once_and_in_order() {
        let text = b"/a\n/b /c\n\xff\nd /e\n/f /g\n";
        let Parsed { value, problems } = parse_redirects("public/_redirects", text);
        let places: Vec<_> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(places, [1, 3, 4]);
        let right: Vec<_> = value.iter().map(|rule| rule.line).collect();
        assert_eq!(right, [2, 5]);
    }

    #[test]
    fn more_rules_than_the_limit_are_one_problem() {
        let line = |n: usize| format!("/{n} /x\n");
        let text: String = (0..=RULES_MAX).map(line).collect();
        let problems = parse_redirects("_redirects", text.as_bytes()).problems;
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].error, RuleError::TooManyRules);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = parse_redirects("_redirects", &bytes);
        }

        #[test]
        fn what_is_printed_is_read_back(text in "(/[a:*]{0,3}){1,2} (https://a)?(/[a:*é?#]{0,3}){1,2} (301|200|404)!?") {
            if let Ok(rules) = parse_redirects("_redirects", text.as_bytes()).whole() {
                let again = rules[0].to_string();
                let again_read = parse_redirects("_redirects", again.as_bytes()).whole();
                prop_assert_eq!(again_read, Ok(rules), "{}", again);
            }
        }
    }
}
