//! Statuses as small numbers.

/// The statuses that are counted each for itself: those that have a meaning (RFC 9110, 15, and the
/// registry), and 499, for a client that went away before it had its answer.
const KNOWN: [u16; 63] = [
    100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304,
    305, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415,
    416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504,
    505, 506, 507, 508, 510, 511,
];

/// All others, by their first digit.
const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// A status as a number below [`StatusSlot::COUNT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusSlot(u8);

impl StatusSlot {
    /// How many there are.
    pub const COUNT: usize = KNOWN.len() + CLASSES.len();

    /// The slot of a status; those without a meaning share one for each first digit.
    #[must_use]
    pub fn of(status: u16) -> Self {
        let place = KNOWN.binary_search(&status).unwrap_or_else(|_| {
            let class = usize::from(status / 100);
            KNOWN.len() + if class < CLASSES.len() { class } else { 0 }
        });
        Self(u8::try_from(place).unwrap_or(u8::MAX))
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).filter_map(|place| u8::try_from(place).ok().map(Self))
    }

    /// Its number.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// `404`; `4xx` for one without a meaning.
    #[must_use]
    pub fn label(self) -> String {
        match KNOWN.get(self.index()) {
            Some(status) => status.to_string(),
            None => CLASSES
                .get(self.index() - KNOWN.len())
                .map_or_else(String::new, |class| (*class).to_owned()),
        }
    }

    /// Whether the server is to blame.
    #[must_use]
    pub fn is_server_error(self) -> bool {
        self.label().starts_with('5')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_the_slot_that_says_it() {
        assert!(KNOWN.is_sorted());
        for status in 0..=u16::MAX {
            let slot = StatusSlot::of(status);
            assert!(slot.index() < StatusSlot::COUNT);
            let label = slot.label();
            let class = format!("{}xx", status / 100);
            let is_real = (100..600).contains(&status);
            let fits = label == status.to_string() || label == class;
            assert!(
                if is_real { fits } else { label == "other" },
                "{status}: {label}"
            );
        }
        assert_eq!(StatusSlot::of(299).label(), "2xx");
        assert_eq!(StatusSlot::all().count(), StatusSlot::COUNT);
        assert!(StatusSlot::of(503).is_server_error() && StatusSlot::of(599).is_server_error());
        assert!(!StatusSlot::of(404).is_server_error());
    }
}
