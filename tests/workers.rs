//! Workers from outside: what they get, what becomes of their answers, what they may not do, and
//! which folders of workers are refused.

use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Connection, PATIENCE, RunningApp, TestSite, guest, repository, wws};

// ---- helpers ------------------------------------------------------------------------------------

/// A worker that writes `output`, whatever it is asked.
fn writes(output: &str) -> Vec<u8> {
    let data: String = output.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let length = output.len();
    let pages = (16 + length).div_ceil(1 << 16);
    let wat = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write"
                (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") {pages})
            (data (i32.const 0) "\10\00\00\00")
            (data (i32.const 16) "{data}")
            (func (export "_start")
                (i32.store (i32.const 4) (i32.const {length}))
                (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
    );
    wat::parse_str(wat).unwrap()
}

/// A worker that answers with `text`.
fn says(text: &str) -> Vec<u8> {
    writes(&json!({ "data": text }).to_string())
}

/// A worker of the example in Rust.
fn rust_worker(name: &str) -> Vec<u8> {
    fs::read(repository(&format!("examples/rust-worker/api/{name}.wasm"))).unwrap()
}

/// The JSON that the example `echo` got.
#[track_caller]
fn echoed(answer: &Answer) -> Value {
    answer.assert_status(200);
    serde_json::from_slice(&answer.body).unwrap()
}

/// Looks again and again until there is something.
#[track_caller]
fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "what is waited for never came");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Has `loop_on_query` loop at a path; returns as soon as it does, for as long as the connection
/// lives.
#[track_caller]
fn begin_loop(app: &RunningApp, path: &str) -> Connection {
    let loops = || app.log().matches("line=looping").count();
    let before = loops();
    let mut connection = app.connect();
    let head = format!("GET {path}?loop HTTP/1.1\r\nhost: localhost\r\n\r\n");
    connection.send(head.as_bytes()).unwrap();
    wait_for(|| (loops() > before).then_some(()));
    connection
}

// ---- answers ------------------------------------------------------------------------------------

#[test]
fn a_core_module_and_a_component_answer() {
    let site = TestSite::with_index()
        .worker("api/hello", "hello")
        .worker("api/component", "component_hello");
    site.both_ways(|app| {
        for (path, text) in [
            ("/api/hello", "hello from wat"),
            ("/api/component", "hello from a component"),
        ] {
            let answer = app.get(path);
            assert_eq!(answer.assert_status(200).text(), text);
            assert_eq!(answer.field("content-type"), Some("text/plain"));
            assert_eq!(
                answer.field("content-length"),
                Some(text.len().to_string().as_str())
            );
            assert!(answer.field("date").is_some());
        }
    });
}

#[test]
fn every_request_gets_a_fresh_instance() {
    let app = TestSite::new()
        .worker("count", "global_counter")
        .bundle()
        .start(&[]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut connection = app.connect();
                for _ in 0..25 {
                    let answer = connection.request("GET", "/count", &[], b"");
                    assert_eq!(answer.assert_status(200).text(), "1");
                }
            });
        }
    });
    assert_eq!(app.log(), "");
}

#[test]
fn more_requests_than_places_are_all_answered_in_turn() {
    let site = TestSite::new()
        .worker("core", "hello")
        .worker("component", "component_hello");
    let app = site.bundle().start(&["--worker-concurrency", "1"]);
    thread::scope(|scope| {
        for path in ["/core", "/component"].repeat(8) {
            let app = &app;
            scope.spawn(move || {
                let mut connection = app.connect();
                for _ in 0..25 {
                    let answer = connection.request("GET", path, &[], b"");
                    assert_eq!(answer.status, 200, "{}", app.log());
                }
            });
        }
    });
    assert_eq!(app.log(), "");
}

#[test]
fn a_worker_answers_below_the_prefix_and_only_there() {
    let site = TestSite::new()
        .file("echo.wasm", rust_worker("echo"))
        .worker("index", "hello");
    let app = site.bundle_with(&["--prefix", "/shop"]).start(&[]);
    assert_eq!(echoed(&app.get("/shop/echo?a"))["url"], "/shop/echo?a");
    assert_eq!(app.get("/shop/").text(), "hello from wat");
    app.get("/echo").assert_status(404);
    app.get("/shopecho").assert_status(404);
    let answer = app.get("/shop/echo/?a");
    assert_eq!(
        answer.assert_status(307).field("location"),
        Some("/shop/echo?a")
    );
}

#[test]
fn a_worker_and_its_configuration_are_no_files_to_fetch() {
    let site = TestSite::with_index()
        .worker("api/hello", "hello")
        .file("api/hello.toml", "vars.SECRET = \"1\"")
        .file("wws.toml", "");
    site.both_ways(|app| {
        for path in ["/api/hello.wasm", "/api/hello.toml", "/wws.toml"] {
            app.get(path).assert_status(404);
        }
    });
}

// ---- what a worker reads ------------------------------------------------------------------------

#[test]
fn a_worker_reads_the_request_as_it_was_sent() {
    #[track_caller]
    fn check(
        app: &RunningApp,
        request: (&str, &str, &[(&str, &str)], &[u8]),
        want: &[(&str, Value)],
    ) {
        let (method, path, fields, body) = request;
        let got = echoed(&app.request(method, path, fields, body));
        for (pointer, want) in want {
            assert_eq!(
                got.pointer(pointer).unwrap_or(&Value::Null),
                want,
                "{pointer} of {got}"
            );
        }
        assert_eq!(got["kv"], json!({}));
    }
    let site = TestSite::with_index().file("api/echo.wasm", rust_worker("echo"));
    site.both_ways(|app| {
        let at = "/api/echo";
        check(
            app,
            ("GET", at, &[], b""),
            &[
                ("/method", json!("GET")),
                ("/url", json!(at)),
                ("/body", json!("")),
                ("/base64", Value::Null),
                ("/headers/host", json!("localhost")),
                ("/params", json!({})),
            ],
        );
        let url = "/api/echo?x=1&x=2&y=%20+%C3%A4&z&=&?/..;'";
        check(app, ("GET", url, &[], b""), &[("/url", json!(url))]);
        check(
            app,
            ("GET", "/api//%65cho?", &[], b""),
            &[("/url", json!("/api//%65cho?"))],
        );
        let fields = [
            ("X-A", "1"),
            ("X_b-C", "once"),
            ("x-a", "2"),
            ("X-a", "3, 4"),
            ("x-e", ""),
        ];
        check(
            app,
            ("GET", at, &fields, b""),
            &[
                ("/headers/x-a", json!(["1", "2", "3, 4"])),
                ("/headers/x_b-c", json!("once")),
                ("/headers/x-e", json!("")),
            ],
        );
        check(
            app,
            ("GET", at, &[("x-a", "ä")], b""),
            &[("/headers/x-a", json!("ä"))],
        );
        let text = "größer \"\\ \u{1f600}\n\0";
        check(
            app,
            ("POST", at, &[], text.as_bytes()),
            &[
                ("/method", json!("POST")),
                ("/body", json!(text)),
                ("/base64", Value::Null),
                ("/headers/content-length", json!(text.len().to_string())),
            ],
        );
        check(
            app,
            ("PUT", at, &[], b"\xff\0\xfe"),
            &[("/body", json!("/wD+")), ("/base64", json!(true))],
        );
        let chunks = b"3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\n\r\n";
        check(
            app,
            ("POST", at, &[("transfer-encoding", "chunked")], chunks),
            &[("/body", json!("abcdefg"))],
        );
    });
}

