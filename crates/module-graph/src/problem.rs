//! What is wrong with a file, and where.

use std::fmt;

use crate::position::Lines;

/// The longest line that an excerpt shows whole, in characters.
const EXCERPT_CHARS_MAX: usize = 160;
const INDENT: &str = "    ";

/// One thing to change, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the root.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong and what to do about it, in one line.
    pub message: String,
    /// The line of the file, unless the problem is with the file as such.
    pub excerpt: Option<Excerpt>,
}

/// A line of a file to show below a problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The line; of a long one the part around the column. Tabs and control characters are spaces.
    pub text: String,
    /// How many characters of `text` stand before the column.
    pub caret: usize,
}

impl Problem {
    /// A problem with a file as such.
    pub(crate) fn of_file(file: &str, message: String) -> Self {
        Self {
            file: file.to_owned(),
            line: 1,
            column: 1,
            message,
            excerpt: None,
        }
    }

    /// A problem at a byte of a file.
    pub(crate) fn at(file: &str, lines: &Lines<'_>, offset: usize, message: String) -> Self {
        let (line, column) = lines.position(offset);
        let excerpt = lines.line(line).map(|text| Excerpt::new(text, column));
        Self {
            file: file.to_owned(),
            line,
            column,
            message,
            excerpt,
        }
    }
}

impl Excerpt {
    pub(crate) fn new(line: &str, column: u32) -> Self {
        let before = usize::try_from(column)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        let length = line.chars().count();
        let (mut skip, mut take) = (0, length);
        if length > EXCERPT_CHARS_MAX {
            skip = before
                .saturating_sub(EXCERPT_CHARS_MAX / 2)
                .min(length - EXCERPT_CHARS_MAX);
            take = EXCERPT_CHARS_MAX;
        }
        let plain = |char: char| if char.is_control() { ' ' } else { char };
        let mut text: String = line.chars().skip(skip).take(take).map(plain).collect();
        let mut caret = before - skip;
        if skip > 0 {
            text.insert_str(0, "… ");
            caret += 2;
        }
        if skip + take < length {
            text.push_str(" …");
        }
        Self { text, caret }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            message,
            excerpt,
        } = self;
        write!(f, "{file}:{line}:{column}: {message}")?;
        if let Some(Excerpt { text, caret }) = excerpt {
            write!(f, "\n{INDENT}{text}\n{INDENT}{:caret$}^", "")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, offset: usize, want: &str) {
        let problem = Problem::at("a.js", &Lines::new(text), offset, "odd".to_owned());
        assert_eq!(problem.to_string(), want);
    }

    #[test]
    fn a_problem_shows_its_line_and_column() {
        check("a\n\tb ä?\nc", 7, "a.js:2:5: odd\n     b ä?\n        ^");
        check("", 0, "a.js:1:1: odd\n    \n    ^");
        let problem = Problem::of_file("a.js", "odd".to_owned());
        assert_eq!(problem.to_string(), "a.js:1:1: odd");
    }

    #[test]
    fn a_long_line_is_cut_around_the_column() {
        let long = "x".repeat(1000);
        let part = "x".repeat(160);
        let caret = |before: usize| format!("\n    {}^", " ".repeat(before));
        check(
            &long,
            0,
            &format!("a.js:1:1: odd\n    {part} …{}", caret(0)),
        );
        check(
            &long,
            500,
            &format!("a.js:1:501: odd\n    … {part} …{}", caret(82)),
        );
        check(
            &long,
            999,
            &format!("a.js:1:1000: odd\n    … {part}{}", caret(161)),
        );
        check(
            &long,
            1000,
            &format!("a.js:1:1001: odd\n    … {part}{}", caret(162)),
        );
    }
}
