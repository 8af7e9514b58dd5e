//! A Redis server that goes away while the app runs: those who need it are told so quickly, the rest
//! is served, and all is well when it comes back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Over, compiled, namespace, script};
use crate::support::{RedisServer, RunningApp, TestSite, assert_discreet, wait_for};

/// They need the store.
const NEEDY: [&str; 3] = ["/kv", "/cache", "/protocol"];

/// They do not, though one of them could have it.
const OTHERS: [&str; 3] = ["/page.txt", "/other", "/idle"];

/// For one request the app waits this long for a server that says nothing, see
/// `crates/kv/src/redis_store/connect.rs`.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);

fn site() -> TestSite {
    let kv = "return new Response(await kv.increment('n'))";
    let cache =
        "const n = Number(Cache.get('n') ?? 0) + 1; Cache.set('n', n); return new Response(n)";
    TestSite::new()
        .file("public/page.txt", "page")
        .storing("kv", "kv", kv)
        .storing("cache", "cache", cache)
        .storing("idle", "kv", "return new Response('idle')")
        .storing(
            "caught",
            "kv",
            "try { await kv.get('n'); } catch ({ code }) { return new Response(code); }",
        )
        .with_toml("kv/incr.wasm", compiled("kv_draft"), &namespace("draft"))
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
        // Those who are told of it say themselves what comes of it.
        assert_eq!(app.get("/caught").assert_status(200).text(), "unavailable");
        let told = app.get("/kv/incr?n").assert_status(500).text();
        assert!(
            told.contains("the key-value store cannot be reached"),
            "{told}"
        );
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
    server.hang();
    let begin = Instant::now();
    app.get("/kv").assert_status(503);
    let took = begin.elapsed();
    assert!(took < 2 * RESPONSE_TIMEOUT, "it took {took:?}");
    assert_refused_quickly(&app);
    server.go_on();
    assert_all_served(&app);
}

#[test]
fn what_was_acknowledged_outlives_the_death_of_a_server_that_keeps_it() {
    let keep = ["--appendonly", "yes", "--appendfsync", "always"];
    let Some(mut server) = RedisServer::start_with(&keep) else {
        return;
    };
    let app = site().bundle().start(&["--kv", &server.location()]);
    let paths = ["/kv", "/cache", "/protocol"];
    let counts = paths.map(|_| Counts::default());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for (path, counts) in paths.into_iter().zip(&counts) {
            for _ in 0..2 {
                let (app, is_over) = (&app, &is_over);
                scope.spawn(move || counts.ask_until(app, path, is_over));
            }
        }
        let _over = Over(&is_over);
        for deaths in 1..=3 {
            // Each of them has been answered since the last one.
            wait_for(|| {
                counts
                    .iter()
                    .all(|it| it.answered() >= 10 * deaths)
                    .then_some(())
            });
            server.kill();
            server.come_back();
        }
        wait_for(|| counts.iter().all(|it| it.answered() >= 40).then_some(()));
    });
    for (path, counts) in paths.into_iter().zip(counts) {
        let next = app.get(path).assert_status(200).text();
        let total = next.parse::<usize>().unwrap() - 1;
        let (answered, asked) = (counts.answered.into_inner(), counts.asked.into_inner());
        assert!(
            total >= answered && total <= asked,
            "{path}: {answered}, {total}, {asked}"
        );
    }
}

/// How many requests were made, and how many of them were answered with 200.
#[derive(Default)]
struct Counts {
    asked: AtomicUsize,
    answered: AtomicUsize,
}

impl Counts {
    fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    fn ask_until(&self, app: &RunningApp, path: &str, is_over: &AtomicBool) {
        let mut connection = app.connect();
        while !is_over.load(Ordering::Relaxed) {
            self.asked.fetch_add(1, Ordering::Relaxed);
            match connection.request("GET", path, &[], b"").status {
                200 => drop(self.answered.fetch_add(1, Ordering::Relaxed)),
                status => assert_eq!(status, 503, "{path}: {}", app.log()),
            }
        }
    }
}
