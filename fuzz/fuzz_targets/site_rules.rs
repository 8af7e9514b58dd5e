//! Any bytes as `_redirects` and `_headers`, and any path that they are asked for.
#![no_main]

use http_semantics::SitePath;
use libfuzzer_sys::fuzz_target;
use site_rules::{
    Asked, Existing, HeaderRules, Redirects, parse_headers, parse_origin, parse_redirects, review,
};

fuzz_target!(|input: (&[u8], &str, &str)| {
    let (file, path, host) = input;
    let Ok(path) = SitePath::parse(path) else { return };
    if let Ok(rules) = parse_redirects("_redirects", file).whole() {
        let redirects = Redirects::new(rules);
        let asked = Asked { host: Some(host), path: &path };
        let first = redirects.first(asked);
        if let Some(location) = first.and_then(|found| found.location("", None)) {
            assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
            assert!(!location.starts_with("//"), "{location}");
        }
        if redirects.rules().len() < 20 {
            let _ = review("_redirects", &redirects, &|_| Existing::Nothing);
        }
    }
    if let Ok(rules) = parse_headers("_headers", file).whole() {
        let _ = HeaderRules::new(rules).fields(&[&path], &[("x-a", "1")]);
    }
    if let Ok(origin) = parse_origin(host) {
        assert_eq!(parse_origin(&origin).as_deref(), Ok(origin.as_str()));
    }
});
