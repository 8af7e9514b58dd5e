//! Which bytes of an asset a client asks for (RFC 9110 section 14, and 17.15 on abuse).
//!
//! Positions count in the bytes that are sent, so in the coded content where a coding was
//! chosen. Not here: whether the field may be used at all (`preconditions::if_range_allows`),
//! and how several ranges are framed (`multipart`).

/// The bytes from `start` up to, not including, `end` of some content.
///
/// Invariant: never empty, and never beyond the length that was given to [`parse_range`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    start: u64,
    end: u64,
}

/// What a `Range` field asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeSet {
    /// Everything, as though there were no `Range` field: 200.
    Whole,
    /// Only bytes that do not exist: 416.
    Unsatisfiable,
    /// One range: 206.
    One(ByteRange),
    /// Two or more ranges, ascending and at least 80 bytes apart: 206 in several parts.
    Many(Vec<ByteRange>),
}

#[expect(clippy::len_without_is_empty, reason = "a range is never empty")]
impl ByteRange {
    /// The position of the first byte.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// The position after the last byte.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// The number of bytes, at least one.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.end - self.start
    }
}

/// Returns what a `Range` field asks of content that is `len` bytes long.
///
/// A field in an unknown unit, a malformed one, and one with more than 32 ranges is ignored
/// ([`RangeSet::Whole`]). Ranges less than 80 bytes apart become one, as the head of a part
/// would cost more than the gap. One range costs no allocation.
#[must_use]
pub fn parse_range(value: &[u8], len: u64) -> RangeSet {
    match read_field(value, len) {
        Ok(set) => set,
        Err(Ignored) => RangeSet::Whole,
    }
}

/// Returns the `Content-Range` of a part of content that is `len` bytes long.
#[must_use]
pub fn content_range(range: ByteRange, len: u64) -> String {
    format!("bytes {}-{}/{len}", range.start, range.end - 1)
}

/// Returns the `Content-Range` that goes with a 416.
#[must_use]
pub fn unsatisfied_content_range(len: u64) -> String {
    format!("bytes */{len}")
}

/// The more ranges, the more work and heads for few bytes asked (17.15).
const RANGES_MAX: usize = 32;

/// A gap smaller than this is sent along.
const GAP_BYTES_MIN: u64 = 80;

/// The field is to be treated as though it were not there.
struct Ignored;

fn read_field(value: &[u8], len: u64) -> Result<RangeSet, Ignored> {
    let (unit, specs) = value.split_at_checked(UNIT.len()).ok_or(Ignored)?;
    if !unit.eq_ignore_ascii_case(UNIT) || specs.split(is_comma).nth(RANGES_MAX).is_some() {
        return Err(Ignored);
    }
    // A list may have empty elements (5.6.1.2), but not only those.
    let mut specs = specs
        .split(is_comma)
        .map(<[u8]>::trim_ascii)
        .filter(|spec| !spec.is_empty());
    let first = read_spec(specs.next().ok_or(Ignored)?, len)?;
    let Some(second) = specs.next() else {
        return Ok(first.map_or(RangeSet::Unsatisfiable, RangeSet::One));
    };
    let mut ranges: Vec<_> = first.into_iter().chain(read_spec(second, len)?).collect();
    for spec in specs {
        ranges.extend(read_spec(spec, len)?);
    }
    Ok(coalesce(ranges))
}

const UNIT: &[u8] = b"bytes=";

fn is_comma(byte: &u8) -> bool {
    *byte == b','
}

/// `first-last`, `first-` or `-suffix`; `None` where no such bytes exist.
fn read_spec(spec: &[u8], len: u64) -> Result<Option<ByteRange>, Ignored> {
    let dash = spec.iter().position(|&byte| byte == b'-').ok_or(Ignored)?;
    let (first, last) = (&spec[..dash], &spec[dash + 1..]);
    let (start, end) = if first.is_empty() {
        let suffix_len = read_number(last)?;
        // A suffix of nothing is all of nothing: satisfiable (14.1.2), but no Content-Range
        // can name it.
        if len == 0 && suffix_len > 0 {
            return Err(Ignored);
        }
        (len.saturating_sub(suffix_len), len)
    } else {
        let first = read_number(first)?;
        let last = match last {
            [] => u64::MAX,
            _ => read_number(last)?,
        };
        if last < first {
            return Err(Ignored);
        }
        (first, len.min(last.saturating_add(1)))
    };
    Ok((start < end).then_some(ByteRange { start, end }))
}

/// `1*DIGIT`; what does not fit becomes the largest number, which lies beyond any content.
fn read_number(digits: &[u8]) -> Result<u64, Ignored> {
    if digits.is_empty() {
        return Err(Ignored);
    }
    digits.iter().try_fold(0_u64, |number, digit| match digit {
        b'0'..=b'9' => Ok(number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))),
        _ => Err(Ignored),
    })
}

