//! What a component gets, and what becomes of its answer.

use super::{BOTH, component, each_version, each_version_both_ways, site, site_with};
use crate::support::{RunningApp, TestSite, wait_for, wws};

#[test]
fn hello_is_answered_again_and_again_on_one_connection() {
    each_version_both_ways(|app| {
        let mut connection = app.connect();
        // A first call may be slower than the time in which an answer is waited for as a whole.
        let answer = wait_for(|| {
            let answer = connection.request("GET", "/hello", &[], b"");
            assert_eq!(answer.assert_status(200).text(), "hello");
            answer.field("content-length").is_some().then_some(answer)
        });
        assert_eq!(answer.field("content-length"), Some("5"));
        assert_eq!(answer.field("transfer-encoding"), None);
        assert_eq!(answer.field("connection"), None);
        assert_eq!(answer.field("content-type"), Some("text/plain"));
        assert!(answer.field("date").is_some());
    });
}

#[test]
fn the_smallest_components_run_as_they_are() {
    let site = TestSite::with_index()
        .file("api/two.wasm", component("hello_p2"))
        .file("api/three.wasm", component("hello_p3"))
        .file("api/c.wasm", component("hello_c"));
    site.both_ways(|app| {
        for (path, text) in [
            ("/api/two", "hello"),
            ("/api/three", "hello"),
            ("/api/c", "hello from C\n"),
        ] {
            let answer = app.get(path);
            assert_eq!(answer.assert_status(200).text(), text);
            assert_eq!(answer.field("content-type"), Some("text/plain"));
        }
        app.get("/").assert_status(200);
    });
}

#[test]
fn head_is_answered_without_a_body() {
    each_version(&[], |app| {
        let mut connection = app.connect();
        for _ in 0..3 {
            let answer = connection.request("HEAD", "/hello", &[], b"");
            assert_eq!(answer.assert_status(200).body, b"");
            assert_eq!(answer.field("content-type"), Some("text/plain"));
        }
        // What would have been its body is nobody's answer.
        let answer = connection.request("GET", "/hello", &[], b"");
        assert_eq!(answer.assert_status(200).text(), "hello");
    });
}

#[test]
fn a_component_reads_the_request_as_it_was_sent() {
    #[track_caller]
    fn check(app: &RunningApp, method: &str, path: &str, fields: &[(&str, &str)], want: &[&str]) {
        let answer = app.request(method, path, fields, b"");
        let text = answer.assert_status(200).text();
        for line in want {
            assert!(
                text.lines().any(|it| it == *line),
                "no {line:?} in:\n{text}"
            );
        }
    }
    each_version(&[], |app| {
        let fields = [("Host", "a.example:81"), ("X-A", "1"), ("x-a", "2, 3")];
        let url = "/headers?x=1&y=%20%C3%A4&&/..;'";
        let want = [
            "method: GET",
            &format!("path-with-query: {url}"),
            "scheme: http",
            "authority: a.example:81",
            "x-a: 1",
            "x-a: 2, 3",
        ];
        check(app, "GET", url, &fields, &want);
        for method in ["POST", "DELETE", "PATCH", "PURGE"] {
            check(
                app,
                method,
                "/headers",
                &[],
                &[&format!("method: {method}")],
            );
        }
        let fields = [("cookie", "a=1"), ("x-empty", ""), ("x-text", "gr\u{fc}n")];
        check(
            app,
            "GET",
            "/headers",
            &fields,
            &["cookie: a=1", "x-empty: "],
        );
        let text = app.get_with("/headers", &fields).text();
        assert!(text.contains("x-text: gr\u{fc}n"), "{text}");
    });
}

