//! The `traceparent` field (W3C Trace Context, level 1 and 2).

/// A valid `traceparent`: which trace a request belongs to, and which span of it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// 32 lower-case hexadecimal digits, not all 0.
    trace: [u8; 32],
}

impl TraceParent {
    /// The length of version 00, in bytes.
    const LENGTH: usize = 55;

    /// Reads the one value of the field. Versions after 00 may go on behind a further dash, and are
    /// read as far as they are known; `ff` is none.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, more) = value.split_at_checked(Self::LENGTH)?;
        let digits = |range: std::ops::Range<usize>| {
            let digits = &known[range];
            let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            digits.iter().all(is_digit).then_some(digits)
        };
        let dashes = [2, 35, 52].iter().all(|at| known[*at] == b'-');
        let version = digits(0..2)?;
        let (trace, span) = (digits(3..35)?, digits(36..52)?);
        digits(53..55)?;
        let is_zero = |digits: &[u8]| digits.iter().all(|digit| *digit == b'0');
        let ends_well = match version {
            b"ff" => false,
            b"00" => more.is_empty(),
            _ => matches!(more.first(), None | Some(b'-')),
        };
        if !dashes || !ends_well || is_zero(trace) || is_zero(span) {
            return None;
        }
        Some(Self {
            trace: trace.try_into().ok()?,
        })
    }

    /// The id of the trace: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        // Digits.
        std::str::from_utf8(&self.trace).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn only_a_valid_value_is_one() {
        let found = TraceParent::parse(VALID.as_bytes()).unwrap();
        assert_eq!(found.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let later = [
            VALID.replacen("00", "cc", 1),
            format!("{}-what", VALID.replacen("00", "cc", 1)),
        ];
        for value in later {
            assert!(TraceParent::parse(value.as_bytes()).is_some(), "{value}");
        }
        let bad = [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
        ];
        for value in bad {
            assert!(TraceParent::parse(value.as_bytes()).is_none(), "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let found = TraceParent::parse(&value);
            prop_assert!(found.is_none() || value.len() >= 55);
        }

        #[test]
        fn one_byte_that_is_none_makes_it_invalid(at in 0_usize..55, byte in "[g-zG-Z ]") {
            let mut value = VALID.as_bytes().to_vec();
            value[at] = byte.as_bytes()[0];
            prop_assert!(TraceParent::parse(&value).is_none());
        }
    }
}