#[test]
fn any_method_reaches_a_worker() {
    let site = TestSite::with_index().file("api/echo.wasm", rust_worker("echo"));
    site.both_ways(|app| {
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "x-own",
        ] {
            let got = echoed(&app.request(method, "/api/echo", &[], b"body"));
            assert_eq!(
                (&got["method"], &got["body"]),
                (&json!(method), &json!("body"))
            );
        }
        // What it answered to this is not sent, but it is asked, and told how.
        app.request("HEAD", "/api/echo", &[], b"")
            .assert_status(200);
        app.log_line("HEAD");
    });
}

#[test]
fn head_gives_the_fields_of_a_worker_and_no_body() {
    let app = TestSite::new().worker("hello", "hello").bundle().start(&[]);
    let mut connection = app.connect();
    let head = connection.request("HEAD", "/hello", &[], b"");
    assert_eq!(head.assert_status(200).field("content-length"), Some("14"));
    assert_eq!(head.field("content-type"), Some("text/plain"));
    // A body would be read as the beginning of this answer.
    let get = connection.request("GET", "/hello", &[], b"");
    assert_eq!(get.assert_status(200).text(), "hello from wat");
}

#[test]
fn parts_in_brackets_come_as_decoded_parameters() {
    #[track_caller]
    fn check(app: &RunningApp, path: &str, want: &Value) {
        assert_eq!(&echoed(&app.get(path))["params"], want, "{path}");
    }
    let echo = rust_worker("echo");
    let site = TestSite::new()
        .file("users/[id].wasm", &echo)
        .file("users/[id]/posts/[post].wasm", &echo)
        .file("files/[...rest].wasm", &echo)
        .file("shops/[shop]/index.wasm", &echo);
    site.both_ways(|app| {
        check(app, "/users/7", &json!({ "id": "7" }));
        check(app, "/users/a%20b?id=8", &json!({ "id": "a b" }));
        check(app, "/users/%C3%A4+%25%22", &json!({ "id": "ä+%\"" }));
        check(app, "/users/%5Bid%5D", &json!({ "id": "[id]" }));
        check(app, "/users/7/posts/x", &json!({ "id": "7", "post": "x" }));
        check(app, "/files", &json!({ "rest": "" }));
        check(app, "/files/", &json!({ "rest": "" }));
        check(app, "/files/a", &json!({ "rest": "a" }));
        check(
            app,
            "/files/a/b%20c/d.txt",
            &json!({ "rest": "a/b c/d.txt" }),
        );
        check(app, "/shops/bakery", &json!({ "shop": "bakery" }));
        app.get("/users/7/posts").assert_status(404);
        app.get("/").assert_status(404);
        // An encoded slash never makes a part.
        app.get("/users/a%2fb").assert_status(400);
    });
}

#[test]
fn vars_are_all_of_the_environment_of_a_worker() {
    let toml = r#"
        [vars]
        GREETING = "Good day, = ä"
        TOKEN = "$WWS_TEST_TOKEN"
        NEEDED = "$WWS_TEST_NEEDED!"
        MISSING = "$WWS_TEST_MISSING"
        EMPTY = ""
    "#;
    let site = TestSite::new()
        .worker("env", "environment")
        .file("env.toml", toml);
    #[track_caller]
    fn check(mut command: std::process::Command) {
        command
            .env("WWS_TEST_TOKEN", "t0k$EN")
            .env("WWS_TEST_NEEDED", "")
            .env("NOT_NAMED", "x");
        let app = RunningApp::start(command);
        let want = "EMPTY=;GREETING=Good day, = ä;MISSING=;NEEDED=;TOKEN=t0k$EN;";
        assert_eq!(app.get("/env").assert_status(200).text(), want);
        let line = app.log_line("missing_variable");
        assert!(
            line.contains("WWS_TEST_MISSING") && line.contains("env.wasm"),
            "{line}"
        );
        assert!(
            !app.log().contains("t0k$EN"),
            "a value is in the log: {}",
            app.log()
        );
    }
    let app = site.bundle();
    check(app.command(&[]));
    let mut folder = wws();
    folder.arg(site.path()).args(["--port", "0"]);
    check(folder);
    // What the environment was when the app was bundled is not in it.
    let bytes = fs::read(app.path()).unwrap();
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(!has(b"t0k$EN"));
}

#[test]
fn a_required_variable_that_is_missing_stops_the_start() {
    let site = TestSite::new()
        .worker("env", "environment")
        .file("env.toml", "vars.NEEDED = \"$WWS_TEST_NOWHERE!\"");
    let app = site.bundle();
    let mut folder = wws();
    folder.arg(site.path()).args(["--port", "0"]);
    for mut command in [app.command(&[]), folder] {
        let output = command.env_remove("WWS_TEST_NOWHERE").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains("WWS_TEST_NOWHERE") && stderr.contains("env.wasm"),
            "{stderr}"
        );
        assert!(!String::from_utf8_lossy(&output.stdout).contains("Listening"));
    }
}

