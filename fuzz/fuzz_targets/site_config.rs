//! Any bytes as the configuration of a worker or a site.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = site_config::parse_worker_config("a.toml", bytes);
    let _ = site_config::parse_site_config("wws.toml", bytes);
});
