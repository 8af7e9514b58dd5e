//! What answers a path, and how an answer of a worker goes out.

use std::thread;

use serde_json::{Value, json};

use super::{echoed, rust_worker, says, writes};
use crate::support::{RunningApp, TestSite};

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
