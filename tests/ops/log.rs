//! One line a request, in each format; which other lines there are; and that nobody who reads slowly
//! keeps anybody waiting.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Case, site};
use crate::support::{Connection, RunningApp, skipped, wait_for};

/// The lines of an app that are JSON about requests, once there are so many.
#[track_caller]
fn requests(app: &RunningApp, count: usize) -> Vec<Value> {
    wait_for(|| {
        let log = app.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let requests: Vec<_> = lines.filter(|line| line["event"] == "request").collect();
        assert!(requests.len() <= count, "{log}");
        (requests.len() == count).then_some(requests)
    })
}

#[test]
fn json_says_all_of_each_request_whatever_answers_it() {
    let app = site().bundle().start(&["--log-format", "json"]);
    let mut connection = app.connect();
    let agent = ("user-agent", "test \"1\"");
    let cases: &[Case] = &[
        ("GET", "/?q=1", &[], 200, "assets"),
        ("GET", "/?q=1", &[("te", "trailers")], 200, "assets"),
        ("GET", "/long.txt", &[("range", "bytes=0-4")], 206, "assets"),
        ("HEAD", "/long.txt", &[], 200, "assets"),
        ("GET", "/docs", &[], 307, "redirect"),
        ("GET", "/nothing", &[], 404, "none"),
        ("GET", "/api/echo", &[], 200, "/api/echo"),
        ("GET", "/api/echo", &[("te", "trailers")], 200, "/api/echo"),
        ("POST", "/api/echo", &[], 200, "/api/echo"),
        ("GET", "/trap", &[], 500, "/trap"),
        ("GET", "/trap", &[("te", "trailers")], 500, "/trap"),
    ];
    for (number, (method, path, fields, status, route)) in cases.iter().enumerate() {
        let fields = [*fields, &[agent]].concat();
        let answer = connection.request(method, path, &fields, b"");
        let lines = requests(&app, number + 1);
        let line = lines.last().unwrap();
        let want = [
            ("client", Value::from("127.0.0.1")),
            ("method", (*method).into()),
            ("path", (*path).into()),
            ("protocol", "HTTP/1.1".into()),
            ("status", (*status).into()),
            ("bytes", answer.body.len().into()),
            ("user_agent", agent.1.into()),
            ("request_id", answer.field("x-request-id").into()),
            ("route", (*route).into()),
        ];
        for (name, want) in want {
            assert_eq!(line[name], want, "{name} of {line}");
        }
        assert!(line["duration_us"].is_u64() && line["time"].is_string());
        let trace = route
            .starts_with('/')
            .then_some(line["request_id"].as_str())
            .flatten();
        assert_eq!(line["trace_id"].as_str(), trace, "{line}");
    }
    // Events are JSON too.
    let failed = app.log_line("worker_failed");
    let failed: Value = serde_json::from_str(&failed).unwrap();
    assert_eq!(
        (&failed["route"], &failed["level"]),
        (&"/trap".into(), &"error".into())
    );
}

#[test]
fn a_line_of_the_combined_format_cannot_be_forged() {
    let app = site().bundle().start(&["--log-format", "combined"]);
    let fields = [
        ("user-agent", "x\" 200 1 \"\u{e9}\\"),
        ("referer", "https://example.com/?a=\"b\""),
    ];
    let answer = app.get_with("/api/echo?a=%22%0a", &fields);
    let line = app.log_line("\"GET /api/echo");
    let (client, rest) = line.split_once(" - - [").unwrap();
    let (time, rest) = rest.split_once("] ").unwrap();
    assert_eq!(client, "127.0.0.1");
    assert!(time.len() == 26 && time.ends_with(" +0000"), "{time}");
    let want = format!(
        "\"GET /api/echo?a=%22%0a HTTP/1.1\" 200 {} \"https://example.com/?a=\\x22b\\x22\" \
         \"x\\x22 200 1 \\x22\\xC3\\xA9\\x5C\" us=",
        answer.body.len()
    );
    assert!(rest.starts_with(&want), "{rest}");
    let id = answer.field("x-request-id").unwrap();
    assert!(
        rest.ends_with(&format!(" id={id} trace={id} route=\"/api/echo\"")),
        "{rest}"
    );
}

#[test]
fn nothing_is_logged_of_requests_by_default_and_the_client_is_the_one_behind_the_proxy() {
    let app = site().bundle();
    let quiet = app.start(&[]);
    quiet.get("/").assert_status(200);
    quiet.get("/trap").assert_status(500);
    quiet.log_line("worker_failed route=/trap");
    assert_eq!(quiet.log().lines().count(), 1, "{}", quiet.log());
    let behind = app.start(&["--log-format=json", "--trusted-proxy=127.0.0.1"]);
    behind
        .get_with("/", &[("x-forwarded-for", "192.0.2.1")])
        .assert_status(200);
    assert_eq!(requests(&behind, 1)[0]["client"], "192.0.2.1");
}

#[test]
fn rust_log_says_which_events_are_logged() {
    let app = site().bundle();
    for (filter, want) in [
        ("", true),
        ("error", true),
        ("off", false),
        ("worker_failed=off", false),
        ("off,worker_failed=error", true),
        ("hyper=off,nonsense", true),
    ] {
        let mut command = app.command(&["--log-format", "json"]);
        command.env("RUST_LOG", filter);
        let running = RunningApp::start(command);
        running.get("/trap").assert_status(500);
        // Lines come in their order, and that of the request is the last.
        requests(&running, 1);
        assert_eq!(running.log().contains("worker_failed"), want, "{filter:?}");
    }
}

#[test]
fn a_log_that_nobody_reads_keeps_nobody_waiting_and_says_what_is_missing() {
    let app = site().bundle();
    let mut command = app.command(&["--log-format", "combined"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    let port = line.trim_end().rsplit(':').next().unwrap().parse().unwrap();
    // A pipe holds 64 KiB, and the log 1 MiB beside what it writes just now, which is no more: this
    // is more than all.
    let mut connection = Connection::to(port);
    let path = format!("/?{}", "x".repeat(3000));
    for _ in 0..1200 {
        connection
            .request("GET", &path, &[], b"")
            .assert_status(200);
    }
    let err = BufReader::new(child.stderr.take().unwrap());
    let dropped = err.lines().map_while(Result::ok).find_map(|line| {
        let count = line.strip_prefix("log_dropped lines=")?;
        count.parse::<u64>().ok()
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        dropped.is_some_and(|count| (400..1200).contains(&count)),
        "{dropped:?}"
    );
}

/// What `wws --help` writes to a terminal; `None` without a program that plays one.
fn help_on_a_terminal(no_color: Option<&str>) -> Option<String> {
    let mut command = Command::new("script");
    command
        .args([
            "-qec",
            concat!(env!("CARGO_BIN_EXE_wws"), " --help"),
            "/dev/null",
        ])
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    if let Some(value) = no_color {
        command.env("NO_COLOR", value);
    }
    let output = command.output().ok()?;
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn no_color_is_respected() {
    let Some(colored) = help_on_a_terminal(None) else {
        return skipped("colours on a terminal; it needs `script` (bsdutils)");
    };
    assert!(colored.contains("\u{1b}["), "{colored:?}");
    let plain = help_on_a_terminal(Some("1")).unwrap();
    assert!(
        plain.contains("Usage:") && !plain.contains('\u{1b}'),
        "{plain:?}"
    );
}
