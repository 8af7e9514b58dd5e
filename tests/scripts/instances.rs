//! What requests share: nothing, unless a script is reused.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{handler, json_of, project, worker};
use crate::support::{PATIENCE, RunningApp, TestSite};

/// A script with a state of its own, reused as a TOML file beside it says.
fn reused(reuse: u32, source: &str) -> TestSite {
    project(&[
        ("w.js", source),
        ("w.toml", &format!("[worker]\nreuse = {reuse}\n")),
    ])
}

const COUNTER: &str = "let count = 0; export default { async fetch(request) {\n\
    count++; if (request.url.endsWith('?throw')) throw new Error('on purpose');\n\
    if (request.url.endsWith('?loop')) for (;;);\n\
    return new Response(String(count)) } }";

#[test]
fn nothing_of_one_request_is_seen_by_the_next() {
    let source = "let count = 0; globalThis.list = []; class A {} const map = new Map();\n\
        export default { fetch() { count++; list.push(1); map.set(count, 1); A.prototype.x ??= 0;\n\
        A.prototype.x++; Array.prototype.seen = (Array.prototype.seen ?? 0) + 1; env = (globalThis.env ?? 0) + 1;\n\
        return Response.json([count, list.length, map.size, new A().x, [].seen, env]) } }; let env;";
    project(&[("w.js", source)]).both_ways(|app| {
        let mut connection = app.connect();
        for _ in 0..5 {
            let answer = connection.request("GET", "/w", &[], b"");
            assert_eq!(json_of(&answer), json!([1, 1, 1, 1, 1, 1]));
        }
    });
}

#[test]
fn what_the_top_level_has_made_is_there_for_every_request() {
    let source = "const table = new Map(Array.from({ length: 10000 }, (_, n) => [`k${n}`, n ** 2]));\n\
        const pattern = /(\\d+)-(?<b>\\w+)/u; const big = 2n ** 200n; const weak = new WeakMap();\n\
        const key = {}; weak.set(key, 'weak'); const bytes = new Uint8Array(100000).fill(7);\n\
        function* numbers() { for (let n = 0; ; n++) yield n } const generator = numbers(); generator.next();\n\
        const symbol = Symbol.for('a'); const promise = Promise.resolve('kept');\n\
        export default { async fetch() { return Response.json([table.get('k9999'),\n\
        pattern.exec('12-ab').groups.b, String(big), weak.get(key), bytes[99999], generator.next().value,\n\
        symbol === Symbol.for('a'), await promise]) } }";
    project(&[("w.js", source)]).both_ways(|app| {
        for _ in 0..2 {
            let big = "1606938044258990275541962092341162602522202993782792835301376";
            let want = json!([99_980_001, "ab", big, "weak", 7, 1, true, "kept"]);
            assert_eq!(json_of(&app.get("/w")), want);
        }
    });
}

#[test]
fn timers_of_the_top_level_are_due_at_once_and_go_on_in_every_request() {
    let source = "let ticks = 0; setInterval(() => ticks++, 1);\n\
        await new Promise(done => setTimeout(done, 5000)); const before = Date.now();\n\
        export default { async fetch() { const first = ticks;\n\
        await new Promise(done => setTimeout(done, 30));\n\
        return Response.json([before, ticks > first]) } }";
    project(&[("w.js", source)]).both_ways(|app| {
        for _ in 0..2 {
            assert_eq!(json_of(&app.get("/w"))[1], true);
        }
    });
}

#[test]
fn a_timer_that_nobody_waits_for_ends_with_the_answer() {
    let body = "setTimeout(() => console.log('late'), 1); return new Response('a')";
    let site = worker(body).file(
        "other.js",
        handler("await new Promise(done => setTimeout(done, 30)); return new Response('b')"),
    );
    let app = site.bundle().start(&[]);
    app.get("/w").assert_status(200);
    app.get("/other").assert_status(200);
    assert_eq!(app.log(), "");
}

#[test]
fn two_scripts_share_neither_globals_nor_prototypes() {
    let changes = "globalThis.shared = 1; Array.prototype.shared = 1; Object.prototype.shared = 1;\n\
        Response.json = () => new Response('changed'); JSON.stringify = () => 'changed';";
    let site = TestSite::new()
        .file(
            "a.js",
            format!("{changes} export default () => new Response('a')"),
        )
        .file(
            "b.js",
            handler(&format!("{changes} return new Response('b')")),
        )
        .file(
            "c.js",
            handler("return Response.json([typeof shared, [].shared ?? 0, ({}).shared ?? 0])"),
        );
    site.both_ways(|app| {
        for _ in 0..2 {
            assert_eq!(app.get("/a").text(), "a");
            assert_eq!(app.get("/b").text(), "b");
            assert_eq!(json_of(&app.get("/c")), json!(["undefined", 0, 0]));
        }
    });
}

