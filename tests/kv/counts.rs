//! Many clients count at the same time, and no increment is lost.

use std::thread;

use super::{Place, compiled, namespace, script};
use crate::support::{Connection, RunningApp, TestSite};

const CLIENTS: usize = 8;
const EACH: usize = 25;

const WITH_CACHE: &str =
    "const n = Number(Cache.get('n') ?? 0) + 1; Cache.set('n', n); return new Response(n)";
const BY_INCREMENT: &str = "return new Response(await kv.increment('n'))";
const BY_COMPARISON: &str = "for (;;) {
    const old = await kv.get('n'); const next = String(Number(old) + 1);
    if (await kv.compareAndSet('n', old, next)) return new Response(next);
}";

/// A counter of each kind of worker at each of [`PATHS`], which answers with what it has counted.
pub(super) fn counters() -> TestSite {
    let reused = |name: &str| format!("[worker]\nreuse = 50\n{}", namespace(name));
    TestSite::new()
        .with_toml("protocol.wasm", compiled("kv_p1"), &namespace("protocol"))
        .with_toml("command.wasm", compiled("kv_run"), &namespace("command"))
        .storing("cache", "cache", WITH_CACHE)
        .storing("increment", "increment", BY_INCREMENT)
        .storing("compare", "compare", BY_COMPARISON)
        .with_toml("reused.js", script(BY_INCREMENT), &reused("reused"))
        .with_toml("shared.js", script(BY_COMPARISON), &reused("shared"))
        .with_toml("kv/incr.wasm", compiled("kv_draft"), &namespace("draft"))
        .with_toml(
            "kv/cas-incr.wasm",
            compiled("kv_draft2"),
            &namespace("draft2"),
        )
}

/// Both of the wws protocol, six of the scripts, and the two drafts of wasi:keyvalue.
const PATHS: [&str; 9] = [
    "/protocol",
    "/command",
    "/cache",
    "/increment",
    "/compare",
    "/reused",
    "/shared",
    "/kv/incr?n",
    "/kv/cas-incr?n",
];

/// What was answered to all increments of all clients.
#[track_caller]
fn count(port: u16, path: &str) -> Vec<usize> {
    let client = || {
        let mut connection = Connection::to(port);
        let mut increment = || {
            let answer = connection.request("POST", path, &[], b"");
            let text = answer.assert_status(200).text();
            text.parse::<usize>()
                .unwrap_or_else(|_| panic!("{path}: {text:?}"))
        };
        (0..EACH).map(|_| increment()).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    })
}

/// Each number from 1 on is the answer to one request.
#[track_caller]
pub(super) fn assert_counts(port: u16, path: &str) {
    let mut answered = count(port, path);
    answered.sort_unstable();
    let want: Vec<_> = (1..=CLIENTS * EACH).collect();
    assert_eq!(answered, want, "{path}");
}

#[track_caller]
fn assert_every_kind_counts(app: &RunningApp) {
    for path in PATHS {
        assert_counts(app.port(), path);
    }
    assert!(!app.log().contains("worker_failed"), "{}", app.log());
}

#[track_caller]
fn check(place: &Place) {
    let app = counters().bundle();
    assert_every_kind_counts(&app.start(&["--kv", &place.location()]));
}

#[test]
fn no_increment_is_lost_in_memory() {
    check(&Place::Memory);
}

#[test]
fn no_increment_is_lost_in_a_file() {
    check(&Place::file());
}

#[test]
fn no_increment_is_lost_on_redis() {
    if let Some(server) = crate::support::RedisServer::start() {
        check(&Place::Redis(server));
    }
}

#[test]
fn a_served_folder_counts_and_keeps_as_an_app_does() {
    let place = Place::file();
    let location = place.location();
    let site = counters();
    let mut served = site.serve(&["--kv", &location]);
    assert_every_kind_counts(&served);
    served.signal("TERM");
    served.wait();
    let app = site.bundle().start(&["--kv", &location]);
    for path in PATHS {
        let next = (CLIENTS * EACH + 1).to_string();
        assert_eq!(app.get(path).text(), next, "{path}");
    }
}
