//! `[worker]`: how the instances of a worker are run.
//!
//! Not here: what kind of worker it is. The bundler knows, and refuses the keys that it cannot have
//! where they stand.

use std::ops::RangeInclusive;

use crate::Placed;
use crate::document::{Findings, Places};
use crate::keys::{self, Value};

/// Requests that one instance answers. `1` is a fresh instance for every request; there is no
/// "forever", so that a script that leaks is ended some day.
pub const REUSE_BOUNDS: RangeInclusive<u32> = 1..=1_000_000;

const KNOWN_KEYS: &[&str] = &["reuse", "body"];

/// What a script gets as `request.body`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyForm {
    /// A string, as in Wasm Workers Server 1.7.
    Text,
    /// A stream, as the Fetch standard has it.
    Stream,
}

#[derive(Default)]
pub(crate) struct WorkerTable {
    pub(crate) reuse: Option<Placed<u32>>,
    pub(crate) body: Option<Placed<BodyForm>>,
}

pub(crate) fn read(value: &Value<'_>, text: &str, findings: &mut Findings) -> WorkerTable {
    let mut found = WorkerTable::default();
    let Some(table) = keys::table(value, "[worker]", findings) else {
        return found;
    };
    for (key, value) in table {
        let place = || Places::of(text).find(key.span().start);
        match key.get_ref().as_ref() {
            "reuse" => {
                let value = reuse(value, findings);
                found.reuse = value.map(|value| Placed {
                    value,
                    place: place(),
                });
            }
            "body" => {
                let value = body(value, findings);
                found.body = value.map(|value| Placed {
                    value,
                    place: place(),
                });
            }
            _ => keys::unknown(key, "key", KNOWN_KEYS, findings),
        }
    }
    found
}

fn reuse(value: &Value<'_>, findings: &mut Findings) -> Option<u32> {
    let text = keys::integer(value, "1000", findings)?;
    // What does not fit into a u32 is below or above the bounds.
    let count = text.parse().ok();
    let within = count.filter(|count| REUSE_BOUNDS.contains(count));
    if within.is_none() {
        let (min, max) = (REUSE_BOUNDS.start(), REUSE_BOUNDS.end());
        let message = format!("reuse must be from {min} to {max}, found {text}");
        findings.add(value.span().start, message);
    }
    within
}

fn body(value: &Value<'_>, findings: &mut Findings) -> Option<BodyForm> {
    let text = keys::string(value, "\"text\"", findings)?;
    match text.as_str() {
        "text" => Some(BodyForm::Text),
        "stream" => Some(BodyForm::Stream),
        _ => {
            let message = format!(
                "body must be \"text\" or \"stream\", found \"{}\"",
                text.escape_debug()
            );
            findings.add(value.span().start, message);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found = (Option<(u32, u32, u32)>, Option<(BodyForm, u32, u32)>);

    #[track_caller]
    fn check(text: &str, want: Result<Found, &[&str]>) {
        let found = crate::parse_worker_config("a.toml", text.as_bytes());
        let found = found
            .map(|config| (config.reuse.map(flat), config.body.map(flat)))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        let want =
            want.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found, want);
    }

    fn flat<T>(placed: Placed<T>) -> (T, u32, u32) {
        (placed.value, placed.place.line, placed.place.column)
    }

    #[test]
    fn every_key_is_optional_and_has_its_place() {
        check("", Ok((None, None)));
        check("[worker]", Ok((None, None)));
        check("[worker]\n  reuse = 1", Ok((Some((1, 2, 3)), None)));
        check(
            "[worker]\nbody = \"stream\"",
            Ok((None, Some((BodyForm::Stream, 2, 1)))),
        );
        check(
            "worker = { reuse = 1_000_000, body = 'text' }",
            Ok((Some((1_000_000, 1, 12)), Some((BodyForm::Text, 1, 31)))),
        );
        check("worker.reuse = 0x10", Ok((Some((16, 1, 8)), None)));
    }

    #[test]
    fn wrong_types_are_problems_at_the_value() {
        check(
            "[worker]\nreuse = \"7\"\nbody = true",
            Err(&[
                "a.toml:2:9: expected an integer such as 1000, found a string",
                "a.toml:3:8: expected a string such as \"text\", found a boolean",
            ]),
        );
        check(
            "worker = 1",
            Err(&["a.toml:1:10: expected a table, written [worker], found an integer"]),
        );
        check(
            "[[worker]]\nreuse = 7",
            Err(&["a.toml:1:1: expected a table, written [worker], found an array"]),
        );
    }

    #[test]
    fn reuse_out_of_bounds_is_a_problem_at_the_value() {
        let huge = "9".repeat(60);
        for number in ["0", "-1", "1000001", "4294967297", &huge] {
            let want = format!("a.toml:1:16: reuse must be from 1 to 1000000, found {number}");
            check(&format!("worker.reuse = {number}"), Err(&[&want]));
        }
    }

    #[test]
    fn other_forms_of_the_body_are_problems_at_the_value() {
        for form in ["", "Text", "streams", "a\\n"] {
            let want =
                format!("a.toml:1:15: body must be \"text\" or \"stream\", found \"{form}\"");
            check(&format!("worker.body = \"{form}\""), Err(&[&want]));
        }
    }

    #[test]
    fn unknown_keys_are_problems_at_the_key() {
        check(
            "[worker]\nreuze = 1\n[worker.env]",
            Err(&[
                "a.toml:2:1: unknown key \"reuze\"; did you mean \"reuse\"? known here: reuse, body",
                "a.toml:3:9: unknown key \"env\"; known here: reuse, body",
            ]),
        );
    }
}
