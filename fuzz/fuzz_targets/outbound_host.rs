//! Any text as an entry of `allowed_hosts`, and as the host of a call.

#![no_main]

use libfuzzer_sys::fuzz_target;
use outbound_rules::{Host, HostPattern, Rules, is_public};

fuzz_target!(|text: &str| {
    if let Ok(pattern) = HostPattern::parse(text) {
        assert_eq!(HostPattern::parse(&pattern.to_string()).as_ref(), Ok(&pattern));
    }
    let rules = Rules {
        hosts: HostPattern::parse("*").into_iter().collect(),
        methods: None,
        allow_http: true,
        allow_private: false,
    };
    // No spelling of an address that is not public gets through.
    if let Ok(Host::Address(address)) = Host::parse(text) {
        assert_eq!(rules.check("GET", true, text, 443).is_ok(), is_public(address));
    }
});
