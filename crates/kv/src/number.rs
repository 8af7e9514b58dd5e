//! Numbers as `increment` keeps them: decimal text, written in one way only.

use crate::KvError;

/// The number after `delta` is added to what is stored.
///
/// # Errors
/// [`KvError::NotANumber`] if the value is no canonical decimal number, or the sum has more than 64
/// bits: the rules of Redis, so that all stores agree.
pub(crate) fn add(stored: Option<&[u8]>, delta: i64) -> Result<i64, KvError> {
    let number = match stored {
        None => 0,
        Some(bytes) => parse(bytes).ok_or_else(not_a_number)?,
    };
    number.checked_add(delta).ok_or_else(too_large)
}

/// The value under the key cannot be counted on.
pub(crate) fn not_a_number() -> KvError {
    KvError::NotANumber {
        what: "the value is not a whole decimal number of 64 bits".to_owned(),
    }
}

/// The sum would not fit.
pub(crate) fn too_large() -> KvError {
    KvError::NotANumber {
        what: "the sum is beyond a whole number of 64 bits".to_owned(),
    }
}

fn parse(bytes: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == bytes).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_text_is_a_number() {
        #[track_caller]
        fn check(text: &str, want: Option<i64>) {
            assert_eq!(parse(text.as_bytes()), want, "{text:?}");
        }
        check("0", Some(0));
        check("-1", Some(-1));
        check("9223372036854775807", Some(i64::MAX));
        check("-9223372036854775808", Some(i64::MIN));
        check("9223372036854775808", None);
        for text in [
            "", "+1", "01", "-0", "-01", " 1", "1 ", "1.0", "1e3", "0x1", "-",
        ] {
            check(text, None);
        }
        assert_eq!(parse(b"\xff1"), None);
    }

    #[test]
    fn a_sum_beyond_64_bits_is_refused() {
        assert!(add(Some(b"9223372036854775807"), 1).is_err());
        assert!(add(Some(b"-9223372036854775808"), -1).is_err());
        assert_eq!(add(None, i64::MIN).ok(), Some(i64::MIN));
    }
}
