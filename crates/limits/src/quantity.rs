//! Sizes and times as people write them: a number, then its unit, as in `16MiB` or `1.5s`.
//!
//! The number is an integer or a decimal; arithmetic is exact, and what is finer than one byte
//! or one nanosecond is dropped. Between number and unit stands nothing. Not here: which values
//! a limit accepts (`bounds`).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

// `From` is not const; an `as` in a const here only widens.
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const NANOS_PER_MILLI: u128 = 1_000_000;
const NANOS_PER_SECOND: u128 = 1_000_000_000;
const NANOS_PER_MINUTE: u128 = 60 * NANOS_PER_SECOND;

const SIZE_NOTATION: Notation = Notation {
    units: &[
        ("B", 1),
        ("KiB", KIB as u128),
        ("MiB", MIB as u128),
        ("GiB", GIB as u128),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ],
    known: "B, KiB, MiB, GiB, KB, MB, GB",
    example: "16MiB",
};

const TIME_NOTATION: Notation = Notation {
    units: &[
        ("ms", NANOS_PER_MILLI),
        ("s", NANOS_PER_SECOND),
        ("m", NANOS_PER_MINUTE),
    ],
    known: "ms, s, m",
    example: "30s",
};

/// A number of bytes, written `16MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ByteSize(pub u64);

impl ByteSize {
    pub(crate) const fn kib(count: u32) -> Self {
        Self::of(count, KIB)
    }

    pub(crate) const fn mib(count: u32) -> Self {
        Self::of(count, MIB)
    }

    pub(crate) const fn gib(count: u32) -> Self {
        Self::of(count, GIB)
    }

    const fn of(count: u32, unit: u64) -> Self {
        // `From` is not const; u32 to u64 widens, and 2^32 * 2^30 fits into a u64.
        Self(count as u64 * unit)
    }

    /// The bytes as a `usize`; its largest value where the size does not fit.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for ByteSize {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let bytes = SIZE_NOTATION.read(text)?;
        let bytes = u64::try_from(bytes).map_err(|_| too_large(text))?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for ByteSize {
    /// Writes the largest binary unit that divides the size, so that nothing is rounded.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, unit) in [("GiB", GIB), ("MiB", MIB), ("KiB", KIB)] {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.0 / unit);
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// A length of time, written `30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimeSpan(pub Duration);

impl FromStr for TimeSpan {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let nanos = TIME_NOTATION.read(text)?;
        let seconds = u64::try_from(nanos / NANOS_PER_SECOND).map_err(|_| too_large(text))?;
        let rest = u32::try_from(nanos % NANOS_PER_SECOND).map_err(|_| too_large(text))?;
        Ok(Self(Duration::new(seconds, rest)))
    }
}

impl fmt::Display for TimeSpan {
    /// Writes the largest unit that divides the time; below a millisecond, decimals of one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        for (name, unit) in [("m", NANOS_PER_MINUTE), ("s", NANOS_PER_SECOND)] {
            if nanos.is_multiple_of(unit) {
                return write!(f, "{}{name}", nanos / unit);
            }
        }
        let (millis, finer) = (nanos / NANOS_PER_MILLI, nanos % NANOS_PER_MILLI);
        if finer == 0 {
            return write!(f, "{millis}ms");
        }
        let decimals = format!("{finer:06}");
        write!(f, "{millis}.{}ms", decimals.trim_end_matches('0'))
    }
}

/// Why a text is not a size or a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text does not begin with an integer or a decimal number.
    #[error("\"{}\" does not begin with a number; write it as in \"{example}\"", text.escape_debug())]
    NoNumber {
        /// What was written.
        text: String,
        /// A text that is accepted.
        example: &'static str,
    },
    /// A bare number.
    #[error("\"{text}\" has no unit; write a unit, as in \"{example}\"")]
    NoUnit {
        /// What was written.
        text: String,
        /// A text that is accepted.
        example: &'static str,
    },
    /// Something else than a unit stands after the number.
    #[error("unknown unit \"{}\"; write one of {known}, as in \"{example}\"", unit.escape_debug())]
    UnknownUnit {
        /// What stands after the number.
        unit: String,
        /// All units.
        known: &'static str,
        /// A text that is accepted.
        example: &'static str,
    },
    /// The value or its number of digits is above what can be counted.
    #[error("\"{text}\" is too large a number or has too many digits; write a smaller one")]
    TooLarge {
        /// What was written.
        text: String,
    },
}

/// The units of one kind of quantity, and how to explain them.
struct Notation {
    units: &'static [(&'static str, u128)],
    known: &'static str,
    example: &'static str,
}

impl Notation {
    /// The count of the smallest unit (bytes, nanoseconds) that `text` says, rounded down.
    fn read(&self, text: &str) -> Result<u128, QuantityError> {
        let number_end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(number_end);
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || decimals.is_empty() || decimals.contains('.') {
            return Err(QuantityError::NoNumber {
                text: text.to_owned(),
                example: self.example,
            });
        }
        let factor = self.factor(text, unit)?;
        scaled(whole, decimals, factor).ok_or_else(|| too_large(text))
    }

