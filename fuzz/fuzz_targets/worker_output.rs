//! Any bytes as what a worker wrote.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = worker_host::parse_response(bytes);
});
