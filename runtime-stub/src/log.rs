//! The log: one line an event on standard error, a word first and then `key=value`.

use std::io::Write;

/// Writes one line. A value with spaces, quotes or control characters is quoted and escaped, so
/// that nothing from outside can forge a line.
pub fn line(event: &str, fields: &[(&str, &dyn std::fmt::Display)]) {
    let mut text = event.to_owned();
    for (name, value) in fields {
        let value = value.to_string();
        let plain = !value.is_empty()
            && value
                .chars()
                .all(|c| !c.is_whitespace() && !c.is_control() && c != '"' && c != '=');
        text.push(' ');
        text.push_str(name);
        text.push('=');
        match plain {
            true => text.push_str(&value),
            false => text.push_str(&format!("{value:?}")),
        }
    }
    text.push('\n');
    // There is nowhere left to say that the log is gone.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