    fn factor(&self, text: &str, unit: &str) -> Result<u128, QuantityError> {
        if unit.is_empty() {
            return Err(QuantityError::NoUnit {
                text: text.to_owned(),
                example: self.example,
            });
        }
        let known = self.units.iter().find(|(name, _)| *name == unit);
        known
            .map(|(_, factor)| *factor)
            .ok_or_else(|| QuantityError::UnknownUnit {
                unit: unit.to_owned(),
                known: self.known,
                example: self.example,
            })
    }
}

/// `whole.decimals * factor`, rounded down; `None` where it or a step to it overflows.
fn scaled(whole: &str, decimals: &str, factor: u128) -> Option<u128> {
    let digits: u128 = format!("{whole}{decimals}").parse().ok()?;
    let divisor = 10_u128.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    Some(digits.checked_mul(factor)? / divisor)
}

fn too_large(text: &str) -> QuantityError {
    QuantityError::TooLarge {
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_exact_in_binary_and_decimal_units() {
        #[track_caller]
        fn check(text: &str, want: u64) {
            assert_eq!(text.parse(), Ok(ByteSize(want)));
        }
        check("0B", 0);
        check("1000B", 1000);
        check("16MiB", 16 << 20);
        check("16MB", 16_000_000);
        check("1KiB", 1024);
        check("1KB", 1000);
        check("2GiB", 2 << 30);
        check("2GB", 2_000_000_000);
        check("1.5KiB", 1536);
        check("0.3KiB", 307);
        check("007B", 7);
        check("18446744073709551615B", u64::MAX);
    }

    #[test]
    fn times_are_exact_to_the_nanosecond() {
        #[track_caller]
        fn check(text: &str, want: Duration) {
            assert_eq!(text.parse(), Ok(TimeSpan(want)));
        }
        check("50ms", Duration::from_millis(50));
        check("1.5s", Duration::from_millis(1500));
        check("2m", Duration::from_secs(120));
        check("0s", Duration::ZERO);
        check("0.000001ms", Duration::from_nanos(1));
        check("0.0000019ms", Duration::from_nanos(1));
    }

    #[test]
    fn unreadable_sizes_say_what_to_write() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert_eq!(error.to_string(), want);
        }
        let units = "write one of B, KiB, MiB, GiB, KB, MB, GB, as in \"16MiB\"";
        check("16", "\"16\" has no unit; write a unit, as in \"16MiB\"");
        check("16mib", &format!("unknown unit \"mib\"; {units}"));
        check("16 MiB", &format!("unknown unit \" MiB\"; {units}"));
        check("1e3B", &format!("unknown unit \"e3B\"; {units}"));
        let begin = "does not begin with a number; write it as in \"16MiB\"";
        for text in ["", "MiB", "-1MiB", ".5MiB", "5.MiB", "1.2.3MiB"] {
            check(text, &format!("\"{text}\" {begin}"));
        }
        let large = "is too large a number or has too many digits; write a smaller one";
        let many = format!("0.{}B", "1".repeat(40));
        for text in ["18446744073709551616B", "99999999999GiB", &many] {
            check(text, &format!("\"{text}\" {large}"));
        }
    }

    #[test]
    fn unreadable_times_say_what_to_write() {
        #[track_caller]
        fn check(text: &str, want: &str) {
            let error = text.parse::<TimeSpan>().unwrap_err();
            assert_eq!(error.to_string(), want);
        }
        check("30", "\"30\" has no unit; write a unit, as in \"30s\"");
        check(
            "1h",
            "unknown unit \"h\"; write one of ms, s, m, as in \"30s\"",
        );
        check(
            "s",
            "\"s\" does not begin with a number; write it as in \"30s\"",
        );
    }

    #[test]
    fn the_largest_unit_that_divides_is_printed() {
        #[track_caller]
        fn check(value: &dyn fmt::Display, want: &str) {
            assert_eq!(value.to_string(), want);
        }
        check(&ByteSize(0), "0B");
        check(&ByteSize(1000), "1000B");
        check(&ByteSize(1536), "1536B");
        check(&ByteSize(64 << 10), "64KiB");
        check(&ByteSize(128 << 20), "128MiB");
        check(&ByteSize(5 << 40), "5120GiB");
        check(&TimeSpan(Duration::ZERO), "0s");
        check(&TimeSpan(Duration::from_secs(30)), "30s");
        check(&TimeSpan(Duration::from_secs(120)), "2m");
        check(&TimeSpan(Duration::from_millis(50)), "50ms");
        check(&TimeSpan(Duration::from_micros(1500)), "1.5ms");
        check(&TimeSpan(Duration::from_nanos(1)), "0.000001ms");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*|[0-9.]{0,45}[KMGi]{0,2}[Bms]{0,2}") {
            let _ = text.parse::<ByteSize>();
            let _ = text.parse::<TimeSpan>();
        }

        #[test]
        fn a_printed_size_is_read_back(bytes: u64, shift in 0_u32..64) {
            let size = ByteSize(bytes << shift);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }

        #[test]
        fn a_printed_time_is_read_back(seconds: u64, nanos in 0_u32..1_000_000_000) {
            for nanos in [nanos, nanos / 1_000_000 * 1_000_000, 0] {
                let span = TimeSpan(Duration::new(seconds, nanos));
                prop_assert_eq!(span.to_string().parse(), Ok(span));
            }
        }
    }
}
