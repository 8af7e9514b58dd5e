//! A short text that is collected as it comes.

/// A host name has 253 bytes at most, and a port five digits and a colon.
const BYTES_MAX: usize = 264;

/// Bytes up to a fixed number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    bytes: [u8; BYTES_MAX],
    length: usize,
    /// More came than there was room for.
    cut: bool,
}

impl Text {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; BYTES_MAX],
            length: 0,
            cut: false,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.length = 0;
        self.cut = false;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0 && !self.cut
    }

    pub(crate) fn extend(&mut self, more: &[u8]) {
        let end = self.length + more.len();
        match self.bytes.get_mut(self.length..end) {
            Some(place) => {
                place.copy_from_slice(more);
                self.length = end;
            }
            None => self.cut = true,
        }
    }

    /// All that came; `None` if that was too much.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        (!self.cut).then_some(&self.bytes[..self.length])
    }

    pub(crate) fn is(&self, other: &[u8]) -> bool {
        self.whole()
            .is_some_and(|text| text.eq_ignore_ascii_case(other))
    }
}
