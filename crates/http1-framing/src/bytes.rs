//! Kinds of bytes.

/// `tchar` (RFC 9110, 5.6.2).
pub(crate) const fn is_token(byte: u8) -> bool {
    TOKENS[byte as usize]
}

/// What may stand in a field value: visible, blank, or above ASCII (RFC 9110, 5.5).
pub(crate) const fn is_value(byte: u8) -> bool {
    ((byte >= b' ') & (byte != 0x7f)) | (byte == b'\t')
}

/// What may stand in a request target, in some place of it. A fragment never does (RFC 9112, 3.2).
pub(crate) const fn is_target(byte: u8) -> bool {
    (byte > b' ') & (byte != 0x7f) & (byte != b'#')
}

/// What of ASCII may stand in the path of a target, up to the `?` at its end. More than RFC 3986 allows:
/// what browsers leave as it is (URL Standard, 1.3), and what the http crate lets pass besides.
pub(crate) const fn is_path(byte: u8) -> bool {
    is_target(byte)
        & byte.is_ascii()
        & (byte != b'?')
        & (byte != b'<')
        & (byte != b'>')
        & (byte != b'`')
}

/// What of ASCII may stand in its query, by the same measure.
pub(crate) const fn is_query(byte: u8) -> bool {
    is_target(byte) & byte.is_ascii() & (byte != b'"') & (byte != b'<') & (byte != b'>')
}

/// How many bytes at the beginning may stand in a token.
pub(crate) fn count_tokens(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| is_token(**byte)).count()
}

/// How many bytes at the beginning may stand in a value.
pub(crate) fn count_values(bytes: &[u8]) -> usize {
    count(bytes, is_value)
}

/// How many bytes at the beginning are ASCII that may stand in a path.
pub(crate) fn count_paths(bytes: &[u8]) -> usize {
    count(bytes, is_path)
}

/// How many bytes at the beginning are ASCII that may stand in a query.
pub(crate) fn count_queries(bytes: &[u8]) -> usize {
    count(bytes, is_query)
}

/// Whole groups first, which the compiler compares at once.
#[inline(always)]
fn count(bytes: &[u8], fits: impl Fn(u8) -> bool) -> usize {
    let (groups, _) = bytes.as_chunks::<16>();
    let all_fit = |group: &&[u8; 16]| group.iter().fold(true, |all, byte| all & fits(*byte));
    let whole = 16 * groups.iter().take_while(all_fit).count();
    let rest = bytes[whole..].iter().take_while(|byte| fits(**byte));
    whole + rest.count()
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

    #[test]
    fn a_run_ends_where_it_has_to() {
        for length in 0..40 {
            for end in 0..=length {
                let mut bytes = vec![b'a'; length];
                bytes[end..].fill(b'\r');
                for count in [count_tokens, count_values, count_paths, count_queries] {
                    assert_eq!(count(&bytes), end);
                }
            }
        }
    }
}
