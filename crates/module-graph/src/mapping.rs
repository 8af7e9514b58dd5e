//! Where the parts of compiled text come from.

use oxc::codegen::CodegenReturn;
use script_abi::Mapping;

use crate::position::{Lines, number};

/// The mappings of what was printed, sorted.
pub(crate) fn mappings(printed: &CodegenReturn<'_>, original: &str) -> Vec<Mapping> {
    let Some(map) = &printed.map else {
        return Vec::new();
    };
    let generated = Columns::new(&printed.code);
    let original = Columns::new(original);
    let mut mappings: Vec<Mapping> = map
        .get_tokens()
        .filter(|token| token.get_source_id().is_some())
        .map(|token| Mapping {
            generated_line: token.get_dst_line().saturating_add(1),
            generated_column: generated.column(token.get_dst_line(), token.get_dst_col()),
            line: token.get_src_line().saturating_add(1),
            column: original.column(token.get_src_line(), token.get_src_col()),
        })
        .collect();
    mappings.sort_by_key(|mapping| (mapping.generated_line, mapping.generated_column));
    mappings.dedup_by_key(|mapping| (mapping.generated_line, mapping.generated_column));
    mappings
}

/// Columns in UTF-16 units, as source maps have them, to columns in characters.
enum Columns<'t> {
    /// No character has two units.
    Same,
    Different(Lines<'t>),
}

impl<'t> Columns<'t> {
    fn new(text: &'t str) -> Self {
        // The bytes that begin a character above U+FFFF.
        if text.bytes().any(|byte| byte >= 0xf0) {
            Self::Different(Lines::new(text))
        } else {
            Self::Same
        }
    }

    /// Takes line and units from 0, returns the column from 1.
    fn column(&self, line: u32, units: u32) -> u32 {
        let Self::Different(lines) = self else {
            return units.saturating_add(1);
        };
        let text = lines.line(line.saturating_add(1)).unwrap_or_default();
        let mut left = usize::try_from(units).unwrap_or(usize::MAX);
        let before = text.chars().take_while(|char| {
            let fits = left >= char.len_utf16();
            left = left.saturating_sub(char.len_utf16());
            fits
        });
        number(before.count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_source_maps_become_characters() {
        let columns = Columns::new("a😀b\n😀😀c");
        assert_eq!(columns.column(0, 0), 1);
        assert_eq!(columns.column(0, 3), 3);
        assert_eq!(columns.column(1, 4), 3);
        assert_eq!(columns.column(1, 99), 4);
        assert_eq!(columns.column(9, 2), 1);
        assert_eq!(Columns::new("äb").column(0, 1), 2);
    }
}