fn coalesce(mut ranges: Vec<ByteRange>) -> RangeSet {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, kept| {
        let near = next.start.saturating_sub(kept.end) < GAP_BYTES_MIN;
        if near {
            kept.end = kept.end.max(next.end);
        }
        near
    });
    match ranges[..] {
        [] => RangeSet::Unsatisfiable,
        [range] => RangeSet::One(range),
        _ => RangeSet::Many(ranges),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::RangeSet::{Many, One, Unsatisfiable, Whole};
    use super::*;
    use proptest::prelude::*;

    /// A range no longer than its content, for the tests of this crate.
    pub(crate) const fn range(start: u64, end: u64) -> ByteRange {
        assert!(start < end);
        ByteRange { start, end }
    }

    fn many(bounds: [(u64, u64); 2]) -> RangeSet {
        Many(bounds.map(|(start, end)| range(start, end)).to_vec())
    }

    #[track_caller]
    fn check(value: &str, len: u64, want: &RangeSet) {
        let got = parse_range(value.as_bytes(), len);
        assert_eq!(got, *want, "{value:?} of {len}");
    }

    #[test]
    fn one_range_is_clamped_to_the_content() {
        check("bytes=0-4", 10, &One(range(0, 5)));
        check("bytes=9-9", 10, &One(range(9, 10)));
        check("bytes=0-", 10, &One(range(0, 10)));
        check("bytes=3-", 10, &One(range(3, 10)));
        check("bytes=3-99", 10, &One(range(3, 10)));
        check("bytes=-5", 10, &One(range(5, 10)));
        check("bytes=-50", 10, &One(range(0, 10)));
        check("BYTES=0-4", 10, &One(range(0, 5)));
        check("bytes=007-8", 10, &One(range(7, 9)));
        check("bytes= 0-4 ,", 10, &One(range(0, 5)));
    }

    #[test]
    fn ranges_of_no_bytes_are_unsatisfiable() {
        check("bytes=10-", 10, &Unsatisfiable);
        check("bytes=10-20", 10, &Unsatisfiable);
        check("bytes=-0", 10, &Unsatisfiable);
        check("bytes=0-", 0, &Unsatisfiable);
        check("bytes=0-0,-0", 0, &Unsatisfiable);
        check("bytes=10-,-0,99-", 10, &Unsatisfiable);
        check("bytes=10-,2-3,-0", 10, &One(range(2, 4)));
    }

    #[test]
    fn a_suffix_of_empty_content_is_all_of_it() {
        check("bytes=-5", 0, &Whole);
        check("bytes=0-1,-5", 0, &Whole);
    }

    #[test]
    fn malformed_fields_and_unknown_units_are_ignored() {
        let ignored = "|bytes|bytes=|bytes=,|bytes=-|bytes=5|bytes=5-2|bytes=0--1|bytes=a-b|\
                       bytes=+1-2|bytes=1 -2|bytes=0x1-2|bytes =0-1|bytes:0-1|items=0-1|\
                       bytes=0-1;2-3|bytes=0-1,x|bytes=5-2,0-1|bytes=1-2-3|0-1";
        for value in ignored.split('|') {
            check(value, 10, &Whole);
        }
    }

    #[test]
    fn numbers_beyond_64_bits_saturate() {
        let huge = "99999999999999999999999999";
        check(&format!("bytes=2-{huge}"), 10, &One(range(2, 10)));
        check(&format!("bytes=-{huge}"), 10, &One(range(0, 10)));
        check(&format!("bytes={huge}-"), 10, &Unsatisfiable);
        check(&format!("bytes={huge}-1"), 10, &Whole);
        let all = One(range(0, u64::MAX));
        check(&format!("bytes=0-{huge}"), u64::MAX, &all);
    }

    #[test]
    fn ranges_that_overlap_touch_or_nearly_touch_become_one() {
        check("bytes=0-9,5-19", 1000, &One(range(0, 20)));
        check("bytes=0-9,10-19", 1000, &One(range(0, 20)));
        check("bytes=0-99,20-29", 1000, &One(range(0, 100)));
        check("bytes=0-9,89-99", 1000, &One(range(0, 100)));
        check("bytes=0-9,90-99", 1000, &many([(0, 10), (90, 100)]));
        check("bytes=500-509,0-9", 1000, &many([(0, 10), (500, 510)]));
        check("bytes=0-0,-1,, 0-5", 1000, &many([(0, 6), (999, 1000)]));
    }

    #[test]
    fn more_than_32_ranges_are_ignored() {
        let ranges = |count| format!("bytes={}", vec!["1-2"; count].join(","));
        check(&ranges(32), 10, &One(range(1, 3)));
        check(&ranges(33), 10, &Whole);
    }

    #[test]
    fn content_range_names_the_last_byte() {
        assert_eq!(content_range(range(0, 5), 10), "bytes 0-4/10");
        assert_eq!(unsatisfied_content_range(10), "bytes */10");
    }

    fn field() -> impl Strategy<Value = Vec<u8>> {
        let spec = "[0-9]{0,3}-[0-9]{0,3}";
        let specs = prop::collection::vec(spec, 0..6).prop_map(|specs| specs.join(","));
        let valid = specs.prop_map(|specs| format!("bytes={specs}").into_bytes());
        prop_oneof![any::<Vec<u8>>(), valid]
    }

    proptest! {
        #[test]
        fn ranges_lie_inside_ascending_and_apart(value in field(), len in 0_u64..1200) {
            let ranges = match parse_range(&value, len) {
                Whole | Unsatisfiable => vec![],
                One(range) => vec![range],
                Many(ranges) => { prop_assert!(ranges.len() > 1); ranges }
            };
            prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= len));
            let apart = |pair: &[ByteRange]| pair[0].end + GAP_BYTES_MIN <= pair[1].start;
            prop_assert!(ranges.windows(2).all(apart));
        }

        #[test]
        fn one_range_is_what_the_model_says(
            (first, last, len) in (0_u64..20, 0_u64..20, 0_u64..15),
        ) {
            let bytes: Vec<u64> = (0..len).filter(|at| (first..=last).contains(at)).collect();
            let want = match (&bytes[..], first <= last) {
                (_, false) => Whole,
                ([], true) => Unsatisfiable,
                ([start, ..], true) => One(range(*start, bytes[bytes.len() - 1] + 1)),
            };
            prop_assert_eq!(parse_range(format!("bytes={first}-{last}").as_bytes(), len), want);
        }
    }
}
