//! Any bytes as the parts of a request that are parsed here.
#![no_main]

use http::{HeaderMap, HeaderValue, header};
use http_semantics::{
    Coding, RangeSet, SitePath, Validators, choose_coding, evaluate, if_range_allows, parse_range,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(path) = SitePath::parse(text)
    {
        assert!(path.as_str().starts_with('/') && !path.as_str().contains("//"));
        assert!(path.segments().all(|segment| segment != ".."));
    }
    let _ = choose_coding([bytes], &[Coding::Zstd, Coding::Brotli, Coding::Gzip]);
    if let RangeSet::Many(ranges) = parse_range(bytes, 1000) {
        assert!(ranges.iter().all(|range| range.end() <= 1000));
    }
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let current = Validators { etag: "\"abc\"", last_modified: None };
        for name in [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.clone());
            let _ = evaluate(true, &headers, &current);
            let _ = if_range_allows(&headers, &current);
        }
    }
});
