//! A Redis server that goes away while the app runs: those who need it are told so quickly, the rest
//! is served, and all is well when it comes back.

use std::time::{Duration, Instant};

use super::{compiled, namespace, script};
use crate::support::{RedisServer, RunningApp, TestSite, assert_discreet, wait_for};

/// They need the store.
const NEEDY: [&str; 3] = ["/kv", "/cache", "/protocol"];

/// They do not, though one of them could have it.
const OTHERS: [&str; 3] = ["/", "/other", "/idle"];

/// For one request the app waits this long for a server that says nothing, see
/// `crates/kv/src/redis_store/connect.rs`.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

fn site() -> TestSite {
    let kv = "return new Response(await kv.increment('n'))";
    let cache = "Cache.set('n', Number(Cache.get('n') ?? 0) + 1); return new Response('')";
    TestSite::with_index()
        .storing("kv", "kv", kv)
        .storing("cache", "cache", cache)
        .storing("idle", "kv", "return new Response('idle')")
        .storing(
            "caught",
            "kv",
            "try { await kv.get('n'); } catch ({ code }) { return new Response(code); }",
        )
        .with_toml("protocol.wasm", compiled("kv_p1"), &namespace("protocol"))
        .file("other.js", script("return new Response('other')"))
}

#[track_caller]
fn assert_all_served(app: &RunningApp) {
    for path in NEEDY.into_iter().chain(OTHERS) {
        let answer = wait_for(|| Some(app.get(path)).filter(|answer| answer.status != 503));
        answer.assert_status(200);
    }
}

/// None of many requests takes part of the time that is waited for an answer of the server.
#[track_caller]
fn assert_refused_quickly(app: &RunningApp) {
    let begin = Instant::now();
    for _ in 0..5 {
        for path in NEEDY {
            let answer = app.get(path);
            assert_discreet(answer.assert_status(503));
            assert!(answer.field("retry-after").is_some(), "{answer:?}");
        }
        for path in OTHERS {
            app.get(path).assert_status(200);
        }
        assert_eq!(app.get("/caught").assert_status(200).text(), "unavailable");
    }
    let took = begin.elapsed();
    assert!(took < RESPONSE_TIMEOUT, "it took {took:?}");
}

#[test]
fn a_server_that_dies_is_found_again() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let app = site().bundle().start(&["--kv", &server.location()]);
    for _ in 0..3 {
        assert_all_served(&app);
        server.kill();
        assert_refused_quickly(&app);
        server.come_back();
    }
    assert_all_served(&app);
    // What went wrong in between is told, in words.
    let line = app.log_line("worker_failed");
    assert!(
        line.contains("the key-value store cannot be reached: "),
        "{line}"
    );
}

#[test]
fn a_server_that_hangs_is_waited_for_once() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let app = site().bundle().start(&["--kv", &server.location()]);
    assert_all_served(&app);
    server.signal("STOP");
    let begin = Instant::now();
    app.get("/kv").assert_status(503);
    let took = begin.elapsed();
    assert!(took < 2 * RESPONSE_TIMEOUT, "it took {took:?}");
    assert_refused_quickly(&app);
    server.signal("CONT");
    assert_all_served(&app);
}
