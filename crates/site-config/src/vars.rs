//! `[vars]`: the environment variables a worker sees, written out or taken from the app's.
//!
//! Names and values become WASI environment entries, `name=value` closed by a NUL; both
//! characters are refused where they would change what the worker reads.

use crate::document::Findings;
use crate::keys::{self, Key, Value};

/// Where the value of a variable comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VarValue {
    /// The text as written.
    Literal(String),
    /// The app's own environment when it starts, written `$NAME` or `$NAME!`.
    Environment {
        /// The name in the app's environment: `[A-Za-z_][A-Za-z0-9_]*`.
        variable: String,
        /// Written with `!`: the app does not start without it.
        required: bool,
    },
}

/// The variables, sorted by name.
pub(crate) fn read(value: &Value<'_>, findings: &mut Findings) -> Vec<(String, VarValue)> {
    let Some(table) = keys::table(value, "[vars]", findings) else {
        return Vec::new();
    };
    let mut vars = Vec::with_capacity(table.len());
    for (key, value) in table {
        // Both halves are looked at, so that both can be reported.
        let name = var_name(key, findings);
        let value = var_value(value, findings);
        vars.extend(name.zip(value));
    }
    // The table is sorted already unless another crate turns on toml's `preserve_order`.
    vars.sort_by(|(a, _), (b, _)| a.cmp(b));
    vars
}

fn var_name(key: &Key<'_>, findings: &mut Findings) -> Option<String> {
    let name = key.get_ref().as_ref();
    let complaint = if name.is_empty() {
        "is empty; give it a name"
    } else if name.contains('=') {
        "contains \"=\"; remove it"
    } else if name.contains('\0') {
        "contains a NUL character; remove it"
    } else {
        return Some(name.to_owned());
    };
    let message = format!("the variable name \"{}\" {complaint}", name.escape_debug());
    findings.add(key.span().start, message);
    None
}

fn var_value(value: &Value<'_>, findings: &mut Findings) -> Option<VarValue> {
    let text = keys::string(value, "\"text\" or \"$NAME\"", findings)?;
    let at = value.span().start;
    if text.contains('\0') {
        findings.add(
            at,
            "the value contains a NUL character; remove it".to_owned(),
        );
        return None;
    }
    let Some(reference) = text.strip_prefix('$') else {
        return Some(VarValue::Literal(text));
    };
    let (variable, required) = reference
        .strip_suffix('!')
        .map_or((reference, false), |name| (name, true));
    if !is_environment_name(variable) {
        let message = format!(
            "\"{}\" names no environment variable; after \"$\" write letters, digits and \"_\", \
             no digit first, and \"!\" last if it is required, as in \"$NAME!\"",
            text.escape_debug()
        );
        findings.add(at, message);
        return None;
    }
    Some(VarValue::Environment {
        variable: variable.to_owned(),
        required,
    })
}

fn is_environment_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .chars()
            .all(|char| char.is_ascii_alphanumeric() || char == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<(String, VarValue)>, Vec<String>> {
        crate::parse_worker_config("a.toml", text.as_bytes())
            .map(|config| config.vars)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_dollar_reads_the_environment_and_anything_else_is_literal() {
        #[track_caller]
        fn check(value: &str, want: VarValue) {
            let found = parse(&format!("vars.A = '{value}'"));
            assert_eq!(found, Ok(vec![("A".to_owned(), want)]));
        }
        let literal = |text: &str| VarValue::Literal(text.to_owned());
        let environment = |variable: &str, required| VarValue::Environment {
            variable: variable.to_owned(),
            required,
        };
        check("", literal(""));
        check("text", literal("text"));
        check("a$B", literal("a$B"));
        check(" $B", literal(" $B"));
        check("really!", literal("really!"));
        check("$B", environment("B", false));
        check("$B!", environment("B", true));
        check("$_b9", environment("_b9", false));
    }

    #[test]
    fn a_dollar_without_a_name_is_a_problem_at_the_value() {
        for value in ["$", "$!", "$9A", "$A-B", "$A!!", "$ A", "${A}", "$Ä"] {
            let want = format!(
                "a.toml:1:10: \"{value}\" names no environment variable; after \"$\" write \
                 letters, digits and \"_\", no digit first, and \"!\" last if it is required, \
                 as in \"$NAME!\""
            );
            assert_eq!(parse(&format!("vars.A = '{value}'")), Err(vec![want]));
        }
    }

    #[test]
    fn names_and_values_that_break_the_environment_are_problems() {
        #[track_caller]
        fn check(line: &str, want: &[&str]) {
            let want = want.iter().map(ToString::to_string).collect();
            assert_eq!(parse(&format!("[vars]\n{line}")), Err(want));
        }
        check(
            "\"\" = 'x'",
            &["a.toml:2:1: the variable name \"\" is empty; give it a name"],
        );
        check(
            "'A=B' = ''",
            &["a.toml:2:1: the variable name \"A=B\" contains \"=\"; remove it"],
        );
        check(
            r#""A\u0000" = """#,
            &["a.toml:2:1: the variable name \"A\\0\" contains a NUL character; remove it"],
        );
        check(
            r#"A = "\u0000""#,
            &["a.toml:2:5: the value contains a NUL character; remove it"],
        );
        check(
            "'=' = 1",
            &[
                "a.toml:2:1: the variable name \"=\" contains \"=\"; remove it",
                "a.toml:2:7: expected a string such as \"text\" or \"$NAME\", found an integer",
            ],
        );
        check(
            "A.b = ''",
            &["a.toml:2:1: expected a string such as \"text\" or \"$NAME\", found a table"],
        );
    }

    #[test]
    fn variables_are_sorted_by_name() {
        let names = parse("[vars]\nb = ''\nC = ''\na = ''")
            .map(|vars| vars.into_iter().map(|(name, _)| name).collect::<Vec<_>>());
        assert_eq!(names, Ok(["C", "a", "b"].map(ToOwned::to_owned).to_vec()));
    }
}
