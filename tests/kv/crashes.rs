//! `kill -9` while a file is written to.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{Over, Place, compiled, namespace};
use crate::support::{BundledApp, Connection, RunningApp, TestSite, wait_for};

const ROUNDS: u64 = 50;

/// Each counts by itself; two of them at the same time.
const PATHS: [&str; 5] = [
    "/increment?a",
    "/increment?b",
    "/cache",
    "/protocol",
    "/kv/incr?n",
];
const WRITERS_EACH: u64 = 2;

/// The last that was answered at each path.
type Acknowledged = BTreeMap<&'static str, AtomicU64>;

fn counters() -> TestSite {
    // Whole or not at all: with the number, all keys below it are there.
    let cache = "const n = Number(Cache.get('n') ?? 0) + 1; Cache.set('n', n);
        Cache.set(`seen/${n}`, 'x'.repeat(1000)); return new Response(n)";
    let seen = "let [count, after] = [0, null];
        do {
            const page = await kv.list({ prefix: 'seen/', after });
            count += page.keys.length; after = page.next;
        } while (after !== null);
        return Response.json([Number(await kv.get('n')), count])";
    let increment = "return new Response(await kv.increment(query))";
    TestSite::new()
        .storing("increment", "increment", increment)
        .storing("cache", "cache", cache)
        .storing("seen", "cache", seen)
        .with_toml("protocol.wasm", compiled("kv_p1"), &namespace("protocol"))
        .with_toml("kv/incr.wasm", compiled("kv_draft"), &namespace("draft"))
}

#[test]
fn every_acknowledged_write_outlives_kill_9() {
    let place = Place::file();
    let location = place.location();
    let app = counters().bundle();
    let acknowledged: Acknowledged = PATHS.map(|path| (path, AtomicU64::new(0))).into();
    for round in 0..ROUNDS {
        // Every time somewhere else.
        crash(&app, &location, &acknowledged, 1 + round * 7 % 40);
    }
    let running = app.start(&["--kv", &location]);
    check_all_there(&running, &acknowledged);
    let seen: [u64; 2] = serde_json::from_slice(&running.get("/seen").body).unwrap();
    assert_eq!(seen[0], seen[1], "the counter, and the keys beside it");
}

/// Starts the app on what the last crash has left, and kills it after so many answers.
fn crash(app: &BundledApp, location: &str, acknowledged: &Acknowledged, after_answers: u64) {
    let mut running = app.start(&["--kv", location]);
    check_all_there(&running, acknowledged);
    let (answers, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let _over = Over(&is_over);
        for (path, last) in acknowledged {
            for _ in 0..WRITERS_EACH {
                let (port, answers, is_over) = (running.port(), &answers, &is_over);
                scope.spawn(move || write_until(is_over, port, path, last, answers));
            }
        }
        let is_time = || answers.load(Ordering::Relaxed) >= after_answers;
        wait_for(|| is_time().then_some(()));
        running.signal("KILL");
    });
    running.wait();
}

/// Until then, or until there is nobody to answer.
fn write_until(is_over: &AtomicBool, port: u16, path: &str, last: &AtomicU64, answers: &AtomicU64) {
    let Ok(mut connection) = Connection::open(port) else {
        return;
    };
    while !is_over.load(Ordering::Relaxed)
        && let Ok(number) = increment(&mut connection, path)
    {
        last.fetch_max(number, Ordering::Relaxed);
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

fn increment(connection: &mut Connection, path: &str) -> io::Result<u64> {
    connection.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())?;
    let answer = connection.answer("GET")?;
    Ok(answer.assert_status(200).text().parse().unwrap())
}

/// The next number is above all that were acknowledged, and no further away than those are many who
/// had no answer.
#[track_caller]
fn check_all_there(app: &RunningApp, acknowledged: &Acknowledged) {
    let mut connection = app.connect();
    for (path, last) in acknowledged {
        let before = last.load(Ordering::Relaxed);
        let next = increment(&mut connection, path).unwrap();
        assert!(
            next > before && next <= before + WRITERS_EACH + 1,
            "{path}: {next} after {before}"
        );
        last.store(next, Ordering::Relaxed);
    }
}