#[test]
fn random_numbers_differ_from_request_to_request() {
    let source = "const before = Math.random(); export default () => Response.json([Math.random(),\n\
        crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(16))].join(), before])";
    project(&[("w.js", source)]).both_ways(|app| {
        const TIMES: usize = 20;
        let answers: Vec<Value> = (0..TIMES).map(|_| json_of(&app.get("/w"))).collect();
        for place in 0..3 {
            let different: BTreeSet<String> = answers
                .iter()
                .map(|answer| answer[place].to_string())
                .collect();
            assert_eq!(different.len(), TIMES, "{answers:#?}");
        }
        let uuid = answers[0][1].as_str().unwrap();
        assert_eq!((uuid.len(), uuid.as_bytes()[14]), (36, b'4'), "{uuid}");
        let in_range = |number: &Value| (0.0..1.0).contains(&number.as_f64().unwrap());
        assert!(
            answers
                .iter()
                .all(|answer| in_range(&answer[0]) && in_range(&answer[3]))
        );
    });
}

#[test]
fn the_clock_is_that_of_the_request() {
    let source = "const early = Date.now(); export default async () => { const begin = performance.now();\n\
        await new Promise(done => setTimeout(done, 20));\n\
        return Response.json([Date.now(), new Date().getTime(), performance.now() - begin, early]) }";
    project(&[("w.js", source)]).both_ways(|app| {
        let now = || {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .as_secs_f64()
                * 1e3
        };
        let before = now().floor();
        let got = json_of(&app.get("/w"));
        let after = now();
        for place in 0..2 {
            let told = got[place].as_f64().unwrap();
            assert!(
                (before..=after).contains(&told),
                "{told} is not within {before} and {after}"
            );
        }
        assert!(
            (19.0..10_000.0).contains(&got[2].as_f64().unwrap()),
            "{got}"
        );
        // The same script gives the same app.
        assert_eq!(got[3], 0);
    });
}

