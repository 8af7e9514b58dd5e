//! The key-value store of scripts: `kv`, and `Cache` as in Wasm Workers Server 1.7.

use std::thread;

use serde_json::json;

use super::{handler, json_of, project};
use crate::support::{Answer, RunningApp, TestSite, assert_discreet};

const CLIENTS: usize = 8;
const EACH: usize = 25;

/// A worker at `/w` with a store.
fn worker(body: &str, more: &str) -> TestSite {
    let toml = format!("{more}[data.kv]\nnamespace = \"n\"\n");
    project(&[("w.js", &handler(body)), ("w.toml", &toml)])
}

/// Many clients at the same time; the answers of all.
fn storm(app: &RunningApp) -> Vec<Answer> {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut connection = app.connect();
                    let mut get = || connection.request("GET", "/w", &[], b"");
                    (0..EACH).map(|_| get()).collect::<Vec<_>>()
                })
            })
            .collect();
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    })
}

/// Each number from 1 on was answered once.
#[track_caller]
fn assert_counted(app: &RunningApp) {
    let answers = storm(app);
    let number = |answer: &Answer| answer.assert_status(200).text().parse::<usize>().unwrap();
    let mut numbers: Vec<_> = answers.iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=CLIENTS * EACH).collect::<Vec<_>>());
}

#[test]
fn no_increment_is_lost_by_any_of_the_ways_to_count() {
    let increment = "return new Response(await kv.increment('n'))";
    let compared = "for (;;) { const old = await kv.get('n'); const next = String(Number(old) + 1);
        if (await kv.compareAndSet('n', old, next)) return new Response(next); }";
    let cache =
        "const n = Number(Cache.get('n') ?? 0) + 1; Cache.set('n', n); return new Response(n)";
    // Between what it reads and what it writes others have their turn.
    let slow = "const n = Number(Cache.get('n') ?? 0) + 1; await new Promise((done) => setTimeout(done, 1));
        Cache.set('n', n); return new Response(n)";
    for body in [increment, compared, cache, slow] {
        worker(body, "").both_ways(assert_counted);
    }
    worker(increment, "[worker]\nreuse = 50\n").both_ways(assert_counted);
}

#[test]
fn a_file_keeps_what_was_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.kv");
    let file = ["--kv", file.to_str().unwrap()];
    let body = "const before = [await kv.get('a'), Cache.get('b')]; await kv.set('a', '1');
        return Response.json(before)";
    let cache = "Cache.set('b', 2); return new Response('set')";
    let toml = "[data.kv]\nnamespace = \"n\"\n";
    let site = worker(body, "")
        .file("c.js", handler(cache))
        .file("c.toml", toml);
    let bundle = site.bundle();
    let mut app = bundle.start(&file);
    assert_eq!(json_of(&app.get("/w")), json!([null, null]));
    assert_eq!(app.get("/c").text(), "set");
    app.signal("TERM");
    app.wait();
    assert_eq!(json_of(&bundle.start(&file).get("/w")), json!(["1", "2"]));
}

#[test]
fn a_site_for_wws_1_7_counts_as_it_did() {
    let source = "const reply = (request) => { const count = parseInt(Cache.get('count') ?? '0');
        Cache.set('count', (count + 1).toString()); return new Response(`${count}`); };
        addEventListener('fetch', (event) => event.respondWith(reply(event.request)));";
    let toml = "name = \"count\"\nversion = \"1\"\n[data]\n[data.kv]\nnamespace = \"count\"\n";
    project(&[("w.js", source), ("w.toml", toml)]).both_ways(|app| {
        for n in 0..3 {
            assert_eq!(app.get("/w").text(), n.to_string());
        }
    });
}

#[test]
fn workers_of_a_namespace_share_it_and_others_see_nothing() {
    let body = "return new Response(await kv.increment('n'))";
    let site = worker(body, "")
        .file("same.js", handler(body))
        .file("same.toml", "[data.kv]\nnamespace = \"n\"\n")
        .file("other.js", handler(body))
        .file("other.toml", "[data.kv]\nnamespace = \"m\"\n");
    let app = site.bundle().start(&[]);
    for (path, want) in [("/w", "1"), ("/same", "2"), ("/other", "1"), ("/w", "3")] {
        assert_eq!(app.get(path).text(), want, "{path}");
    }
}

#[test]
fn without_a_namespace_every_use_says_what_to_write() {
    for body in ["await kv.get('a')", "Cache.get('a')", "Cache.set('a', '1')"] {
        let app = project(&[("w.js", &handler(body))]).bundle().start(&[]);
        assert_discreet(app.get("/w").assert_status(500));
        let line = app.log_line("worker_failed");
        assert!(line.contains("[data.kv]"), "{line}");
    }
}

#[test]
fn many_keys_are_not_copied_for_one_request() {
    // 100,000 keys, of which a request reads one.
    let body = "if (request.url.endsWith('?fill')) {
          for (let at = 0; at < 100; at++) {
            await kv.setMany(Array.from({ length: 1000 }, (_, n) => [`k${at * 1000 + n}`, 'v'.repeat(100)]));
          }
        }
        return new Response(`${Cache.get('k77777')?.length}`)";
    let app = worker(body, "").bundle().start(&["--worker-time", "10m"]);
    assert_eq!(app.get("/w?fill").text(), "100");
    // Each place of the pool is used for the first time.
    for _ in 0..50 {
        assert_eq!(app.get("/w").text(), "100");
    }
    let before = super::streams::peak_bytes(&app);
    for _ in 0..20 {
        assert_eq!(app.get("/w").text(), "100");
    }
    let grown = super::streams::peak_bytes(&app) - before;
    assert!(grown < 4 << 20, "{grown} more bytes");
}
