//! A request that loses against another one is run again, unless that could do something twice.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::protocol::giving;
use super::{namespace, script};
use crate::support::{
    Answer, Connection, Gate, Origin, RunningApp, TestSite, assert_discreet, respond,
};

const CALLED_ONCE: usize = 1;
const CALLED_TWICE: usize = 2;

/// How often a request is run at most.
const RUNS_MAX: usize = 100;

/// The TOML file of a worker that may call a server on this port.
fn calling(port: u16, more: &str) -> String {
    format!(
        "[vars]\nGATE = \"http://127.0.0.1:{port}/\"\n\
         [features.http_requests]\nallowed_hosts = [\"127.0.0.1:{port}\"]\n\
         allow_http = true\nallow_private = true\n{}{more}\n",
        namespace("n")
    )
}

const NOW: &str = "console.log('it is told'); return new Response(await kv.get('n'))";

/// A site in which `/faster` counts in the same namespace, and `/now` tells the number.
fn race() -> TestSite {
    let faster =
        "const n = Number(Cache.get('n') ?? 0) + 1; Cache.set('n', n); return new Response(n)";
    TestSite::new()
        .storing("faster", "n", faster)
        .storing("now", "n", NOW)
        .storing(
            "go",
            "n",
            "await kv.set('go', ''); return new Response('gone')",
        )
}

/// Asks for `/w`, and for `/faster` while `/w` is known to be on its way; `go` lets `/w` go on.
fn lose(app: &RunningApp, wait: impl FnOnce(), go: impl FnOnce()) -> Answer {
    thread::scope(|scope| {
        let slower = scope.spawn(|| app.get("/w"));
        wait();
        app.get("/faster").assert_status(200);
        go();
        slower.join().unwrap()
    })
}

/// What came of a request that calls the gate, and loses meanwhile; how often it called.
fn lose_at(gate: &Gate, app: &RunningApp) -> (u16, usize) {
    let answer = lose(app, || gate.wait_for_call(), || gate.open());
    (answer.status, gate.calls())
}

#[track_caller]
fn assert_refused(app: &RunningApp) {
    let line = app.log_line("worker_failed");
    assert!(line.contains("status=503"), "{line}");
    assert_eq!(app.get("/now").text(), "1", "only /faster has counted");
}

#[test]
fn a_program_that_may_call_is_run_again_only_with_leave() {
    for (retry, want) in [
        ("", (503, CALLED_ONCE)),
        ("retry = false", (503, CALLED_ONCE)),
        ("retry = true", (200, CALLED_TWICE)),
    ] {
        let gate = Gate::new();
        let url = format!("http://127.0.0.1:{}/", gate.port());
        let program = giving(r#"{"data":"9","kv":{"n":"9"}}"#, Some(&url));
        let site = race().with_toml("w.wasm", program, &calling(gate.port(), retry));
        let app = site.bundle().start(&[]);
        assert_eq!(lose_at(&gate, &app), want, "{retry:?}: {}", app.log());
        match want.0 {
            200 => assert_eq!(app.get("/now").text(), "9"),
            _ => assert_refused(&app),
        }
        // Alone, it calls once more and is done.
        app.get("/w").assert_status(200);
        assert_eq!(gate.calls(), want.1 + 1, "{retry:?}");
    }
}

#[test]
fn a_script_that_has_called_is_never_run_again() {
    let body = "const n = Number(Cache.get('n') ?? 0) + 1; await fetch(env.GATE);
        Cache.set('n', n); return new Response(n)";
    for retry in ["", "retry = false", "retry = true"] {
        let gate = Gate::new();
        let site = race().with_toml("w.js", script(body), &calling(gate.port(), retry));
        let app = site.bundle().start(&[]);
        assert_eq!(
            lose_at(&gate, &app),
            (503, CALLED_ONCE),
            "{retry:?}: {}",
            app.log()
        );
        assert_refused(&app);
        assert_eq!(app.get("/w").assert_status(200).text(), "2", "{retry:?}");
    }
}

/// Reads, and writes when there is `go`; it says when it begins.
fn waiting(effect: &str) -> String {
    script(&format!(
        "const n = Number(Cache.get('n') ?? 0) + 1; {effect} console.log('it runs');
        while (await kv.get('go') === null) await new Promise((done) => setTimeout(done, 1));
        Cache.set('n', n); return new Response(n)"
    ))
}

/// What came of such a request that loses, and how often it was run.
#[track_caller]
fn check_waiting(effect: &str, toml: &str, want: (u16, usize)) {
    let site = race().with_toml("w.js", waiting(effect), toml);
    let app = site.bundle().start(&[]);
    let wait = || drop(app.log_line("it runs"));
    let answer = lose(&app, wait, || drop(app.get("/go")));
    let now = app.get("/now").text();
    // Behind all that was written before.
    app.log_line("it is told");
    let runs = app.log().matches("it runs").count();
    assert_eq!((answer.status, runs), want, "{toml}: {}", app.log());
    match want.0 {
        200 => assert_eq!((&*answer.text(), &*now), ("2", "2")),
        _ => {
            assert_discreet(&answer);
            assert_refused(&app);
        }
    }
}

#[test]
fn a_script_that_loses_is_run_again_unless_it_may_not() {
    let plain = namespace("n");
    let gate = Gate::new();
    let once = (503, 1);
    let twice = (200, 2);
    check_waiting("", &plain, twice);
    check_waiting("", &format!("{plain}retry = true\n"), twice);
    check_waiting("", &format!("{plain}retry = false\n"), once);
    // It could have called, as far as anybody can tell from outside.
    check_waiting("", &calling(gate.port(), ""), once);
    check_waiting("", &calling(gate.port(), "retry = true"), twice);
    check_waiting("", &calling(gate.port(), "retry = false"), once);
    // What it has done with `kv` is done.
    check_waiting("await kv.set('mark', '1');", &plain, once);
    check_waiting("await kv.get('mark');", &plain, twice);
    assert_eq!(gate.calls(), 0);
}

#[test]
fn a_request_that_always_loses_is_refused_in_the_end() {
    let port = Arc::<OnceLock<u16>>::default();
    let of_app = Arc::clone(&port);
    let calls = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&calls);
    // Whoever calls finds that somebody was faster, every time.
    let origin = Origin::start(move |_, stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        let faster = Connection::to(*of_app.wait()).request("GET", "/set", &[], b"");
        respond(stream, faster.status, &[], b"")
    });
    let program = giving(r#"{"data":"9","kv":{"n":"9"}}"#, Some(&origin.url("/")));
    let set = "return new Response(await kv.increment('other'))";
    let app = race()
        .storing("set", "n", set)
        .with_toml("w.wasm", program, &calling(origin.port(), "retry = true"))
        .bundle()
        .start(&[]);
    port.set(app.port()).unwrap();
    assert_discreet(app.get("/w").assert_status(503));
    assert_eq!(calls.load(Ordering::Relaxed), RUNS_MAX);
    assert!(app.log_line("worker_failed").contains("100 times"));
    assert_eq!(app.get("/now").text(), "", "nothing of it was kept");
    assert_eq!(app.get("/set").text(), (RUNS_MAX + 1).to_string());
}

#[test]
fn a_request_that_fails_changes_nothing_with_cache() {
    let body = "Cache.set('n', 7); throw new Error('after it')";
    let site = race().storing("w", "n", body);
    let app = site.bundle().start(&[]);
    app.get("/faster").assert_status(200);
    app.get("/w").assert_status(500);
    assert_eq!(app.get("/now").text(), "1");
}
