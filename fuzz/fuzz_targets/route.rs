//! Any text as a route pattern, matched against any path: it never panics, and reads back.
#![no_main]

use bundle_format::RoutePattern;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str)| {
    let (pattern, path) = texts;
    if let Ok(pattern) = RoutePattern::parse(pattern) {
        let segments: Vec<&str> = path.split('/').collect();
        let _ = pattern.matches(&segments);
        assert_eq!(RoutePattern::parse(&pattern.to_string()), Ok(pattern));
    }
});
