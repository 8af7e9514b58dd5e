//! `[workers]` of `wws.toml`: which scripts are workers, as glob patterns.
//!
//! Not here: what a pattern means, and whether a file matches it (the bundler). Refused here is
//! what cannot match any name: names in a site are relative to its root, with `/` between
//! folders.

use crate::Place;
use crate::document::{Findings, Places};
use crate::keys::{self, Value};

const KNOWN_KEYS: &[&str] = &["scripts"];
const EXAMPLE: &str = "\"api/**/*.js\"";

/// One pattern of `workers.scripts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptPattern {
    /// As written: not empty, relative to the site root, without `..` and backslashes. It may
    /// still be no glob pattern.
    pub glob: String,
    /// The line of its string, from 1.
    pub line: u32,
    /// The column of its string in characters, from 1.
    pub column: u32,
}

/// The patterns in the order written.
pub(crate) fn read(value: &Value<'_>, text: &str, findings: &mut Findings) -> Vec<ScriptPattern> {
    let mut patterns = Vec::new();
    let Some(table) = keys::table(value, "[workers]", findings) else {
        return patterns;
    };
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "scripts" => patterns = scripts(value, text, findings),
            _ => keys::unknown(key, "key", KNOWN_KEYS, findings),
        }
    }
    patterns
}

fn scripts(value: &Value<'_>, text: &str, findings: &mut Findings) -> Vec<ScriptPattern> {
    let Some(array) = keys::array(value, &format!("[{EXAMPLE}]"), findings) else {
        return Vec::new();
    };
    if array.is_empty() {
        let message = format!("no pattern is given; write at least one, such as {EXAMPLE}");
        findings.add(value.span().start, message);
    }
    let mut places = Places::of(text);
    let patterns = array.iter().filter_map(|value| {
        let glob = pattern(value, findings)?;
        let Place { line, column } = places.find(value.span().start);
        Some(ScriptPattern { glob, line, column })
    });
    patterns.collect()
}

fn pattern(value: &Value<'_>, findings: &mut Findings) -> Option<String> {
    let glob = keys::string(value, EXAMPLE, findings)?;
    let complaint = if glob.is_empty() {
        format!("is empty; write one such as {EXAMPLE}")
    } else if glob.contains('\\') {
        "contains a backslash; write \"/\" between folders".to_owned()
    } else if glob.starts_with('/') {
        "begins with \"/\"; leave it out, patterns begin at the site root".to_owned()
    } else if glob.split('/').any(|part| part == "..") {
        "contains \"..\"; write the path from the site root".to_owned()
    } else {
        return Some(glob);
    };
    let message = format!("the pattern \"{}\" {complaint}", glob.escape_debug());
    findings.add(value.span().start, message);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&[(&str, u32, u32)], &[&str]>) {
        let found = crate::parse_site_config("wws.toml", text.as_bytes()).whole();
        let found = found
            .map(|config| config.scripts)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        let pattern = |&(glob, line, column): &(&str, u32, u32)| ScriptPattern {
            glob: glob.to_owned(),
            line,
            column,
        };
        let want = want
            .map(|patterns| patterns.iter().map(pattern).collect::<Vec<_>>())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found, want);
    }

    #[test]
    fn patterns_are_read_in_the_order_written_with_their_places() {
        check("", Ok(&[]));
        check("[workers]", Ok(&[]));
        check(
            "workers.scripts = [\"api/**/*.js\"]",
            Ok(&[("api/**/*.js", 1, 20)]),
        );
        check(
            "[limits]\n[workers]\nscripts = [ # all\n  'ü/*.ts', \"b.js\",\n\"a.js\", 'b.js',\n]",
            Ok(&[
                ("ü/*.ts", 4, 3),
                ("b.js", 4, 13),
                ("a.js", 5, 1),
                ("b.js", 5, 9),
            ]),
        );
    }

    #[test]
    fn patterns_are_not_parsed_here() {
        for glob in [
            "*",
            "[",
            "{a",
            "a..b.js",
            "[...all].js",
            "...",
            "./a.js",
            " ",
        ] {
            check(
                &format!("workers.scripts = ['{glob}']"),
                Ok(&[(glob, 1, 20)]),
            );
        }
    }

    #[test]
    fn patterns_that_cannot_match_are_problems_at_their_strings() {
        #[track_caller]
        fn check_pattern(value: &str, complaint: &str) {
            let text = format!("workers.scripts = [\n{value}]");
            check(
                &text,
                Err(&[&format!("wws.toml:2:1: the pattern {complaint}")]),
            );
        }
        check_pattern("''", "\"\" is empty; write one such as \"api/**/*.js\"");
        for glob in ["/", "/api/*.js", "//a"] {
            let complaint = format!(
                "\"{glob}\" begins with \"/\"; leave it out, patterns begin at the site root"
            );
            check_pattern(&format!("'{glob}'"), &complaint);
        }
        for glob in ["..", "../*.js", "a/../b.js", "a/.."] {
            let complaint =
                format!("\"{glob}\" contains \"..\"; write the path from the site root");
            check_pattern(&format!("'{glob}'"), &complaint);
        }
        check_pattern(
            r"'api\*.js'",
            r#""api\\*.js" contains a backslash; write "/" between folders"#,
        );
    }

    #[test]
    fn every_bad_pattern_is_a_problem() {
        check(
            "workers.scripts = [\"\", \"a.js\", 1, \"/b.js\"]",
            Err(&[
                "wws.toml:1:20: the pattern \"\" is empty; write one such as \"api/**/*.js\"",
                "wws.toml:1:32: expected a string such as \"api/**/*.js\", found an integer",
                "wws.toml:1:35: the pattern \"/b.js\" begins with \"/\"; leave it out, patterns \
                 begin at the site root",
            ]),
        );
    }

    #[test]
    fn wrong_types_and_no_patterns_are_problems_at_the_value() {
        check(
            "[workers]\nscripts = []",
            Err(&[
                "wws.toml:2:11: no pattern is given; write at least one, such as \"api/**/*.js\"",
            ]),
        );
        check(
            "[workers]\nscripts = \"a.js\"",
            Err(&["wws.toml:2:11: expected an array such as [\"api/**/*.js\"], found a string"]),
        );
        check(
            "workers = [\"a.js\"]",
            Err(&["wws.toml:1:11: expected a table, written [workers], found an array"]),
        );
    }

    #[test]
    fn unknown_keys_are_problems_at_the_key() {
        check(
            "[workers]\nscript = [\"a.js\"]\n[workers.\"api/a\"]",
            Err(&[
                "wws.toml:2:1: unknown key \"script\"; did you mean \"scripts\"? known here: scripts",
                "wws.toml:3:10: unknown key \"api/a\"; known here: scripts",
            ]),
        );
    }

    #[test]
    fn many_patterns_on_one_line_are_located_in_linear_time() {
        let text = format!("workers.scripts = [{}]", "'a',".repeat(200_000));
        let config = crate::parse_site_config("wws.toml", text.as_bytes()).value;
        let last = config.scripts.last().map(|pattern| pattern.column);
        assert_eq!(last, Some(20 + 4 * 199_999));
    }
}