#[test]
fn a_reused_instance_answers_as_many_requests_as_it_may() {
    // One at a time: an instance that has answered a moment ago may still count as busy, and then
    // the next request begins another.
    let app = reused(3, COUNTER)
        .bundle()
        .start(&["--worker-concurrency", "1"]);
    let counts: Vec<String> = (0..7)
        .map(|_| app.get("/w").assert_status(200).text())
        .collect();
    assert_eq!(counts, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[test]
fn no_instance_answers_more_requests_than_it_may() {
    let app = reused(3, COUNTER).bundle().start(&[]);
    thread::scope(|scope| {
        let clients = (0..4).map(|_| {
            scope.spawn(|| {
                let mut connection = app.connect();
                let ask = |_| {
                    connection
                        .request("GET", "/w", &[], b"")
                        .assert_status(200)
                        .text()
                };
                (0..25).map(ask).collect::<Vec<_>>()
            })
        });
        let clients: Vec<_> = clients.collect();
        let counts: Vec<String> = clients
            .into_iter()
            .flat_map(|c| c.join().unwrap())
            .collect();
        assert!(
            counts
                .iter()
                .all(|count| ["1", "2", "3"].contains(&count.as_str())),
            "{counts:?}"
        );
        assert!(
            counts.iter().any(|count| count == "3"),
            "nothing is shared: {counts:?}"
        );
    });
}

#[test]
fn an_exception_leaves_a_reused_instance_alive() {
    let app = reused(100, COUNTER).bundle().start(&[]);
    app.get("/w?throw").assert_status(500);
    assert_eq!(app.get("/w").assert_status(200).text(), "2");
}

#[test]
fn a_loop_in_a_reused_instance_ends_it_and_the_next_request_has_another() {
    let app = reused(100, COUNTER)
        .bundle()
        .start(&["--worker-time", "300ms"]);
    for _ in 0..2 {
        app.get("/w?loop").assert_status(504);
        assert_eq!(app.get("/w").assert_status(200).text(), "1");
        assert_eq!(app.get("/w").assert_status(200).text(), "2");
    }
}

/// Sends as many requests at once; gives what is answered, as it comes.
fn ask_at_once(app: &RunningApp, paths: &[&'static str]) -> mpsc::Receiver<(u16, String)> {
    let (sender, answers) = mpsc::channel();
    for &path in paths {
        let (sender, mut connection) = (sender.clone(), app.connect());
        thread::spawn(move || {
            let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
            connection.send(head.as_bytes()).unwrap();
            // The app may have been ended, and nobody listen any more.
            if let Ok(answer) = connection.answer("GET") {
                let _ = sender.send((answer.status, answer.text()));
            }
        });
    }
    answers
}

#[test]
fn requests_in_one_instance_wait_for_each_other() {
    let source = "let waiting; export default { async fetch() {\n\
        if (waiting) { waiting(); waiting = undefined; return new Response('second') }\n\
        await new Promise(done => waiting = done); return new Response('first') } }";
    let app = reused(100, source)
        .bundle()
        .start(&["--worker-time", "10m"]);
    // An instance for each core at most: two of these are in the same one.
    let cores = thread::available_parallelism().unwrap().get();
    let answers = ask_at_once(&app, &vec!["/w"; cores + 1]);
    let mut two: Vec<_> = (0..2)
        .map(|_| answers.recv_timeout(PATIENCE).unwrap())
        .collect();
    two.sort();
    assert_eq!(
        two,
        [(200, "first".to_owned()), (200, "second".to_owned())],
        "{}",
        app.log()
    );
}

#[test]
fn a_request_of_a_reused_instance_is_ended_alone_when_its_time_is_over() {
    let source = "let count = 0; export default { async fetch(request) { count++;\n\
        request.signal.addEventListener('abort', () => console.log('aborted'));\n\
        if (request.url.endsWith('?wait')) await new Promise(() => {});\n\
        return new Response(String(count)) } }";
    let app = reused(100, source).bundle().start(&[
        "--worker-time",
        "300ms",
        "--worker-concurrency",
        "1",
    ]);
    app.get("/w?wait").assert_status(504);
    let line = app.log_line("worker_failed");
    assert!(line.contains("`time` of 300ms"), "{line}");
    app.log_line("aborted");
    assert_eq!(app.get("/w").assert_status(200).text(), "2");
}

#[test]
fn a_client_of_a_reused_instance_that_goes_away_is_signalled() {
    let source = "let count = 0; export default { async fetch(request) { count++;\n\
        if (request.url.endsWith('?fine')) return new Response(String(count));\n\
        request.signal.addEventListener('abort', () => console.log('aborted'));\n\
        return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(9)) } })) } }";
    // With one place there is one instance.
    let flags = ["--worker-time", "10m", "--worker-concurrency", "1"];
    let app = reused(100, source).bundle().start(&flags);
    let mut connection = app.connect();
    connection
        .send(b"GET /w HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    connection.head().unwrap();
    connection.chunk().unwrap();
    drop(connection);
    app.log_line("aborted");
    assert_eq!(app.get("/w?fine").assert_status(200).text(), "2");
}

#[test]
fn a_fresh_instance_answers_one_request_while_others_wait() {
    // No two of them ever meet.
    let app = worker(
        "globalThis.count = (globalThis.count ?? 0) + 1;\n\
        await new Promise(done => setTimeout(done, 20)); return new Response(String(count))",
    )
    .bundle()
    .start(&["--worker-concurrency", "4", "--worker-queue", "100"]);
    let answers = ask_at_once(&app, &["/w"; 16]);
    for _ in 0..16 {
        assert_eq!(
            answers.recv_timeout(PATIENCE).unwrap(),
            (200, "1".to_owned())
        );
    }
}

#[test]
fn requests_that_wait_for_a_place_are_all_answered() {
    let later = "if (request.url.endsWith('?later')) ctx.waitUntil(new Promise(done => setTimeout(done, 1)));\n\
        return new Response('a')";
    let flags = ["--worker-concurrency", "1", "--worker-queue", "100"];
    let app = worker(later).bundle().start(&flags);
    thread::scope(|scope| {
        for path in ["/w", "/w?later"].repeat(4) {
            let app = &app;
            scope.spawn(move || {
                let mut connection = app.connect();
                for _ in 0..100 {
                    let answer = connection.request("GET", path, &[], b"");
                    assert_eq!(answer.text(), "a", "{}", app.log());
                }
            });
        }
    });
}
