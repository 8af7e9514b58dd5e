//! Any bytes as an answer of the DNS: as they are, and after a header and a question that fit.

#![no_main]

use libfuzzer_sys::fuzz_target;
use outbound::addresses_in_answer;

/// Id 0, an answer with three records and one of authority, for addresses of `a.example`.
const START: &[u8] = b"\0\0\x81\x80\0\x01\0\x03\0\x01\0\0\x01a\x07example\0\0\x01\0\x01";

fuzz_target!(|bytes: &[u8]| {
    for message in [bytes, &[START, bytes].concat()] {
        // One question at most is repeated, and of its family 64 are kept.
        assert!(addresses_in_answer("a.example", message).len() <= 64);
    }
});
