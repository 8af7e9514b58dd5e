//! Components that answer HTTP requests themselves, of `wasi:http` 0.2 and 0.3, from outside: what
//! they get, how bodies flow, how they fail, what is shared, and which are refused.

mod answers;
mod bodies;
mod clients;
mod failures;
mod reuse;
mod streams;

use std::fs;

use crate::support::{RunningApp, TestSite, repository};

/// The components whose path says what they do: one for each version.
const BOTH: [&str; 2] = ["http_p2", "http_p3"];

/// Time enough for whatever a test does.
const NO_LIMIT: [&str; 2] = ["--worker-time", "10m"];

/// The wasm of `tests/guests/components/NAME.wasm`.
fn component(name: &str) -> Vec<u8> {
    let path = repository(&format!("tests/guests/components/{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A site where a component answers at every path.
fn site(name: &str) -> TestSite {
    TestSite::new().file("[...path].wasm", component(name))
}

/// As [`site`], with a TOML file.
fn site_with(name: &str, toml: &str) -> TestSite {
    site(name).file("[...path].toml", toml)
}

/// Runs a test with the component of each version.
fn each_version(flags: &[&str], test: impl Fn(&RunningApp)) {
    for name in BOTH {
        test(&site(name).bundle().start(flags));
    }
}

/// As [`each_version`], also served from the folder.
fn each_version_both_ways(test: impl Fn(&RunningApp)) {
    for name in BOTH {
        site(name).both_ways(&test);
    }
}
