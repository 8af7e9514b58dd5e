//! How several byte ranges are framed in one body (RFC 9110 section 14.6, RFC 2046 section 5.1).
//!
//! ```text
//! CRLF --boundary CRLF Content-Type: … CRLF Content-Range: … CRLF CRLF  bytes of the range
//! … once for each range …
//! CRLF --boundary-- CRLF
//! ```
//!
//! The layout only says what is written and how long it is; the caller has the bytes.

use crate::range::{ByteRange, content_range};

/// The frame of a `multipart/byteranges` body: all of it but the bytes of the content.
#[derive(Debug, Clone)]
pub struct MultipartLayout<'a> {
    ranges: Vec<ByteRange>,
    len: u64,
    content_type: &'a str,
    boundary: &'a str,
}

impl<'a> MultipartLayout<'a> {
    /// Returns the layout of `ranges` of content that is `len` bytes long.
    ///
    /// `content_type` is that of the content. `boundary` goes unquoted into a field, so it is
    /// a token of at most 70 characters, and it must not occur in the content.
    #[must_use]
    pub const fn new(
        ranges: Vec<ByteRange>,
        len: u64,
        content_type: &'a str,
        boundary: &'a str,
    ) -> Self {
        Self {
            ranges,
            len,
            content_type,
            boundary,
        }
    }

    /// The `Content-Type` of the answer.
    #[must_use]
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// The length of the whole body in bytes: each head and its range, then the closing.
    #[must_use]
    pub fn body_len(&self) -> u64 {
        let parts = self.ranges.iter().map(|&range| {
            let head_len = self.head(range).len() as u64;
            head_len.saturating_add(range.len())
        });
        parts.fold(self.closing().len() as u64, u64::saturating_add)
    }

    /// What to write, in order: each head, then the bytes of the range that follows it.
    #[must_use]
    pub fn parts(&self) -> Vec<(String, ByteRange)> {
        self.ranges
            .iter()
            .map(|&range| (self.head(range), range))
            .collect()
    }

    /// What to write last.
    #[must_use]
    pub fn closing(&self) -> String {
        format!("\r\n--{}--\r\n", self.boundary)
    }

    fn head(&self, range: ByteRange) -> String {
        let Self {
            len,
            content_type,
            boundary,
            ..
        } = self;
        let content_range = content_range(range, *len);
        format!(
            "\r\n--{boundary}\r\nContent-Type: {content_type}\r\n\
             Content-Range: {content_range}\r\n\r\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::range::tests::range;
    use crate::range::{RangeSet, parse_range};
    use proptest::prelude::*;

    fn write(layout: &MultipartLayout<'_>, content: &str) -> String {
        let mut body = String::new();
        for (head, range) in layout.parts() {
            let start = usize::try_from(range.start()).unwrap();
            let end = usize::try_from(range.end()).unwrap();
            body += &head;
            body += &content[start..end];
        }
        body + &layout.closing()
    }

    #[test]
    fn the_body_reads_as_the_rfc_draws_it() {
        let ranges = vec![range(0, 2), range(8, 10)];
        let layout = MultipartLayout::new(ranges, 10, "text/plain; charset=utf-8", "XX");
        assert_eq!(layout.content_type(), "multipart/byteranges; boundary=XX");
        let want = "\r\n--XX\r\nContent-Type: text/plain; charset=utf-8\r\n\
                    Content-Range: bytes 0-1/10\r\n\r\n01\
                    \r\n--XX\r\nContent-Type: text/plain; charset=utf-8\r\n\
                    Content-Range: bytes 8-9/10\r\n\r\n89\
                    \r\n--XX--\r\n";
        assert_eq!(write(&layout, "0123456789"), want);
    }

    #[test]
    fn lengths_near_the_end_of_64_bits_do_not_overflow() {
        let layout = MultipartLayout::new(vec![range(0, u64::MAX)], u64::MAX, "a/b", "XX");
        assert_eq!(layout.body_len(), u64::MAX);
    }

    proptest! {
        #[test]
        fn body_len_is_what_is_written(starts in prop::collection::vec(0_u64..2000, 2..8)) {
            let specs: Vec<_> = starts.iter().map(|at| format!("{at}-{}", at + 7)).collect();
            let content = "x".repeat(2000);
            let field = format!("bytes={}", specs.join(","));
            if let RangeSet::Many(ranges) = parse_range(field.as_bytes(), 2000) {
                let layout = MultipartLayout::new(ranges, 2000, "text/css", "3d6b6a416f9b5");
                prop_assert_eq!(layout.body_len(), write(&layout, &content).len() as u64);
            }
        }
    }
}
