//! `_headers`: a line with a path, then lines with its fields, indented or not.

use crate::RULES_MAX;
use crate::field::Field;
use crate::header_rules::{HeaderRule, WILD_RULES_MAX};
use crate::lines::{self, Line, Report};
use crate::parsed::Parsed;
use crate::pattern::Pattern;
use crate::problem::{Problem, RuleError};

/// The most fields of one rule.
const FIELDS_MAX: usize = 100;

/// The rules of a file, in its order, and all lines that are neither path nor field; `file` is only
/// named in problems.
pub fn parse_headers(file: &str, bytes: &[u8]) -> Parsed<Vec<HeaderRule>, Problem> {
    let mut report = Report::of(file);
    let lines = lines::read(bytes, &mut report);
    let mut reader = Reader {
        report,
        rules: Vec::new(),
        open: None,
        wild: 0,
    };
    for line in lines {
        if reader.rules.len() == RULES_MAX {
            reader.report.add(line.number, RuleError::TooManyRules);
            break;
        }
        match is_path(line.text) {
            true => reader.begin(line),
            false => reader.field(line),
        }
    }
    reader.end();
    reader.report.with(reader.rules)
}

fn is_path(text: &str) -> bool {
    ["/", "https://", "http://"]
        .iter()
        .any(|start| text.starts_with(start))
}

struct Reader<'f> {
    report: Report<'f>,
    rules: Vec<HeaderRule>,
    open: Option<Open>,
    wild: usize,
}

/// The rule whose fields are being read.
struct Open {
    line: u32,
    text: String,
    /// `None`: its path is no pattern, which was reported.
    pattern: Option<Pattern>,
    fields: Vec<Field>,
    /// Whether there was any line for it, be it good or bad.
    has_lines: bool,
}

impl Reader<'_> {
    fn begin(&mut self, line: Line<'_>) {
        self.end();
        let pattern = match self.pattern(line.text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.report.add(line.number, error);
                None
            }
        };
        self.open = Some(Open {
            line: line.number,
            text: line.text.to_owned(),
            pattern,
            fields: Vec::new(),
            has_lines: false,
        });
    }

    fn pattern(&mut self, text: &str) -> Result<Pattern, RuleError> {
        if let Some((_, rest)) = text.split_once("://").filter(|_| !text.starts_with('/')) {
            let path = rest.find('/').map_or("/", |at| &rest[at..]).to_owned();
            return Err(RuleError::HostInHeaders { path });
        }
        let pattern = Pattern::parse(text)?;
        if !pattern.is_simple() {
            self.wild += 1;
            if self.wild > WILD_RULES_MAX {
                return Err(RuleError::TooManyWild);
            }
        }
        Ok(pattern)
    }

    fn field(&mut self, line: Line<'_>) {
        let Some(open) = &mut self.open else {
            // Something that is no field either is better called so.
            let error = Field::parse(line.text, &[])
                .map_or_else(RuleError::from, |_| RuleError::FieldWithoutPath);
            self.report.add(line.number, error);
            return;
        };
        open.has_lines = true;
        let names: Vec<&str> = open.pattern.iter().flat_map(Pattern::names).collect();
        let field = Field::parse(line.text, &names);
        match field {
            Ok(_) if open.fields.len() == FIELDS_MAX => {
                let max = FIELDS_MAX;
                self.report
                    .add(line.number, RuleError::TooManyFields { max });
            }
            Ok(field) => open.fields.push(field),
            Err(error) => self.report.add(line.number, error),
        }
    }

    fn end(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Open {
            line,
            text,
            pattern,
            fields,
            has_lines,
        } = open;
        if !has_lines {
            self.report
                .add(line, RuleError::PathWithoutFields { path: text });
        }
        if let Some(pattern) = pattern {
            self.rules.push(HeaderRule {
                line,
                pattern,
                fields,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_is_followed_by_its_fields_indented_or_not() {
        let text =
            "# all\n/*\n  X-Frame-Options: DENY\n\n  # more\n\tX-A: 1\r\n/a/:id\nX-Id: :id\n! X-A";
        let rules = parse_headers("_headers", text.as_bytes()).whole().unwrap();
        let printed: Vec<String> = rules
            .iter()
            .map(|rule| {
                let fields: Vec<_> = rule.fields.iter().map(ToString::to_string).collect();
                format!("{} {} {}", rule.line, rule.pattern, fields.join(" | "))
            })
            .collect();
        assert_eq!(
            printed,
            [
                "2 /* x-frame-options: DENY | x-a: 1",
                "7 /a/:id x-id: :id | ! x-a"
            ]
        );
        assert_eq!(parse_headers("_headers", b"").whole(), Ok(Vec::new()));
    }

    #[test]
    fn every_bad_line_is_a_problem_in_words_and_all_come_at_once() {
        let text = "X-Early: 1\n/a\nX-A 1\n/b?c\nX-B: 1\n/empty\n\
            https://x.example/y/*\nX-C: 1\n/*/*\n X-D:\n/last";
        let Parsed { value, problems } = parse_headers("public/_headers", text.as_bytes());
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let want = [
            (1, "belongs to no path"),
            (3, "neither a path"),
            (4, "has a ?"),
            (6, "\"/empty\" has no fields"),
            (7, "the path alone: \"/y/*\", which holds for all hosts"),
            (9, "more than one *"),
            (10, "has no value"),
            (11, "\"/last\" has no fields"),
        ];
        assert_eq!(found.len(), want.len(), "{found:?}");
        for (message, (line, part)) in found.iter().zip(want) {
            assert!(
                message.starts_with(&format!("public/_headers:{line}: ")),
                "{message}"
            );
            assert!(message.contains(part), "{message}");
        }
        let right: Vec<_> = value.iter().map(|rule| rule.line).collect();
        assert_eq!(right, [2, 6, 11]);
    }

    #[test]
    fn what_costs_time_is_limited() {
        let wild =
            |count: usize| -> String { (0..count).map(|n| format!("/*.x{n}\nA: 1\n")).collect() };
        let problems = parse_headers("_headers", wild(WILD_RULES_MAX).as_bytes()).problems;
        assert_eq!(problems, []);
        let problems = parse_headers("_headers", wild(WILD_RULES_MAX + 1).as_bytes()).problems;
        assert_eq!(problems[0].error, RuleError::TooManyWild);
        let fields = format!("/a\n{}", "A: 1\n".repeat(FIELDS_MAX + 1));
        let problems = parse_headers("_headers", fields.as_bytes()).problems;
        assert_eq!(
            problems[0].error,
            RuleError::TooManyFields { max: FIELDS_MAX }
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = parse_headers("_headers", &bytes);
        }

        #[test]
        fn any_lines_are_read_without_panic(text in "((/[a:*]{0,4}|[!A-C]{1,2}:? [ -~]{0,4})\n){0,8}") {
            let _ = parse_headers("_headers", text.as_bytes());
        }
    }
}
