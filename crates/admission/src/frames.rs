//! How many frames a client of HTTP/2 sends that cost it nothing.
//!
//! HTTP/2 has frames that are a few bytes to send and work to read: RST_STREAM, which makes a place
//! free for another request (CVE-2023-44487); PING and SETTINGS, which have to be answered
//! (CVE-2019-9512, 9515); PRIORITY; empty DATA; CONTINUATION (CVE-2024-27316). No client has a use for
//! many of them. Here they are counted, by the headers of the frames (RFC 9113, 4.1); what they say is
//! read elsewhere, and so is everything that is wrong about them.

use std::time::Duration;

use crate::{Bucket, Rate};

/// What a connection begins with (RFC 9113, 3.4), before its frames.
const PREFACE_BYTES: usize = 24;

const HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

/// A flag of DATA: it is the last of its stream, which even an empty one has to say.
const END_STREAM: u8 = 1;

/// Counts the frames of a connection.
#[derive(Clone, Debug)]
pub struct FrameWatch {
    rate: Rate,
    bucket: Bucket,
    /// Of the preface or the payload of a frame: how many bytes are still to come.
    skips: usize,
    header: [u8; HEADER_BYTES],
    /// How many bytes of the header there are.
    filled: usize,
}

impl FrameWatch {
    /// At the beginning of a connection.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            bucket: Bucket::default(),
            skips: PREFACE_BYTES,
            header: [0; HEADER_BYTES],
            filled: 0,
        }
    }

    /// Reads the next bytes that a client has sent; false if it sends more than the rate of frames
    /// that cost it nothing, and then nothing more is to be read of it.
    #[must_use]
    pub fn push(&mut self, mut bytes: &[u8], now: Duration) -> bool {
        loop {
            let skipped = self.skips.min(bytes.len());
            self.skips -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return true;
            }
            let count = bytes.len().min(HEADER_BYTES - self.filled);
            let (part, rest) = bytes.split_at(count);
            self.header[self.filled..][..count].copy_from_slice(part);
            self.filled += count;
            bytes = rest;
            if self.filled == HEADER_BYTES {
                self.filled = 0;
                let frame = Frame::read(self.header);
                self.skips = frame.length;
                if frame.costs_nothing() && self.bucket.take(self.rate, now).is_err() {
                    return false;
                }
            }
        }
    }
}

/// What is counted of a frame.
struct Frame {
    length: usize,
    kind: u8,
    flags: u8,
}

impl Frame {
    fn read(header: [u8; HEADER_BYTES]) -> Self {
        let [a, b, c, kind, flags, ..] = header;
        let length = [a, b, c].map(usize::from);
        Self {
            length: length[0] << 16 | length[1] << 8 | length[2],
            kind,
            flags,
        }
    }

    fn costs_nothing(&self) -> bool {
        match self.kind {
            DATA => self.length == 0 && self.flags & END_STREAM == 0,
            PRIORITY | RST_STREAM | SETTINGS | PING | CONTINUATION => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADERS: u8 = 1;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.extend(std::iter::repeat_n(0xff, length.into()));
        frame
    }

    fn watch(burst: u32) -> FrameWatch {
        FrameWatch::new(Rate::new(1, Duration::from_secs(1), burst))
    }

    fn with_preface(frames: &[Vec<u8>]) -> Vec<u8> {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        [&preface[..], &frames.concat()].concat()
    }

    #[test]
    fn frames_that_cost_nothing_are_counted_and_no_others() {
        #[track_caller]
        fn check(frame: &[u8], is_counted: bool) {
            let sent = with_preface(&vec![frame.to_vec(); 11]);
            assert_eq!(
                watch(10).push(&sent, Duration::ZERO),
                !is_counted,
                "{frame:?}"
            );
            assert!(watch(11).push(&sent, Duration::ZERO), "{frame:?}");
        }
        check(&frame(RST_STREAM, 0, 4), true);
        check(&frame(PING, 0, 8), true);
        check(&frame(SETTINGS, 0, 0), true);
        check(&frame(SETTINGS, 0, 36), true);
        check(&frame(PRIORITY, 0, 5), true);
        check(&frame(CONTINUATION, 0, 0), true);
        check(&frame(CONTINUATION, 0, 200), true);
        check(&frame(DATA, 0, 0), true);
        check(&frame(DATA, END_STREAM, 0), false);
        check(&frame(DATA, 0, 1), false);
        check(&frame(HEADERS, 5, 20), false);
        check(&frame(WINDOW_UPDATE, 0, 4), false);
        check(&frame(77, 0, 4), false);
    }

    #[test]
    fn with_time_more_may_come() {
        let mut watch = watch(2);
        let second = Duration::from_secs(1);
        assert!(watch.push(&with_preface(&[frame(PING, 0, 8)]), second));
        let pings = |count| vec![frame(PING, 0, 8); count].concat();
        assert!(watch.push(&pings(1), second));
        assert!(!watch.clone().push(&pings(1), second));
        assert!(watch.push(&pings(2), 4 * second));
        assert!(!watch.push(&pings(1), 4 * second));
    }

    proptest! {
        /// How the bytes are cut changes nothing, and none makes it panic.
        #[test]
        fn pieces_make_no_difference(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            frames in proptest::collection::vec((0..10_u8, any::<u8>(), 0..20_u8), 0..20),
            size in 1..50_usize,
        ) {
            let frames: Vec<_> = frames.into_iter().map(|(kind, flags, length)| frame(kind, flags, length)).collect();
            for sent in [bytes, with_preface(&frames)] {
                let whole = watch(3).push(&sent, Duration::ZERO);
                let mut pieces = watch(3);
                let in_pieces = sent.chunks(size).all(|piece| pieces.push(piece, Duration::ZERO));
                prop_assert_eq!(whole, in_pieces);
            }
        }
    }
}
