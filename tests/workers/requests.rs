//! What a worker reads: the request, its parameters and variables; and what it writes to the log.

use std::fs;

use serde_json::{Value, json};

use super::{echoed, rust_worker};
use crate::support::{RunningApp, TestSite, wws};

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
