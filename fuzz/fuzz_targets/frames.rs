//! Any bytes as what a client sends on an HTTP/2 connection.
#![no_main]

use std::time::Duration;

use admission::{FrameWatch, Rate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (size, burst, bytes) = input;
    let rate = Rate::new(1, Duration::from_secs(1), burst.into());
    let whole = FrameWatch::new(rate).push(bytes, Duration::ZERO);
    // However it is cut, the verdict is the same.
    let mut watch = FrameWatch::new(rate);
    let mut pieces = bytes.chunks(usize::from(size) + 1);
    assert_eq!(whole, pieces.all(|piece| watch.push(piece, Duration::ZERO)));
    // A frame has a header of nine bytes.
    assert!(whole || bytes.len() >= 24 + 9 * usize::from(burst));
});
