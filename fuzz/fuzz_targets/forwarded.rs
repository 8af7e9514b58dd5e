//! Any bytes as what proxies say about a client, and as the trace that a request belongs to.
#![no_main]

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};
use http_semantics::{FORWARDED_FIELDS, TraceParent, forwarding};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(parent) = TraceParent::parse(bytes) {
        assert_eq!(parent.trace_id().len(), 32);
    }
    let Ok(value) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let is_trusted = |address: IpAddr| address.is_loopback();
    for name in &FORWARDED_FIELDS {
        let mut fields = HeaderMap::new();
        fields.insert(name, value.clone());
        let found = forwarding(&fields, is_trusted);
        // Only the client itself may be somebody who is not trusted.
        assert!(found.chain.iter().skip(1).all(|address| is_trusted(*address)));
        assert!(found.host.is_none_or(|host| !host.as_str().contains('@')));
    }
});
