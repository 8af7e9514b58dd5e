//! An app that is replaced by another while clients ask: no request is lost.

use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::thread;

use super::{Ends, Load, connect_unix, site};
use crate::support::{Connection, RunningApp, wait_for};

/// How often an app is replaced.
const REPLACEMENTS: usize = 4;

/// How many requests are answered between two replacements.
const REQUESTS: usize = 200;

/// Replaces an app again and again under load.
#[track_caller]
fn check_nothing_is_lost(
    start: impl Fn() -> RunningApp,
    connect: impl Fn() -> std::io::Result<Connection> + Sync,
) {
    let load = Load::default();
    thread::scope(|scope| {
        let _ends = Ends(&load);
        let mut present = start();
        // New connections, long ones, and some in between.
        for requests_max in [1, 1, 1, 7, usize::MAX, usize::MAX] {
            let (load, connect) = (&load, &connect);
            scope.spawn(move || load.run(connect, requests_max));
        }
        for _ in 0..REPLACEMENTS {
            load.wait_for(REQUESTS);
            let next = start();
            present.signal("TERM");
            assert_eq!(present.wait(), Some(0), "{}", present.log());
            assert_eq!(present.log(), "");
            present = next;
        }
        load.wait_for(REQUESTS);
        load.end();
        // Those that are being answered.
        wait_for(|| (load.running.load(Ordering::Relaxed) == 0).then_some(()));
        present.signal("TERM");
        assert_eq!(present.wait(), Some(0), "{}", present.log());
    });
    assert_eq!(load.failed.into_inner(), 0);
    assert!(load.answered.into_inner() >= REQUESTS * (REPLACEMENTS + 1));
}

#[test]
fn a_port_is_left_to_the_next_app_under_load() {
    let app = site().bundle();
    let shared = |port: u16| {
        let port = port.to_string();
        RunningApp::start(app.plain_command(&["--port", &port, "--reuse-port"]))
    };
    let first = shared(0);
    let port = first.port();
    let first = Mutex::new(Some(first));
    let next = || first.lock().unwrap().take().unwrap_or_else(|| shared(port));
    check_nothing_is_lost(next, || Connection::open(port));
}

#[test]
fn the_younger_of_two_can_go_as_well() {
    let app = site().bundle();
    let shared = |port: u16| {
        let port = port.to_string();
        RunningApp::start(app.plain_command(&["--port", &port, "--reuse-port"]))
    };
    let older = shared(0);
    let port = older.port();
    // Whoever begins to listen last goes first; what it has steered to itself comes to the other.
    check_nothing_is_lost(|| shared(port), || Connection::open(port));
    older.get("/").assert_status(200);
}

#[test]
fn a_path_is_left_to_the_next_app_under_load() {
    let app = site().bundle();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listen = format!("--listen=unix:{}", path.display());
    check_nothing_is_lost(
        || RunningApp::start(app.plain_command(&[&listen, "--reuse-port"])),
        || connect_unix(&path),
    );
    assert!(!path.exists());
}

/// Whoever has no place left for connections still gets what the kernel has given it.
#[test]
fn an_app_with_all_connections_taken_can_be_replaced() {
    let endless = "export default { fetch() { return new Response(new ReadableStream({\
                   async pull(c) { c.enqueue(new Uint8Array(1));\
                   await new Promise(done => setTimeout(done, 50)) } })) } };";
    let app = site().file("endless.js", endless).bundle();
    let shared = |port: u16, more: &[&str]| {
        let port = port.to_string();
        let flags = [&["--port", &port, "--reuse-port"], more].concat();
        RunningApp::start(app.plain_command(&flags))
    };
    let full = shared(0, &["--max-connections", "2"]);
    let port = full.port();
    let taken: Vec<Connection> = (0..2)
        .map(|_| {
            let mut connection = Connection::open(port).unwrap();
            connection
                .send(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")
                .unwrap();
            connection.head().unwrap().assert_status(200);
            connection
        })
        .collect();
    let _next = shared(port, &[]);
    full.signal("TERM");
    for _ in 0..40 {
        let answer = Connection::open(port)
            .unwrap()
            .request("GET", "/", &[], b"");
        assert_eq!(answer.assert_status(200).text(), "<h1>Home</h1>");
    }
    drop(taken);
}

#[test]
fn only_who_shares_a_port_can_be_followed() {
    let app = site().bundle();
    for (first, second, want) in [
        (&[][..], &["--reuse-port"][..], false),
        (&["--reuse-port"], &[], false),
        (&["--reuse-port"], &["--reuse-port"], true),
    ] {
        let running = app.start(first);
        let port = running.port().to_string();
        let mut command = app.plain_command(&["--port", &port]);
        command.args(second);
        match RunningApp::try_start(command) {
            Ok(_) => assert!(want),
            Err(ended) => {
                assert!(!want, "{}", ended.log);
                assert!(ended.log.contains("--reuse-port"), "{}", ended.log);
            }
        }
    }
}

#[test]
fn metrics_of_both_are_behind_one_address_meanwhile() {
    let app = site().bundle();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin");
    let at_path = format!("unix:{}", path.display());
    let start = |admin: &str| app.start(&["--reuse-port", "--admin", admin]);
    let admin_line = |running: &RunningApp| running.log_line("admin address=");
    let first = start("127.0.0.1:0");
    let line = admin_line(&first);
    let port = line.rsplit(':').next().unwrap().parse().unwrap();
    let second = start(&format!("127.0.0.1:{port}"));
    assert_eq!(admin_line(&second), line);
    for gone in [first, second] {
        Connection::to(port)
            .request("GET", "/healthz", &[], b"")
            .assert_status(200);
        drop(gone);
    }
    let first = start(&at_path);
    let _second = start(&at_path);
    drop(first);
    let mut connection = connect_unix(&path).unwrap();
    connection
        .request("GET", "/healthz", &[], b"")
        .assert_status(200);
}
