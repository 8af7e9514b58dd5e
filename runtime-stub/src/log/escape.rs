//! Values from outside in a line: whatever they hold, they stay one value of one line.

/// Whether a value needs no quotes between others.
pub(super) fn is_plain(value: &str) -> bool {
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"' && c != '=';
    !value.is_empty() && value.chars().all(is_plain)
}

/// A JSON string. Control characters, and what some programs take for the end of a line, are escaped
/// beyond what JSON asks for.
pub(super) fn push_json(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in value.chars() {
        match c {
            '"' => out.extend(b"\\\""),
            '\\' => out.extend(b"\\\\"),
            '\n' => out.extend(b"\\n"),
            '\r' => out.extend(b"\\r"),
            '\t' => out.extend(b"\\t"),
            // All of these are in the first plane.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                out.extend(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => out.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Between quotes in the combined format: as nginx does it, `\xHH` for quotes, backslashes, and all
/// that is not visible ASCII.
pub(super) fn push_combined(value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        match byte {
            b'"' | b'\\' => out.extend(format!("\\x{byte:02X}").as_bytes()),
            b' '..=b'~' => out.push(*byte),
            _ => out.extend(format!("\\x{byte:02X}").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn json_gives_back_what_was_put_in_and_is_one_line(value in any::<String>()) {
            let mut out = Vec::new();
            push_json(&value, &mut out);
            prop_assert!(out.iter().all(|byte| *byte >= b' '));
            let found: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(found, value);
        }

        #[test]
        fn the_combined_format_is_visible_and_has_no_quote(value in any::<Vec<u8>>()) {
            let mut out = Vec::new();
            push_combined(&value, &mut out);
            prop_assert!(out.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'"'));
        }
    }
}
