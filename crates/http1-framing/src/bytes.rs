//! Kinds of bytes.

/// `tchar` (RFC 9110, 5.6.2).
pub(crate) const fn is_token(byte: u8) -> bool {
    TOKENS[byte as usize]
}

/// What may stand in a field value: visible, blank, or above ASCII (RFC 9110, 5.5).
pub(crate) const fn is_value(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}

/// What may stand in a request target. A fragment never does (RFC 9112, 3.2); bytes above ASCII
/// should not, but clients send what was typed, and no two readers cut there.
pub(crate) const fn is_target(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f && byte != b'#'
}

const TOKENS: [bool; 256] = {
    let mut tokens = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        tokens[byte] = matches!(byte, 0x30..=0x39 | 0x41..=0x5a | 0x5e..=0x7a | 0x7c | 0x7e
            | 0x21 | 0x23..=0x27 | 0x2a | 0x2b | 0x2d | 0x2e);
        byte += 1;
    }
    tokens
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_those_of_the_rfc() {
        for byte in 0..=255_u8 {
            let want = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token(byte), want, "{byte:#x}");
        }
    }
}