#[test]
fn each_line_on_stderr_is_a_line_of_the_log_with_the_route() {
    let forging = "a\tb \"c\" \x1b[2K\rworker_failed route=/other";
    let site = TestSite::new()
        .worker("api/talk/[id]", "stderr_lines")
        .file("forge.wasm", {
            // Descriptor 2 in place of 1.
            let wat = format!(
                r#"(module
                    (import "wasi_snapshot_preview1" "fd_write"
                        (func $fd_write (param i32 i32 i32 i32) (result i32)))
                    (memory (export "memory") 1)
                    (data (i32.const 0) "\10\00\00\00{:}\00\00\00")
                    (data (i32.const 16) "{}")
                    (func (export "_start")
                        (drop (call $fd_write
                            (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
                format_args!("\\{:02x}", forging.len()),
                forging
                    .bytes()
                    .map(|byte| format!("\\{byte:02x}"))
                    .collect::<String>(),
            );
            wat::parse_str(wat).unwrap()
        });
    let app = site.bundle().start(&[]);
    app.get("/api/talk/7").assert_status(200);
    app.log_line("three");
    let want = [
        "worker_log route=/api/talk/[id] line=one",
        "worker_log route=/api/talk/[id] line=two",
        "worker_log route=/api/talk/[id] line=\"three without newline\"",
    ];
    assert_eq!(app.log().lines().collect::<Vec<_>>(), want);

    app.get("/forge").assert_status(502);
    let line = app.log_line("forge");
    assert!(
        line.starts_with("worker_log route=/forge line=\"a\\tb \\\"c\\\""),
        "{line}"
    );
    assert!(!app.log().contains(['\x1b', '\r', '\t']), "{:?}", app.log());
}

// ---- what becomes of an answer ------------------------------------------------------------------

#[test]
fn two_cookies_stay_two() {
    let site = TestSite::with_index()
        .worker("cookies", "two_cookies")
        .file("echo.wasm", rust_worker("echo"));
    site.both_ways(|app| {
        let answer = app.get("/cookies");
        let cookies: Vec<&str> = answer.all("set-cookie").collect();
        assert_eq!(cookies, ["a=1; Path=/", "b=2; Path=/"]);
        assert_eq!(app.get("/echo").all("set-cookie").count(), 2);
    });
}

#[test]
fn any_bytes_come_back_as_they_were_sent() {
    let site = TestSite::with_index().file("api/binary.wasm", rust_worker("binary"));
    let all: Vec<u8> = (0..=255).collect();
    let mebibyte: Vec<u8> = all.iter().rev().copied().cycle().take(1 << 20).collect();
    site.both_ways(|app| {
        for body in [
            &all[..],
            &mebibyte,
            b"only text",
            b"\xef\xbb\xbf\0",
            b"\xed\xa0\x80",
        ] {
            let fields = [("content-type", "image/x-test")];
            let answer = app.request("POST", "/api/binary", &fields, body);
            assert!(
                answer.assert_status(200).body == body,
                "{} bytes differ",
                body.len()
            );
            assert_eq!(answer.field("content-type"), Some("image/x-test"));
            assert_eq!(
                answer.field("content-length"),
                Some(body.len().to_string().as_str())
            );
        }
    });
}

#[test]
fn a_workers_status_fields_and_body_go_out_as_they_are() {
    #[track_caller]
    fn check(output: &Value, status: u16, fields: &[(&str, Option<&str>)], body: &str) {
        let site = TestSite::new().file("w.wasm", writes(&output.to_string()));
        let app = site.bundle().start(&[]);
        let mut connection = app.connect();
        // Twice on one connection: its framing holds.
        for _ in 0..2 {
            let answer = connection.request("GET", "/w", &[], b"");
            assert_eq!(answer.assert_status(status).text(), body);
            for (name, value) in fields {
                assert_eq!(answer.field(name), *value, "{name}: {answer:?}");
            }
        }
        assert_eq!(app.log(), "");
    }
    let html = Some("text/html; charset=utf-8");
    check(
        &json!({"data": "hé"}),
        200,
        &[("content-type", html), ("content-length", Some("3"))],
        "hé",
    );
    check(
        &json!({"data": "", "status": 404}),
        404,
        &[("content-length", Some("0"))],
        "",
    );
    check(
        &json!({"data": "own page", "status": 500}),
        500,
        &[],
        "own page",
    );
    check(&json!({"data": "", "status": 599}), 599, &[], "");
    check(
        &json!({"data": "", "status": 302, "headers": {"Location": "/there", "X_Own-Name": "a  b"}}),
        302,
        &[("location", Some("/there")), ("x_own-name", Some("a  b"))],
        "",
    );
    let no_content = json!({"data": "ignored", "status": 204});
    check(
        &no_content,
        204,
        &[("content-length", None), ("transfer-encoding", None)],
        "",
    );
    check(
        &json!({"data": "ignored", "status": 304, "headers": {"etag": "\"1\""}}),
        304,
        &[],
        "",
    );
    check(&json!({"data": "AP+A", "base64": false}), 200, &[], "AP+A");
    check(
        &json!({"data": "aGk=", "base64": true}),
        200,
        &[("content-length", Some("2"))],
        "hi",
    );
    // What belongs to the connection is not a worker's to say.
    let framing = json!({
        "data": "ten bytes!",
        "headers": {
            "content-length": "5", "transfer-encoding": "chunked", "connection": "close, x-a",
            "keep-alive": "timeout=1", "upgrade": "h2c", "trailer": "x-b", "x-a": "1",
        },
    });
    let gone = [
        "transfer-encoding",
        "connection",
        "keep-alive",
        "upgrade",
        "trailer",
    ];
    let gone = gone.map(|name| (name, None));
    check(
        &framing,
        200,
        &[&gone[..], &[("content-length", Some("10"))]].concat(),
        "ten bytes!",
    );
}

// ---- routes -------------------------------------------------------------------------------------

#[test]
fn the_most_specific_of_what_answers_a_path_does() {
    #[track_caller]
    fn check(app: &RunningApp, path: &str, want: &str) {
        assert_eq!(app.get(path).assert_status(200).text(), want, "{path}");
    }
    let site = TestSite::with_index()
        .file("a/x", "asset a/x")
        .file("a/x.wasm", says("exact a/x"))
        .file("a/y", "asset a/y")
        .file("a/page.html", "asset page")
        .file("a/[id].wasm", says("[id]"))
        .file("a/[id]/edit.wasm", says("[id]/edit"))
        .file("a/[...rest].wasm", says("[...rest]"))
        .file("[...all].wasm", says("[...all]"));
    site.both_ways(|app| {
        check(app, "/", "<h1>Home</h1>");
        check(app, "/a/x", "exact a/x");
        check(app, "/a/y", "asset a/y");
        check(app, "/a/page", "asset page");
        check(app, "/a/z", "[id]");
        check(app, "/a/x/edit", "[id]/edit");
        check(app, "/a/x/other", "[...rest]");
        check(app, "/a", "[...rest]");
        check(app, "/b", "[...all]");
        check(app, "/b/c/d", "[...all]");
    });
}

#[test]
fn an_index_worker_answers_for_its_folder() {
    let site = TestSite::new()
        .file("index.wasm", says("root"))
        .file("a/index.wasm", says("a"))
        .file("public/style.css", "p {}");
    site.both_ways(|app| {
        assert_eq!(app.get("/").assert_status(200).text(), "root");
        assert_eq!(app.get("/a").assert_status(200).text(), "a");
        assert_eq!(app.get("/style.css").assert_status(200).text(), "p {}");
        app.get("/index").assert_status(404);
        app.get("/public/style.css").assert_status(404);
    });
}

#[test]
fn a_slash_too_many_leads_to_the_worker_with_method_and_query() {
    #[track_caller]
    fn check(app: &RunningApp, path: &str, want: &str) {
        let answer = app.request("POST", path, &[], b"kept");
        assert_eq!(answer.assert_status(307).field("location"), Some(want));
        let got = echoed(&app.request("POST", want, &[], b"kept"));
        assert_eq!(
            (&got["method"], &got["body"]),
            (&json!("POST"), &json!("kept"))
        );
    }
    let echo = rust_worker("echo");
    let site = TestSite::with_index()
        .file("api/echo.wasm", &echo)
        .file("u/[id].wasm", &echo);
    site.both_ways(|app| {
        check(app, "/api/echo/", "/api/echo");
        check(app, "/api/echo/?a=1&b=%20", "/api/echo?a=1&b=%20");
        check(app, "/u/a%20%C3%A4/", "/u/a%20%C3%A4");
        check(app, "//u//x/", "/u/x");
    });
}

// ---- limits -------------------------------------------------------------------------------------

/// Words that would tell a client about the inside.
const INSIDE: [&str; 12] = [
    "wasm",
    "wasi",
    "worker",
    "limit",
    "memory",
    "trap",
    "unreachable",
    "exit",
    "stack",
    "json",
    "/w/",
    "header",
];

/// A page that says nothing about the inside.
#[track_caller]
fn assert_discreet(answer: &Answer) {
    let text = answer.text().to_lowercase();
    let told: Vec<&&str> = INSIDE.iter().filter(|word| text.contains(**word)).collect();
    assert!(
        told.is_empty() && text.contains(&answer.status.to_string()),
        "{told:?} in {text}"
    );
    assert_eq!(
        answer.field("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(answer.field("cache-control"), Some("no-store"));
}

#[test]
fn a_worker_that_fails_is_answered_for_and_its_failure_logged() {
    #[track_caller]
    fn check(of_guest: &str, flags: &[&str], status: u16, logged: &[&str]) {
        let site = TestSite::new()
            .worker("w/x", of_guest)
            .worker("hello", "hello");
        let app = site.bundle().start(flags);
        for _ in 0..2 {
            let answer = app.get("/w/x");
            assert_discreet(answer.assert_status(status));
            assert_eq!(answer.field("set-cookie"), None);
            assert_eq!(
                app.get("/hello").assert_status(200).text(),
                "hello from wat"
            );
        }
        app.log_line("worker_failed");
        let lines = || Some(app.log()).filter(|log| log.lines().count() >= 2);
        for line in wait_for(lines).lines() {
            let begin = format!("worker_failed route=/w/x worker=w/x.wasm status={status} reason=");
            assert!(line.starts_with(&begin), "{line}");
            assert!(
                logged.iter().all(|part| line.contains(part)),
                "{logged:?} in {line}"
            );
        }
    }
    check(
        "loop_forever",
        &["--worker-time", "200ms"],
        504,
        &["`time`", "200ms"],
    );
    check(
        "sleep",
        &["--worker-time", "200ms"],
        504,
        &["`time`", "200ms"],
    );
    check(
        "loop_in_start",
        &["--worker-time", "200ms"],
        504,
        &["`time`", "200ms"],
    );
    check(
        "component_loop",
        &["--worker-time", "200ms"],
        504,
        &["`time`", "200ms"],
    );
    check("grow_memory", &[], 500, &["`memory`", "128MiB"]);
    check(
        "grow_memory",
        &["--worker-memory", "1MiB"],
        500,
        &["`memory`", "1MiB"],
    );
    check("start_large", &[], 500, &["`memory`", "128MiB", "200MiB"]);
    check("huge_response", &[], 502, &["`response_body`", "16MiB"]);
    check("not_json", &[], 502, &["JSON"]);
    check("nothing", &[], 502, &["wrote nothing"]);
    check("bad_status", &[], 502, &["status 99"]);
    check("bad_header", &[], 502, &["x-note"]);
    check("trap", &[], 500, &["trapped", "unreachable"]);
    check("exit_3", &[], 500, &["exit code 3"]);
    check("component_fails", &[], 500, &["exit code 1"]);
    check("deep_recursion", &[], 500, &["stack"]);
}

#[test]
fn output_of_any_shape_is_answered_for() {
    #[track_caller]
    fn check(output: &str, status: u16) {
        let site = TestSite::new()
            .file("w/x.wasm", writes(output))
            .worker("hello", "hello");
        let app = site.bundle().start(&[]);
        let answer = app.get("/w/x");
        assert_discreet(answer.assert_status(status));
        assert!(
            app.log_line("worker_failed")
                .contains("worker=w/x.wasm status=502")
        );
        app.get("/hello").assert_status(200);
    }
    check("null", 502);
    check("{}", 502);
    check(r#"{"data":null}"#, 502);
    check(r#"{"data":["a"]}"#, 502);
    check(r#"{"data":"a","status":"200"}"#, 502);
    check(r#"{"data":"a","status":100}"#, 502);
    check(r#"{"data":"a","status":600}"#, 502);
    check(r#"{"data":"a"} and more"#, 502);
    check(r#"{"data":"a","base64":true}"#, 502);
    check(r#"{"data":"a","headers":{"":"b"}}"#, 502);
    check(r#"{"data":"a","headers":{"a b":"b"}}"#, 502);
    check(r#"{"data":"a","headers":{"a":{"b":"c"}}}"#, 502);
    check(&format!("{}1", r#"{"data":"#.repeat(20_000)), 502);
}

#[test]
fn more_fields_than_an_answer_can_have_are_refused() {
    #[track_caller]
    fn check(headers: &str) {
        let output = format!(r#"{{"data":"a","headers":{headers}}}"#);
        let site = TestSite::new()
            .file("w.wasm", writes(&output))
            .file("index.html", "home");
        let app = site.bundle().start(&[]);
        let mut connection = app.connect();
        connection
            .send(b"GET /w HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let answer = connection
            .answer("GET")
            .unwrap_or_else(|e| panic!("{e}: {}", app.log()));
        assert_discreet(answer.assert_status(502));
        assert!(
            app.log_line("worker_failed")
                .contains("worker=w.wasm status=502")
        );
        assert_eq!(app.get("/").text(), "home");
    }
    let names: String = (0..40_000).map(|i| format!(r#""x-{i}":"","#)).collect();
    check(&format!(r#"{{{names}"x":""}}"#));
    let values = r#""","#.repeat(40_000);
    check(&format!(r#"{{"x":[{values}""]}}"#));
}

#[test]
fn the_last_words_of_a_worker_that_is_stopped_are_logged() {
    let site = TestSite::new().worker("w", "last_words");
    let app = site.bundle().start(&["--worker-time", "200ms"]);
    app.get("/w").assert_status(504);
    app.log_line("worker_failed");
    assert!(
        app.log()
            .contains("worker_log route=/w line=\"last words\""),
        "{}",
        app.log()
    );
}

#[test]
fn an_endless_log_is_cut() {
    let site = TestSite::new().worker("w", "log_forever");
    let app = site.bundle().start(&["--worker-time", "500ms"]);
    app.get("/w").assert_status(504);
    app.log_line("worker_failed");
    let log = app.log();
    assert!(log.contains("the rest of its log is dropped"));
    // 256 KiB of a guest, and what stands around each line.
    assert!(log.len() < 4 << 20, "{} bytes", log.len());
}

#[test]
fn limits_beyond_the_address_space_are_kept_all_the_same() {
    let site = TestSite::new()
        .worker("hello", "hello")
        .worker("grow", "grow_memory");
    let flags = ["--worker-concurrency", "10000", "--worker-memory", "4GiB"];
    let app = site.bundle().start(&flags);
    app.get("/hello").assert_status(200);
}

#[test]
fn a_limit_can_be_raised() {
    let site = TestSite::new().worker("large", "start_large");
    let app = site.bundle().start(&["--worker-memory", "256MiB"]);
    assert_eq!(app.get("/large").assert_status(200).text(), "200 MiB");
}

#[test]
fn a_body_may_be_as_long_as_its_limit_and_no_longer() {
    let site = TestSite::new().file("binary.wasm", rust_worker("binary"));
    let app = site.bundle();
    let body = |length: usize| vec![b'x'; length];

    let running = app.start(&["--worker-request-body", "1KiB"]);
    let post =
        |fields: &[(&str, &str)], body: &[u8]| running.request("POST", "/binary", fields, body);
    assert_eq!(post(&[], &body(1024)).assert_status(200).body, body(1024));
    assert_discreet(post(&[], &body(1025)).assert_status(413));
    let line = running.log_line("worker_failed");
    assert!(
        line.contains("`request_body`") && line.contains("1KiB"),
        "{line}"
    );
    assert!(line.contains("worker=binary.wasm status=413"), "{line}");
    let chunks = |length: usize| {
        let data = String::from_utf8(body(length)).unwrap();
        format!(
            "200\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            &data[..512],
            length - 512,
            &data[512..]
        )
    };
    let chunked = [("transfer-encoding", "chunked")];
    assert_eq!(
        post(&chunked, chunks(1024).as_bytes())
            .assert_status(200)
            .body,
        body(1024)
    );
    assert_discreet(post(&chunked, chunks(1025).as_bytes()).assert_status(413));
    // The length that is announced is enough: nobody has to send it first.
    let mut connection = running.connect();
    let head =
        "POST /binary HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5000\r\n\r\n";
    connection.send(head.as_bytes()).unwrap();
    connection.answer("POST").unwrap().assert_status(413);

    let running = app.start(&["--worker-response-body", "1KiB"]);
    let post = |length| running.request("POST", "/binary", &[], &body(length));
    assert_eq!(post(1024).assert_status(200).body, body(1024));
    assert_discreet(post(1025).assert_status(502));
    let line = running.log_line("worker_failed");
    assert!(
        line.contains("`response_body`") && line.contains("1KiB"),
        "{line}"
    );
}

#[test]
fn a_client_reads_413_even_while_it_sends_a_long_body() {
    let site = TestSite::new().file("binary.wasm", rust_worker("binary"));
    let app = site.bundle().start(&["--worker-request-body", "1KiB"]);
    let body = vec![b'x'; 4 << 20];
    for _ in 0..10 {
        app.request("POST", "/binary", &[], &body)
            .assert_status(413);
    }
}

#[test]
fn a_flag_beats_the_workers_limits_which_beat_those_of_the_site() {
    #[track_caller]
    fn check(of_site: &str, of_worker: &str, flags: &[&str], want: &str) {
        let table = |limit: &str| format!("[limits]\n{limit}\n");
        let site = TestSite::new()
            .worker("w", "hello")
            .file("w.toml", table(of_worker))
            .file("wws.toml", table(of_site));
        let app = site.bundle().start(flags);
        app.request("POST", "/w", &[], &[b'x'; 100])
            .assert_status(413);
        let line = app.log_line("worker_failed");
        assert!(
            line.contains(&format!("`request_body` of {want}\"")),
            "{line}"
        );
    }
    let flag = ["--worker-request-body", "30B"];
    check("request_body = \"10B\"", "", &[], "10B");
    check("request_body = \"10B\"", "time = \"1s\"", &[], "10B");
    check(
        "request_body = \"10B\"",
        "request_body = \"20B\"",
        &[],
        "20B",
    );
    check(
        "request_body = \"10B\"",
        "request_body = \"20B\"",
        &flag,
        "30B",
    );
    check("", "request_body = \"20B\"", &flag, "30B");
    check("request_body = \"10B\"", "", &flag, "30B");
    check(
        "time = \"1s\"",
        "",
        &["--worker-time", "2s", flag[0], flag[1]],
        "30B",
    );
}

#[test]
fn a_limit_holds_for_the_worker_that_has_it_and_no_other() {
    let site = TestSite::new()
        .worker("short", "sleep")
        .file("short.toml", "limits.time = \"100ms\"")
        .worker("large", "start_large")
        .file("large.toml", "limits.memory = \"300MiB\"")
        .file("small.wasm", guest("start_large"));
    let app = site.bundle().start(&[]);
    app.get("/short").assert_status(504);
    app.get("/large").assert_status(200);
    app.get("/small").assert_status(500);
}

#[test]
fn more_requests_than_may_run_are_told_to_come_back() {
    let site = TestSite::new()
        .worker("w", "loop_on_query")
        .file(
            "w.toml",
            "[limits]\nconcurrency = 1\nqueue = 0\ntime = \"10m\"",
        )
        .worker("hello", "hello");
    let app = site.bundle().start(&[]);
    let loops = begin_loop(&app, "/w");
    let answer = app.get("/w");
    assert_discreet(answer.assert_status(503));
    let seconds: u32 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!(seconds >= 1);
    let line = app.log_line("worker_failed");
    for part in [
        "route=/w worker=w.wasm status=503",
        "1 requests run",
        "`concurrency`",
        "`queue`",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    // The places of one worker are not those of another.
    app.get("/hello").assert_status(200);
    drop(loops);
}

#[test]
fn a_request_in_the_queue_is_answered_when_a_place_is_free() {
    let site = TestSite::new().worker("w", "loop_on_query");
    let flags = [
        "--worker-concurrency",
        "1",
        "--worker-queue",
        "1",
        "--worker-time",
        "10m",
    ];
    let app = site.bundle().start(&flags);
    let loops = begin_loop(&app, "/w");
    thread::scope(|scope| {
        let (sender, answers) = mpsc::channel();
        for _ in 0..2 {
            let (sender, app) = (sender.clone(), &app);
            scope.spawn(move || sender.send(app.get("/w")));
        }
        // One of them waits; the other one finds the queue full, whichever came first.
        answers.recv_timeout(PATIENCE).unwrap().assert_status(503);
        assert!(answers.try_recv().is_err());
        drop(loops);
        let answer = answers.recv_timeout(PATIENCE).unwrap();
        assert_eq!(answer.status, 200, "{}", app.log());
        assert_eq!(answer.text(), "no query");
    });
}

#[test]
fn a_request_that_waits_longer_than_its_time_is_told_to_come_back() {
    let site = TestSite::new().worker("w", "loop_on_query");
    let flags = [
        "--worker-concurrency",
        "1",
        "--worker-queue",
        "8",
        "--worker-time",
        "2s",
    ];
    let app = site.bundle().start(&flags);
    // Each takes the whole time that the others may wait.
    let mut loops: Vec<Connection> = (0..6).map(|_| app.connect()).collect();
    for connection in &mut loops {
        connection
            .send(b"GET /w?loop HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .unwrap();
    }
    let mut statuses: Vec<u16> = loops
        .iter_mut()
        .map(|connection| connection.answer("GET").unwrap().status)
        .collect();
    statuses.sort();
    statuses.dedup();
    assert_eq!(statuses, [503, 504]);
}

#[test]
fn endless_loops_do_not_slow_down_anything_else() {
    let site = TestSite::with_index()
        .file("style.css", "p {}")
        .worker("w", "loop_on_query")
        .worker("hello", "hello");
    let flags = ["--worker-concurrency", "8", "--worker-time", "10m"];
    let app = site.bundle().start(&flags);
    let loops: Vec<Connection> = (0..8).map(|_| begin_loop(&app, "/w")).collect();
    let mut connection = app.connect();
    for _ in 0..200 {
        let answer = connection.request("GET", "/style.css", &[], b"");
        assert_eq!(answer.assert_status(200).text(), "p {}");
    }
    for _ in 0..50 {
        connection
            .request("GET", "/hello", &[], b"")
            .assert_status(200);
    }
    // All of that was while the loops ran, and none of it because one of them ended.
    assert!(!app.log().contains("worker_failed"), "{}", app.log());
    drop(loops);
}

#[test]
fn a_client_that_goes_away_leaves_its_place_to_others() {
    let site = TestSite::new().worker("w", "loop_on_query");
    let flags = [
        "--worker-concurrency",
        "1",
        "--worker-queue",
        "0",
        "--worker-time",
        "10m",
    ];
    let app = site.bundle().start(&flags);
    for _ in 0..20 {
        drop(begin_loop(&app, "/w"));
        let answer = wait_for(|| Some(app.get("/w")).filter(|answer| answer.status != 503));
        assert_eq!(answer.status, 200, "{}", app.log());
    }
}

#[test]
fn a_body_that_stands_still_is_given_up() {
    let site = TestSite::new().worker("w", "hello");
    let app = site.bundle().start(&["--body-timeout", "200ms"]);
    let mut connection = app.connect();
    let head = "POST /w HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n12345";
    connection.send(head.as_bytes()).unwrap();
    assert_discreet(connection.answer("POST").unwrap().assert_status(408));
    let line = app.log_line("worker_failed");
    assert!(
        line.contains("worker=w.wasm status=408") && line.contains("200ms"),
        "{line}"
    );
}

// ---- refused when bundled -----------------------------------------------------------------------

/// Bundling is refused, in words that hold all of `want`.
#[track_caller]
fn check_refusal(site: &TestSite, want: &[&str]) {
    let message = site.refusal(&[]);
    for part in want {
        assert!(message.contains(part), "{part:?} is not in:\n{message}");
    }
    assert!(!message.contains("panicked"), "{message}");
}

#[test]
fn an_import_that_nothing_offers_is_named_with_what_there_is() {
    let missing = ["env", "missing_function", "wasi_snapshot_preview1"];
    #[track_caller]
    fn check(of_guest: &str, want: &[&str]) {
        let site = TestSite::new().worker("api/w", of_guest);
        check_refusal(&site, &[&["api/w.wasm"], want].concat());
    }
    check("imports_wasi_and_env", &missing);
    check(
        "component_imports",
        &["example:storage/shelf@1.2.3", "wasi:cli/command"],
    );
    // In a project every module is meant to be a worker, whatever it imports.
    check("imports_env", &missing);
}

#[test]
fn a_file_that_is_no_worker_is_refused_with_what_to_do() {
    #[track_caller]
    fn check(wasm: &[u8], want: &[&str]) {
        let site = TestSite::new()
            .file("api/w.wasm", wasm)
            .worker("api/good", "hello");
        check_refusal(&site, &[&["api/w.wasm"], want].concat());
    }
    let hello = guest("hello");
    let advice = "--ignore";
    check(
        &guest("no_start"),
        &["_start", "wasi:cli/run", "public/", advice],
    );
    check(b"<html>", &["no WebAssembly", advice]);
    check(b"", &["no WebAssembly", advice]);
    check(&hello[..hello.len() / 2], &["damaged", advice]);
    check(&hello[..hello.len() - 1], &["damaged", advice]);
    check(
        &guest("component_http"),
        &["wasi:http/incoming-handler@0.2.0", "not supported", advice],
    );
    // Whole in its sections, but its code is not valid: it leaves nothing where it has to leave i32.
    let invalid = b"\0asm\x01\0\0\0\x01\x08\x02\x60\0\0\x60\0\x01\x7f\x03\x03\x02\0\x01\
        \x07\x0a\x01\x06_start\0\0\x0a\x07\x02\x02\0\x0b\x02\0\x0b";
    check(invalid, &["does not compile"]);
}

#[test]
fn a_module_for_browsers_is_an_asset_of_a_site() {
    let site = TestSite::with_index()
        .worker("pkg/library", "no_start")
        .worker("pkg/program", "imports_env");
    site.both_ways(|app| {
        for (path, of_guest) in [
            ("/pkg/library.wasm", "no_start"),
            ("/pkg/program.wasm", "imports_env"),
        ] {
            let answer = app.get(path);
            assert_eq!(answer.assert_status(200).body, guest(of_guest));
            assert_eq!(answer.field("content-type"), Some("application/wasm"));
        }
        app.get("/pkg/library").assert_status(404);
    });
}

#[test]
fn what_lies_below_public_is_served_whatever_it_is() {
    let site = TestSite::new()
        .worker("hello", "hello")
        .worker("public/tool", "hello")
        .file("public/tool.toml", "any = 1")
        .file("public/script.js", "x")
        .file("public/_next/junk.wasm", "junk");
    site.both_ways(|app| {
        assert_eq!(
            app.get("/tool.wasm").assert_status(200).body,
            guest("hello")
        );
        app.get("/tool").assert_status(404);
        for (path, text) in [
            ("/tool.toml", "any = 1"),
            ("/script.js", "x"),
            ("/_next/junk.wasm", "junk"),
        ] {
            assert_eq!(app.get(path).assert_status(200).text(), text);
        }
    });
}

#[test]
fn two_workers_that_would_answer_the_same_paths_are_named() {
    #[track_caller]
    fn check(a: &str, b: &str) {
        let site = TestSite::new().worker(a, "hello").worker(b, "hello");
        check_refusal(
            &site,
            &[&format!("{a}.wasm"), &format!("{b}.wasm"), "rename"],
        );
    }
    check("a", "a/index");
    check("[a]", "[b]");
    check("[a]", "[b]/index");
    check("x/[...a]", "x/[...b]");
    check("[a]/x", "[b]/x");
    check("[a]/x", "y/[b]");
}

#[test]
fn a_name_that_is_no_route_is_refused() {
    #[track_caller]
    fn check(name: &str, want: &[&str]) {
        let site = TestSite::new().worker(name, "hello");
        check_refusal(&site, &[&[format!("{name}.wasm").as_str()], want].concat());
    }
    check("x[a]", &["[name]"]);
    check("[]", &["[name]"]);
    check("[...a]/b", &["[...a]"]);
    check("[a]/[a]", &["[a]", "twice"]);
}

#[test]
fn a_mistake_in_toml_is_named_with_line_and_column() {
    #[track_caller]
    fn check(toml: &str, want: &[&str]) {
        let site = TestSite::new()
            .worker("api/w", "hello")
            .file("api/w.toml", toml);
        check_refusal(&site, want);
    }
    check("name = \"a\"\nversion = \n", &["api/w.toml:2:"]);
    check("[limits\n", &["api/w.toml:1:"]);
    check(
        "name = 'a'\nnmae = 1\n",
        &["api/w.toml:2:1:", "\"nmae\"", "\"name\""],
    );
    check(
        "[limits]\n  tme = '1s'\n",
        &["api/w.toml:2:3:", "\"tme\"", "\"time\""],
    );
    check(
        "[limits]\ntime = 30\n",
        &["api/w.toml:2:8:", "\"30s\"", "integer"],
    );
    check("[limits]\ntime = '30'\n", &["api/w.toml:2:8:", "unit"]);
    check(
        "[limits]\nmemory = '1B'\n",
        &["api/w.toml:2:10:", "64KiB", "4GiB"],
    );
    check(
        "[limits]\nqueue = '1'\n",
        &["api/w.toml:2:9:", "integer", "string"],
    );
    check("[vars]\nA = 1\n", &["api/w.toml:2:5:", "string", "integer"]);
    check("vars = 'x'\n", &["api/w.toml:1:8:", "table", "[vars]"]);
    check("[vars]\nA = '$not a name'\n", &["api/w.toml:2:5:", "$NAME"]);
    let later = "not supported in this version";
    check(
        "[data.kv]\nnamespace = 'a'\n",
        &["api/w.toml:1:7:", "[data.kv]", later],
    );
    check(
        "[[folders]]\nfrom = 'a'\nto = '/a'\n",
        &["api/w.toml:1:3:", "[[folders]]", later],
    );
    let http = "name = 'a'\n[features.http_requests]\nallowed_hosts = []\n";
    check(
        http,
        &["api/w.toml:2:11:", "[features.http_requests]", later],
    );
    check(
        "[worker]\nreuse = 100\n",
        &["api/w.toml:1:2:", "[worker]", later],
    );
    check(
        "limits.outbound_time = '10s'\n",
        &["api/w.toml:1:8:", "outbound_time", later],
    );
}

#[test]
fn a_key_of_the_site_that_is_not_supported_is_named() {
    #[track_caller]
    fn check(toml: &str, want: &[&str]) {
        check_refusal(&TestSite::with_index().file("wws.toml", toml), want);
    }
    let later = "not supported in this version";
    check("[site]\nspa = true\n", &["wws.toml:1:2:", "[site]", later]);
    check(
        "[limits]\n[cors]\norigins = []\n",
        &["wws.toml:2:2:", "[cors]", later],
    );
    check(
        "[workers]\nscripts = []\n",
        &["wws.toml:1:2:", "[workers]", later],
    );
    check("[sight]\n", &["wws.toml:1:2:", "\"sight\"", "limits"]);
    check("[limits]\ntime = 'soon'\n", &["wws.toml:2:8:"]);
}

#[test]
fn what_other_hosts_and_older_versions_do_is_refused_where_it_is_not_done() {
    #[track_caller]
    fn check(site: TestSite, file: &str) {
        let site = site.file(file, "x");
        check_refusal(&site, &[file, "in this version of wws", "--ignore"]);
        // What is advised helps.
        site.bundle_with(&["--ignore", file]);
    }
    let project = || TestSite::new().worker("api/hello", "hello");
    check(TestSite::with_index(), "_headers");
    check(TestSite::with_index(), "_redirects");
    check(project(), "public/_headers");
    check(project(), ".wws.toml");
    for extension in ["js", "mjs", "ts", "py", "rb"] {
        check(project(), &format!("api/script.{extension}"));
    }
    // In a site a script is an asset.
    let app = TestSite::with_index()
        .file("api/script.js", "x")
        .bundle()
        .start(&[]);
    assert_eq!(app.get("/api/script.js").assert_status(200).text(), "x");
}

#[test]
fn all_problems_of_a_site_are_in_one_report() {
    let site = TestSite::new()
        .worker("a", "hello")
        .file("a.toml", "nmae = 1\n[limits]\ntime = 30\n")
        .worker("b", "hello")
        .file("b.toml", "name = \n")
        .file("c.wasm", "junk")
        .worker("d", "no_start")
        .file("e.js", "")
        .file("wws.toml", "[cors]\n")
        .file("public/_headers", "");
    check_refusal(
        &site,
        &[
            "8 problems",
            "a.toml:1:1:",
            "a.toml:3:8:",
            "b.toml:1:",
            "c.wasm:",
            "d.wasm:",
            "e.js:",
            "wws.toml:1:2:",
            "public/_headers:",
        ],
    );
}

#[test]
fn conflicts_and_imports_are_in_the_same_report_as_all_else() {
    let site = TestSite::new()
        .worker("a", "hello")
        .file("a.toml", "nmae = 1\n")
        .worker("[b]", "hello")
        .worker("[c]", "hello")
        .worker("d", "imports_wasi_and_env");
    check_refusal(
        &site,
        &[
            "a.toml:1:1:",
            "[b].wasm",
            "[c].wasm",
            "d.wasm",
            "missing_function",
        ],
    );
}

// ---- layouts ------------------------------------------------------------------------------------

#[test]
fn a_folder_of_neither_layout_is_told_what_they_are() {
    let site = TestSite::new()
        .file("readme.txt", "x")
        .file("_lib/w.wasm", guest("hello"));
    check_refusal(
        &site,
        &[
            "index.html",
            "public/",
            ".wasm",
            "--layout site",
            "--layout project",
        ],
    );
    let output = wws()
        .arg(site.path())
        .args(["--port", "0"])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("--layout site"), "{stderr}");
}

#[test]
fn layout_is_as_the_flag_says() {
    let site = TestSite::new()
        .file("index.html", "root")
        .file("public/index.html", "public")
        .worker("api/hello", "hello");
    #[track_caller]
    fn check(app: &RunningApp, root: &str, below_public: Option<&str>) {
        assert_eq!(app.get("/").assert_status(200).text(), root);
        let answer = app.get("/public/");
        let found = (answer.status == 200).then(|| answer.text());
        assert_eq!(found.as_deref(), below_public);
        app.get("/api/hello").assert_status(200);
    }
    check(&site.bundle().start(&[]), "root", Some("public"));
    for layout in [["--layout", "site"], ["--layout", "project"]] {
        let (root, below) = match layout[1] {
            "site" => ("root", Some("public")),
            _ => ("public", None),
        };
        check(&site.bundle_with(&layout).start(&[]), root, below);
        check(&site.serve(&layout), root, below);
    }
    let plain = TestSite::new().file("readme.txt", "x");
    let app = plain.bundle_with(&["--layout", "site"]).start(&[]);
    assert_eq!(app.get("/readme.txt").assert_status(200).text(), "x");
}

#[test]
fn private_and_hidden_names_are_not_searched_for_workers() {
    let site = TestSite::new()
        .worker("hello", "hello")
        .worker("_lib/tool", "hello")
        .worker("_private", "hello")
        .file("_lib/junk.wasm", "junk")
        .file("_lib/script.js", "x")
        .file(".git/junk.wasm", "junk")
        .file(".env", "SECRET=1")
        .file("node_modules/pkg/index.js", "x")
        .file("node_modules/pkg/junk.wasm", "junk")
        .file("api/node_modules/junk.wasm", "junk")
        .file("notes.txt", "not below public");
    site.both_ways(|app| {
        app.get("/hello").assert_status(200);
        for path in [
            "/_lib/tool",
            "/_private",
            "/_lib/junk",
            "/_lib/junk.wasm",
            "/.git/junk",
            "/.env",
            "/node_modules/pkg/",
            "/node_modules/pkg/junk",
            "/notes.txt",
            "/api/node_modules/junk",
        ] {
            app.get(path).assert_status(404);
        }
    });
}

#[test]
fn a_site_does_not_serve_node_modules_but_serves_names_with_an_underscore() {
    let site = TestSite::with_index()
        .file("node_modules/pkg/index.js", "x")
        .file("docs/node_modules/a.js", "x")
        .file("_next/app.js", "next")
        .file("_astro/tool.wasm", guest("hello"));
    site.both_ways(|app| {
        app.get("/node_modules/pkg/index.js").assert_status(404);
        app.get("/docs/node_modules/a.js").assert_status(404);
        assert_eq!(app.get("/_next/app.js").assert_status(200).text(), "next");
        assert_eq!(
            app.get("/_astro/tool").assert_status(200).text(),
            "hello from wat"
        );
    });
}
