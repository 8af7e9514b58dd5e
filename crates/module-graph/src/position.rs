//! Offsets to lines and columns, and back to lines.
//!
//! Lines end as JavaScript says: `\n`, `\r\n`, `\r`, U+2028, U+2029. Columns count characters.

/// Where the lines of a text begin.
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let mut starts = vec![0];
        starts.extend(line_ends(text).map(|(_, next)| next));
        Self { text, starts }
    }

    /// Line and column of a byte, from 1. An offset inside a character is at that character, one
    /// behind the end is at the end.
    pub(crate) fn position(&self, offset: usize) -> (u32, u32) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|&start| start <= offset);
        let start = self.starts[line - 1];
        let column = self.text[start..offset].chars().count() + 1;
        (number(line), number(column))
    }

    /// A line, from 1, without its end.
    pub(crate) fn line(&self, line: u32) -> Option<&'t str> {
        let place = usize::try_from(line).ok()?.checked_sub(1)?;
        let start = *self.starts.get(place)?;
        let end = self
            .starts
            .get(place + 1)
            .copied()
            .unwrap_or(self.text.len());
        Some(self.text[start..end].trim_end_matches(['\n', '\r', '\u{2028}', '\u{2029}']))
    }
}

/// A line of `text`, from 1, without its end.
pub(crate) fn line(text: &str, line: u32) -> Option<&str> {
    let place = usize::try_from(line).ok()?.checked_sub(1)?;
    let mut ends = line_ends(text);
    let start = match place.checked_sub(1) {
        None => 0,
        Some(before) => ends.nth(before)?.1,
    };
    let end = ends.next().map_or(text.len(), |(end, _)| end);
    Some(&text[start..end])
}

/// The end of each line, and the start of the next.
fn line_ends(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let ends = |char| matches!(char, '\n' | '\r' | '\u{2028}' | '\u{2029}');
    text.match_indices(ends).filter_map(|(at, end)| {
        let next = at + end.len();
        match end {
            "\r" if text[next..].starts_with('\n') => None,
            "\n" if text[..at].ends_with('\r') => Some((at - 1, next)),
            _ => Some((at, next)),
        }
    })
}

/// A count as the public types have it. Files are shorter than 4 GiB.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_javascript_says_and_columns_count_characters() {
        #[track_caller]
        fn check(text: &str, offset: usize, want: (u32, u32), want_line: &str) {
            let lines = Lines::new(text);
            assert_eq!(lines.position(offset), want);
            assert_eq!(lines.line(want.0), Some(want_line));
            assert_eq!(line(text, want.0), Some(want_line));
        }
        check("", 0, (1, 1), "");
        check("ab", 1, (1, 2), "ab");
        check("ab", 99, (1, 3), "ab");
        check("ab\ncd", 2, (1, 3), "ab");
        check("ab\ncd", 4, (2, 2), "cd");
        check("ab\r\ncd\r\n", 5, (2, 2), "cd");
        check("a\rb\rc", 2, (2, 1), "b");
        check("a\u{2028}b", 4, (2, 1), "b");
        check("ä😀b", 6, (1, 3), "ä😀b");
        check("ä", 1, (1, 1), "ä");
        assert_eq!(line("a", 2), None);
        assert_eq!(line("a", 0), None);
        assert_eq!(Lines::new("a").line(0), None);
    }
}