#[test]
fn the_parameters_of_the_route_are_in_a_header_that_no_client_can_set() {
    let fields = [("X-Wws-Params", r#"{"path":"mine"}"#)];
    for name in BOTH {
        site(name).both_ways(|app| {
            assert_eq!(app.get("/params").text(), r#"{"path":"params"}"#);
            let answer = app.get_with("/params", &fields);
            assert_eq!(answer.text(), r#"{"path":"params"}"#);
            let headers = app.get_with("/headers", &fields).text();
            assert_eq!(headers.matches("x-wws-params").count(), 1, "{headers}");
        });
        // A header is ASCII, also where a name or a value is not.
        let named = TestSite::new().file("[...größe].wasm", component(name));
        let app = named.bundle().start(&[]);
        assert_eq!(app.get("/params").text(), r#"{"gr\u00f6\u00dfe":"params"}"#);
        // Where there are no parameters there is no such header.
        let fixed = TestSite::new().file("params.wasm", component(name));
        let app = fixed.bundle().start(&[]);
        assert_eq!(
            app.get_with("/params", &fields).assert_status(200).text(),
            ""
        );
    }
}

const VARS: &str = "[vars]\nGREETING = \"Grüß Gott\"\nEMPTY = \"\"\nTOKEN = \"$WWS_TEST_TOKEN\"\n";

#[test]
fn variables_are_the_environment_of_a_component() {
    for name in BOTH {
        let app = site_with(name, VARS).bundle();
        let mut command = app.command(&[]);
        command.env("WWS_TEST_TOKEN", "secret");
        let app = RunningApp::start(command);
        let answer = app.get("/env");
        let text = answer.assert_status(200).text();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort();
        assert_eq!(lines, ["EMPTY=", "GREETING=Grüß Gott", "TOKEN=secret"]);
    }
}

#[test]
fn variables_are_in_wasi_config_too() {
    let app = site_with("http_p2", VARS).bundle();
    let mut command = app.command(&[]);
    command.env("WWS_TEST_TOKEN", "secret");
    let app = RunningApp::start(command);
    assert_eq!(app.get("/config?GREETING").text(), "Grüß Gott");
    assert_eq!(app.get("/config?TOKEN").text(), "secret");
    assert_eq!(app.get("/config?EMPTY").assert_status(200).text(), "");
    app.get("/config?PATH").assert_status(404);
    let all = app.get("/config-all").text();
    let mut lines: Vec<&str> = all.lines().collect();
    lines.sort();
    assert_eq!(lines, ["EMPTY=", "GREETING=Grüß Gott", "TOKEN=secret"]);
}

#[test]
fn status_and_fields_of_an_answer_pass() {
    each_version(&[], |app| {
        for status in [200, 201, 204, 304, 404, 418, 503, 599] {
            let answer = app.get(&format!("/status?{status}"));
            assert_eq!(answer.assert_status(status).body, b"");
        }
        let answer = app.get("/two-cookies");
        let cookies: Vec<&str> = answer.assert_status(200).all("set-cookie").collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        // Nothing is implied, as it is for the wws protocol.
        assert_eq!(answer.field("content-type"), None);
    });
}

#[test]
fn standard_output_and_error_go_to_the_log() {
    let app = site("http_p2").bundle().start(&[]);
    app.get("/log").assert_status(200);
    for line in ["said on standard output", "said on standard error"] {
        let line = app.log_line(line);
        assert!(line.starts_with("worker_log route=/[...path] "), "{line}");
    }
}

#[test]
fn each_request_has_an_instance_of_its_own() {
    let app = site("http_p3").bundle().start(&[]);
    for _ in 0..10 {
        assert_eq!(app.get("/count").text(), "1");
    }
}

#[test]
fn inspect_names_the_version() {
    let site = TestSite::new()
        .file("two.wasm", component("http_p2"))
        .file("three.wasm", component("http_p3"))
        .file("three.toml", "[worker]\nreuse = 7\n");
    let app = site.bundle();
    let output = wws().arg("inspect").arg(app.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "/two  two.wasm  wasi:http 0.2",
        "/three  three.wasm  wasi:http 0.3",
    ] {
        assert!(text.contains(part), "{part:?} is missing:\n{text}");
    }
}
