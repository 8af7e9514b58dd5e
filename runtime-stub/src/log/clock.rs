//! The time of a line. The text of a second is made once.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

/// The texts of one second.
struct Second {
    unix: u64,
    /// `2026-11-25T15:27:13`
    rfc3339: String,
    /// `25/Nov/2026:15:27:13 +0000`
    combined: String,
}

impl Second {
    fn new(unix: u64) -> Self {
        // `Wed, 25 Nov 2026 15:27:13 GMT`: the calendar is the one of httpdate.
        let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(unix));
        let part = |range| date.get(range).unwrap_or_default();
        let (day, month, year, time) = (part(5..7), part(8..11), part(12..16), part(17..25));
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let number = months.iter().position(|name| *name == month).unwrap_or(0) + 1;
        Self {
            unix,
            rfc3339: format!("{year}-{number:02}-{day}T{time}"),
            combined: format!("{day}/{month}/{year}:{time} +0000"),
        }
    }
}

fn with_now<T>(use_it: impl FnOnce(&Second, u32) -> T) -> T {
    thread_local! {
        static LAST: RefCell<Option<Second>> = const { RefCell::new(None) };
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let since = since.unwrap_or(Duration::ZERO);
    LAST.with_borrow_mut(|last| {
        let unix = since.as_secs();
        if last.as_ref().is_none_or(|second| second.unix != unix) {
            *last = None;
        }
        let second = last.get_or_insert_with(|| Second::new(unix));
        use_it(second, since.subsec_millis())
    })
}

/// `2026-11-25T15:27:13.042Z` (RFC 3339), now.
pub(super) fn push_rfc3339(out: &mut Vec<u8>) {
    with_now(|second, millis| out.extend(format!("{}.{millis:03}Z", second.rfc3339).as_bytes()));
}

/// `25/Nov/2026:15:27:13 +0000`, now.
pub(super) fn push_combined(out: &mut Vec<u8>) {
    with_now(|second, _| out.extend(second.combined.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_reads_as_its_date() {
        #[track_caller]
        fn check(unix: u64, rfc3339: &str, combined: &str) {
            let second = Second::new(unix);
            assert_eq!(
                (second.rfc3339.as_str(), second.combined.as_str()),
                (rfc3339, combined)
            );
        }
        check(0, "1970-01-01T00:00:00", "01/Jan/1970:00:00:00 +0000");
        check(
            1_709_164_800,
            "2024-02-29T00:00:00",
            "29/Feb/2024:00:00:00 +0000",
        );
        check(
            1_795_620_433,
            "2026-11-25T15:27:13",
            "25/Nov/2026:15:27:13 +0000",
        );
    }
}
