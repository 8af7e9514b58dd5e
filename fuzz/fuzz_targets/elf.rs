//! Any bytes as an executable: finding or attaching a bundle never panics.
#![no_main]

use bundle_format::elf::{Stub, locate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = locate(bytes);
    if let Ok(stub) = Stub::parse(bytes, 4096) {
        let _ = stub.attach(1 << 20);
    }
});
