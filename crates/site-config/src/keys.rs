//! Keys and values of a table: the right type or a problem, the known names or a problem.
//!
//! Every function here either returns what it was asked for or adds one problem to the
//! findings. Not here: which keys a file has (`worker`, `site`, and the modules of
//! their tables).

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::document::Findings;

pub(crate) type Key<'i> = Spanned<DeString<'i>>;
pub(crate) type Value<'i> = Spanned<DeValue<'i>>;

/// Up to so many typing slips a known name is suggested.
const SLIPS_MAX: usize = 2;

/// A string; `example` is a TOML value that is accepted.
pub(crate) fn string(value: &Value<'_>, example: &str, findings: &mut Findings) -> Option<String> {
    if let DeValue::String(text) = value.get_ref() {
        return Some(text.to_string());
    }
    wrong_type(value, &format!("a string such as {example}"), findings);
    None
}

/// `true` or `false`.
pub(crate) fn boolean(value: &Value<'_>, findings: &mut Findings) -> Option<bool> {
    if let DeValue::Boolean(boolean) = value.get_ref() {
        return Some(*boolean);
    }
    wrong_type(value, "true or false", findings);
    None
}

/// The decimal text of an integer of any size; `example` is a TOML value that is accepted.
pub(crate) fn integer(value: &Value<'_>, example: &str, findings: &mut Findings) -> Option<String> {
    let DeValue::Integer(integer) = value.get_ref() else {
        wrong_type(value, &format!("an integer such as {example}"), findings);
        return None;
    };
    let decimal = i128::from_str_radix(integer.as_str(), integer.radix());
    Some(decimal.map_or_else(|_| integer.to_string(), |number| number.to_string()))
}

/// An array; `example` is a TOML value that is accepted.
pub(crate) fn array<'t, 'i>(
    value: &'t Value<'i>,
    example: &str,
    findings: &mut Findings,
) -> Option<&'t DeArray<'i>> {
    if let DeValue::Array(array) = value.get_ref() {
        return Some(array);
    }
    wrong_type(value, &format!("an array such as {example}"), findings);
    None
}

/// A table; `header` is how it is written.
pub(crate) fn table<'t, 'i>(
    value: &'t Value<'i>,
    header: &str,
    findings: &mut Findings,
) -> Option<&'t DeTable<'i>> {
    if let DeValue::Table(table) = value.get_ref() {
        return Some(table);
    }
    wrong_type(value, &format!("a table, written {header}"), findings);
    None
}

/// A key that means something elsewhere or later; `label` is how people write it.
pub(crate) fn unsupported(key: &Key<'_>, label: &str, findings: &mut Findings) {
    let message = format!(
        "{label} is not supported in this version of wws; \
         remove it or leave the file out with --ignore"
    );
    findings.add(key.span().start, message);
}

/// A key nobody knows; `kind` is the word for what `known` lists, such as "key".
pub(crate) fn unknown(key: &Key<'_>, kind: &str, known: &[&str], findings: &mut Findings) {
    let name = key.get_ref();
    let suggestion = closest(name, known).map_or_else(String::new, |known_name| {
        format!("did you mean \"{known_name}\"? ")
    });
    let message = format!(
        "unknown {kind} \"{}\"; {suggestion}known here: {}",
        name.escape_debug(),
        known.join(", ")
    );
    findings.add(key.span().start, message);
}

fn wrong_type(value: &Value<'_>, expected: &str, findings: &mut Findings) {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    findings.add(
        value.span().start,
        format!("expected {expected}, found {found}"),
    );
}

/// The known name with the fewest slips from `name`, where they are few enough.
fn closest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let slips = known
        .iter()
        .map(|known_name| (edit_distance(name, known_name), *known_name));
    slips
        .filter(|(count, _)| *count <= SLIPS_MAX)
        .min()
        .map(|(_, known_name)| known_name)
}

/// Characters to insert, delete or replace to get from `a` to `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (a_index, a_char) in a.chars().enumerate() {
        let mut next = vec![a_index + 1];
        let mut left = a_index + 1;
        for (pair, b_char) in row.windows(2).zip(&b) {
            let &[diagonal, above] = pair else { continue };
            let replaced = diagonal + usize::from(a_char != *b_char);
            left = replaced.min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_insertions_deletions_and_replacements() {
        #[track_caller]
        fn check(a: &str, b: &str, want: usize) {
            assert_eq!(edit_distance(a, b), want);
            assert_eq!(edit_distance(b, a), want);
        }
        check("", "", 0);
        check("name", "name", 0);
        check("", "name", 4);
        check("nam", "name", 1);
        check("nmae", "name", 2);
        check("kitten", "sitting", 3);
        check("größe", "grösse", 2);
    }

    #[test]
    fn only_a_near_name_is_suggested_and_the_nearest_wins() {
        #[track_caller]
        fn check(name: &str, want: Option<&str>) {
            assert_eq!(closest(name, &["name", "vars", "limits", "game"]), want);
        }
        check("nmae", Some("name"));
        check("nama", Some("name"));
        check("limit", Some("limits"));
        check("fame", Some("game"));
        check("environment", None);
        check("", None);
    }
}
