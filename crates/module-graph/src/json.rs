//! JSON modules: the text is only checked, the engine parses it.

use serde::de::IgnoredAny;

use crate::position::Lines;
use crate::problem::Problem;

/// The problem with a JSON file, if there is one.
pub(crate) fn check(file: &str, text: &str) -> Option<Problem> {
    let error = serde_json::from_str::<IgnoredAny>(text).err()?;
    let message = error.to_string();
    // The position is said apart.
    let message = message
        .rsplit_once(" at line ")
        .map_or(&*message, |(message, _)| message);
    // serde_json counts lines at `\n` only, and bytes from 1 at the byte it has just read.
    let line = error.line().saturating_sub(1);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let offset = start + error.column().saturating_sub(1);
    let message = format!("this is not JSON: {message}");
    Some(Problem::at(file, &Lines::new(text), offset, message))
}

#[cfg(test)]
mod tests {
    #[test]
    fn wrong_json_has_a_position() {
        #[track_caller]
        fn check(text: &str, want: Option<(u32, u32)>) {
            let problem = super::check("a.json", text);
            assert_eq!(problem.map(|p| (p.line, p.column)), want);
        }
        check("{\"a\": [1, 2.5e3, \"\\ud800\"]}", None);
        check(
            &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
            None,
        );
        check("{\n  \"a\": 1,\n}", Some((3, 1)));
        check("{\n  'a': 1\n}", Some((2, 3)));
        check("", Some((1, 1)));
        check("1 2", Some((1, 3)));
        check("{\"ä\": x}", Some((1, 7)));
    }
}
