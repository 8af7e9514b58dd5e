//! One file: bytes to a spanned table, and offsets to lines and columns.
//!
//! Syntax errors do not stop the reading: the table that could be recovered is interpreted as
//! well, so that one run shows all problems. Problems that only blame a guess of the recovery
//! are left out: those on a line with a syntax error, and those below a broken `[header]`,
//! whose keys end up in the wrong table. Not here: what keys mean.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::CharIndices;

use site_rules::Parsed;
use toml::de::DeTable;

use crate::{Place, Problem};

/// The longest file that is read; a configuration above it is a mix-up of files.
pub const FILE_BYTES_MAX: usize = 1 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The problems found so far in one file, each at a byte offset.
#[derive(Default)]
pub(crate) struct Findings(Vec<Finding>);

struct Finding {
    at: usize,
    message: String,
}

impl Findings {
    pub(crate) fn add(&mut self, at: usize, message: String) {
        self.0.push(Finding { at, message });
    }

    /// The findings in the order of `text`.
    fn locate(mut self, file: &str, text: &str) -> Vec<Problem> {
        self.0.sort_by_key(|finding| finding.at);
        let mut places = Places::of(text);
        let located = self.0.into_iter();
        located
            .map(|Finding { at, message }| places.find(at).problem(file, message))
            .collect()
    }
}

/// From offsets in a text to places. Linear in the text, however many are asked for: a hostile
/// file can have something to locate every few bytes of a single line.
pub(crate) struct Places<'t> {
    chars: Peekable<CharIndices<'t>>,
    reached: Place,
}

impl<'t> Places<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        Self {
            chars: text.char_indices().peekable(),
            reached: Place { line: 1, column: 1 },
        }
    }

    /// The place of the offset `at`, which is not below the one asked for before.
    pub(crate) fn find(&mut self, at: usize) -> Place {
        while let Some((_, char)) = self.chars.next_if(|&(index, _)| index < at) {
            if char == '\n' {
                self.reached.line += 1;
                self.reached.column = 1;
            } else {
                self.reached.column += 1;
            }
        }
        self.reached
    }
}

/// What `interpret` makes of the file's table and text, and every problem in the order of the
/// file. All offsets are into that text. Where the syntax is wrong, the value is that of an empty
/// file: what the recovery has guessed is no ground for further problems.
pub(crate) fn read<T: Default>(
    file: &str,
    bytes: &[u8],
    interpret: fn(&DeTable<'_>, &str, &mut Findings) -> T,
) -> Parsed<T, Problem> {
    let text = match decode(file, bytes) {
        Ok(text) => text,
        Err(problems) => {
            let value = T::default();
            return Parsed { value, problems };
        }
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut syntax = Findings::default();
    for error in errors {
        let at = error.span().map_or(text.len(), |span| span.start);
        syntax.add(at, error.message().to_owned());
    }
    let mut meaning = Findings::default();
    let value = interpret(table.get_ref(), text, &mut meaning);

    let mut problems = syntax.locate(file, text);
    let value = match problems.is_empty() {
        true => value,
        false => T::default(),
    };
    let broken_lines: BTreeSet<u32> = problems.iter().map(|problem| problem.line).collect();
    let broken_header = first_header_among(&broken_lines, text);
    let mut meaning = meaning.locate(file, text);
    meaning.retain(|found| {
        !broken_lines.contains(&found.line) && broken_header.is_none_or(|line| found.line < line)
    });
    problems.extend(meaning);
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Parsed { value, problems }
}

/// The first of `lines` that begins a table, `[name]` or `[[name]]`.
fn first_header_among(lines: &BTreeSet<u32>, text: &str) -> Option<u32> {
    let mut numbered = (1..).zip(text.lines());
    let header = numbered
        .find(|(number, line)| line.trim_start().starts_with('[') && lines.contains(number));
    header.map(|(number, _)| number)
}

fn decode<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Vec<Problem>> {
    if bytes.len() > FILE_BYTES_MAX {
        let message = format!(
            "the file has {} bytes, at most {FILE_BYTES_MAX} are read; is it a configuration file?",
            bytes.len()
        );
        return Err(vec![Place { line: 1, column: 1 }.problem(file, message)]);
    }
    // Editors do not count a byte order mark as a column.
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let valid = String::from_utf8_lossy(valid);
        let mut findings = Findings::default();
        findings.add(
            valid.len(),
            "this byte is not UTF-8; save the file as UTF-8".to_owned(),
        );
        findings.locate(file, &valid)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], want: &[&str]) {
        let problems = read("a.toml", bytes, |_, _, _| ()).problems;
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        #[track_caller]
        fn check(text: &str, at: usize, want: (u32, u32)) {
            let (line, column) = want;
            assert_eq!(Places::of(text).find(at), Place { line, column });
        }
        check("", 0, (1, 1));
        check("ab", 1, (1, 2));
        check("ab\ncd", 2, (1, 3));
        check("ab\ncd", 3, (2, 1));
        check("ab\r\ncd", 5, (2, 2));
        check("äöü = 1", 6, (1, 4));
        check("ab", 99, (1, 3));
    }

    #[test]
    fn places_are_found_one_after_another() {
        let mut places = Places::of("ab\nä = 1");
        let found = [0, 1, 1, 5, 99].map(|at| places.find(at));
        let want = [(1, 1), (1, 2), (1, 2), (2, 2), (2, 6)];
        assert_eq!(found, want.map(|(line, column)| Place { line, column }));
    }

    #[test]
    fn text_that_is_not_utf8_is_a_problem_at_its_first_bad_byte() {
        let advice = "this byte is not UTF-8; save the file as UTF-8";
        check(b"\xff", &[&format!("a.toml:1:1: {advice}")]);
        check(
            b"a = 1\n\xc3\xa4 = \"\xe4\"\xff",
            &[&format!("a.toml:2:6: {advice}")],
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_column() {
        check(b"\xef\xbb\xbfa = 1", &[]);
        check(b"\xef\xbb\xbfa = 1\na = 2", &["a.toml:2:1: duplicate key"]);
        check(
            b"\xef\xbb\xbf\xff",
            &["a.toml:1:1: this byte is not UTF-8; save the file as UTF-8"],
        );
    }

    #[test]
    fn a_file_above_one_mebibyte_is_refused() {
        let mut bytes = vec![b'\n'; FILE_BYTES_MAX];
        check(&bytes, &[]);
        bytes.push(b'\n');
        check(
            &bytes,
            &[
                "a.toml:1:1: the file has 1048577 bytes, at most 1048576 are read; \
               is it a configuration file?",
            ],
        );
    }

    #[test]
    fn all_syntax_errors_are_reported_at_once() {
        let problems = read("a.toml", b"a = \nb = 1\nb = 2\n\nc = \"x", |_, _, _| ()).problems;
        let lines: Vec<u32> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 3, 5], "{problems:?}");
    }

    #[test]
    fn hostile_nesting_is_a_problem_not_a_crash() {
        for part in ["[", "a=[", "{a=", "a.", "[[a.", "a={"] {
            let text = part.repeat(FILE_BYTES_MAX / part.len());
            let problems = read("a.toml", text.as_bytes(), |_, _, _| ()).problems;
            assert!(!problems.is_empty(), "{part}");
        }
    }
}
