//! Whether the app lives, and whether it is ready; and what the second listener refuses.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::{Admin, site};
use crate::support::{Connection, PATIENCE, RedisServer, RunningApp, TestSite, skipped, wait_for};

#[test]
fn a_started_app_lives_and_is_ready() {
    let admin = Admin::start(&site().bundle(), &[]);
    assert_eq!(admin.get("/healthz").assert_status(200).text(), "alive\n");
    wait_for(|| (admin.get("/readyz").status == 200).then_some(()));
    assert_eq!(admin.get("/readyz").text(), "ready\n");
}

#[test]
fn an_app_that_ends_is_not_ready_and_still_says_so() {
    let site = TestSite::with_index().worker("sleep", "sleep").bundle();
    let admin = Admin::start(&site, &["--worker-time", "60s"]);
    wait_for(|| (admin.get("/readyz").status == 200).then_some(()));
    let mut open = admin.app.connect();
    open.send(b"GET /sleep HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    wait_for(|| (admin.sample("wws_worker_calls") > 0.0).then_some(()));
    admin.app.signal("TERM");
    let answer = wait_for(|| Some(admin.get("/readyz")).filter(|answer| answer.status == 503));
    assert_eq!(answer.text(), "not ready: it ends\n");
    admin.get("/healthz").assert_status(200);
}

#[test]
fn an_app_whose_store_is_gone_is_not_ready() {
    let Some(mut redis) = RedisServer::start() else {
        return skipped("readiness without a store; it needs redis-server");
    };
    let toml = "name = \"hello\"\n[data.kv]\nnamespace = \"n\"\n";
    let site = TestSite::with_index()
        .worker("hello", "hello")
        .file("hello.toml", toml);
    let admin = Admin::start(&site.bundle(), &["--kv", &redis.location()]);
    wait_for(|| (admin.get("/readyz").status == 200).then_some(()));
    redis.kill();
    let answer = wait_for(|| Some(admin.get("/readyz")).filter(|answer| answer.status == 503));
    assert!(
        answer.text().contains("key-value store"),
        "{}",
        answer.text()
    );
    admin.get("/healthz").assert_status(200);
}

#[test]
fn what_is_not_there_or_not_allowed_is_refused() {
    let admin = Admin::start(&site().bundle(), &[]);
    for path in [
        "/",
        "/metrics/",
        "/panel",
        "/panel/",
        "/panel/data.json",
        "/..%2f",
    ] {
        admin.get(path).assert_status(404);
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = admin.request(method, "/metrics", &[]);
        assert_eq!(answer.assert_status(405).field("allow"), Some("GET, HEAD"));
    }
    let head = admin.request("HEAD", "/metrics", &[]);
    assert!(head.assert_status(200).body.is_empty());
    let mut garbage = Connection::to(admin.port);
    garbage.send(b"\x16\x03\x01 nonsense\r\n\r\n").unwrap();
    let answer = garbage.read_to_end().unwrap();
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"),
        "{answer:?}"
    );
    let huge = ("x-large", "x".repeat(40 << 10));
    let answer = admin.request("GET", "/metrics", &[(huge.0, &huge.1)]);
    assert!(matches!(answer.status, 400 | 431), "{}", answer.status);
    admin.get("/healthz").assert_status(200);
}

#[test]
fn it_can_be_a_socket_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let at = format!("unix:{}", path.display());
    let app = site().bundle().start(&["--admin", &at]);
    app.log_line(&format!("admin address={at}"));
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("alive\n"),
        "{answer}"
    );
}

#[test]
fn its_socket_goes_with_the_app() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let at = format!("unix:{}", path.display());
    let mut app = site().bundle().start(&["--admin", &at]);
    app.log_line(&format!("admin address={at}"));
    assert!(path.exists());
    app.signal("TERM");
    assert_eq!(app.wait(), Some(0), "{}", app.log());
    assert!(!path.exists());
}

#[test]
fn a_listener_that_cannot_be_is_an_error() {
    let app = site().bundle();
    let admin = Admin::start(&app, &[]);
    let taken = format!("127.0.0.1:{}", admin.port);
    let ended = RunningApp::try_start(app.command(&["--admin", &taken]))
        .err()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.log.contains(&format!("--admin {taken}: "))
            && ended.log.contains("choose another with --admin;"),
        "{}",
        ended.log
    );
    let ended = RunningApp::try_start(app.command(&["--enable-panel"]))
        .err()
        .unwrap();
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.log.contains("--admin"), "{}", ended.log);
}
