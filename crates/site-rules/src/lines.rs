//! A rule file as lines: decoded, bounded, without comments.

use crate::parsed::Parsed;
use crate::problem::{Problem, RuleError};

/// The longest file that is read.
pub const FILE_BYTES_MAX: usize = 8 << 20;

/// The longest line that is read; a `Content-Security-Policy` can be long.
pub const LINE_BYTES_MAX: usize = 8 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line<'t> {
    /// From 1.
    pub(crate) number: u32,
    /// Without white space around it.
    pub(crate) text: &'t str,
}

/// Where problems of one file go.
pub(crate) struct Report<'f> {
    file: &'f str,
    pub(crate) problems: Vec<Problem>,
}

impl<'f> Report<'f> {
    pub(crate) fn of(file: &'f str) -> Self {
        Self {
            file,
            problems: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, line: u32, error: impl Into<RuleError>) {
        self.problems.push(Problem {
            file: self.file.to_owned(),
            line,
            error: error.into(),
        });
    }

    /// With what was right; the problems in the order of the file.
    pub(crate) fn with<T>(mut self, value: T) -> Parsed<T, Problem> {
        self.problems.sort_by_key(|problem| problem.line);
        Parsed {
            value,
            problems: self.problems,
        }
    }
}

/// The lines that are neither empty nor comments; what cannot be read is reported.
pub(crate) fn read<'t>(bytes: &'t [u8], report: &mut Report<'_>) -> Vec<Line<'t>> {
    if bytes.len() > FILE_BYTES_MAX {
        let bytes = bytes.len();
        report.add(1, RuleError::FileTooLong { bytes });
        return Vec::new();
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut lines = Vec::new();
    for (number, bytes) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        match line(bytes) {
            Ok("") => {}
            Ok(text) if text.starts_with('#') => {}
            Ok(text) => lines.push(Line { number, text }),
            Err(error) => report.add(number, error),
        }
    }
    lines
}

fn line(bytes: &[u8]) -> Result<&str, RuleError> {
    if bytes.len() > LINE_BYTES_MAX {
        let bytes = bytes.len();
        return Err(RuleError::LineTooLong { bytes });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| RuleError::NotUtf8)?;
    let text = text.trim();
    let is_bad = |c: &char| c.is_control() && *c != '\t';
    match text.chars().find(is_bad) {
        Some(character) => Err(RuleError::ControlCharacter { character }),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_comments_left_out() {
        let mut report = Report::of("_redirects");
        let text = b"\xef\xbb\xbf# one\r\n\r\n  /a /b\t\r\n/c /d";
        let want = [(3, "/a /b"), (4, "/c /d")].map(|(number, text)| Line { number, text });
        assert_eq!(read(text, &mut report), want);
        assert_eq!(report.problems, []);
    }

    #[test]
    fn what_cannot_be_read_is_reported_line_by_line() {
        let mut report = Report::of("_redirects");
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let text = [b"\xff\n/a\x00\n", long.as_bytes(), b"\n/b"].concat();
        assert_eq!(read(&text, &mut report).len(), 1);
        let found: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "_redirects:1: this line is not UTF-8; save the file as UTF-8",
                "_redirects:2: the line holds the control character '\\0'; remove it",
                "_redirects:3: the line has 8193 bytes, at most 8192 are read",
            ]
        );
        let mut report = Report::of("_redirects");
        assert!(read(&vec![b'\n'; FILE_BYTES_MAX + 1], &mut report).is_empty());
        assert_eq!(report.problems.len(), 1);
    }
}
