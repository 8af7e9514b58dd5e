//! What a load balancer, or anybody, sends before the first byte of a connection.

#![no_main]

use libfuzzer_sys::fuzz_target;
use listen::{HEADER_BYTES_MAX, Parsed, proxy_header};

fuzz_target!(|bytes: &[u8]| {
    match proxy_header(bytes) {
        Ok(Parsed::Whole(header)) => {
            assert!(header.length <= bytes.len() && header.length <= HEADER_BYTES_MAX);
            // It ends where it ends, whatever follows, and not before.
            let alone = &bytes[..header.length];
            assert_eq!(proxy_header(alone), Ok(Parsed::Whole(header)));
            let shorter = &alone[..header.length - 1];
            assert_eq!(proxy_header(shorter), Ok(Parsed::Part));
        }
        Ok(Parsed::Part) => assert!(bytes.len() < HEADER_BYTES_MAX),
        Err(_) => {}
    }
});
