//! The head of an answer as a script gives it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((status, headers)) = worker_host::parse_script_answer(bytes) {
        assert!((200..600).contains(&status.as_u16()));
        assert!(headers.iter().all(|(_, value)| !value.as_bytes().contains(&b'\n')));
    }
});
