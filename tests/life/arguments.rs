//! The command line and the environment of an app.

use std::net::TcpListener;

use super::{bare, small_site};
use crate::support::{BundledApp, Ended, RunningApp, TestSite, guest, wws};

#[test]
fn help_version_and_routes_are_printed_without_serving() {
    let app = small_site()
        .file("api/[id].wasm", guest("hello"))
        .bundle_with(&["--prefix", "/shop"]);
    let check = |argument: &str, want: &[&str]| {
        let output = bare(&app.path(), &[argument], &[]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(want.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(output.stderr, b"");
        text
    };
    check(
        "--help",
        &[
            "--host",
            "--port",
            "8080",
            "PORT",
            "--grace-period",
            "--worker-time",
        ],
    );
    check("-h", &["--host", "--port"]);
    check("--version", &[env_version().as_str()]);
    let routes = check("--routes", &["3 assets"]);
    let lines: Vec<Vec<&str>> = routes
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    let want = [
        vec!["/shop/hello", "hello.wasm"],
        vec!["/shop/api/[id]", "api/[id].wasm"],
        vec!["/shop/", "3", "assets"],
    ];
    assert_eq!(lines, want);
}

/// The version that `wws` says it has.
fn env_version() -> String {
    let output = wws().arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn an_app_speaks_of_itself_and_not_of_how_it_is_built() {
    let app = TestSite::with_index().bundle();
    let say = |argument| {
        let output = bare(&app.path(), &[argument], &[]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (version, help) = (say("--version"), say("--help"));
    assert!(!version.contains("runtime-stub"), "{version}");
    assert!(
        help.starts_with("A site and its workers in one file"),
        "{help}"
    );
}

#[test]
fn wrong_usage_exits_with_2() {
    #[track_caller]
    fn check_with(app: &BundledApp, arguments: &[&str], environment: &[(&str, &str)], want: &str) {
        let output = bare(&app.path(), arguments, environment).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.starts_with("error: "), "{message}");
        assert!(message.contains(want), "{arguments:?}: {message}");
    }
    #[track_caller]
    fn check(app: &BundledApp, arguments: &[&str], want: &str) {
        check_with(app, arguments, &[], want);
    }
    let app = TestSite::with_index().bundle();
    check(&app, &["--speed"], "--speed");
    check(&app, &["site"], "'site'");
    check(&app, &["--port"], "--port");
    check(&app, &["--port", "http"], "--port");
    check(&app, &["--port", "70000"], "--port");
    check(&app, &["--port", "-1"], "-1");
    check(&app, &["--prefix", "/a/../b"], "--prefix");
    check(&app, &["--grace-period", "soon"], "--grace-period");
    check(&app, &["--worker-time", "0"], "--worker-time");
    check(&app, &["--worker-memory", "much"], "--worker-memory");
    check(&app, &["--max-connections", "0"], "--max-connections");
    check(&app, &["--tls-cert", "cert.pem"], "--tls-key");
    check(&app, &["--http-redirect", "80"], "--https-port");
    check(&app, &["--proxy-protocol"], "--trusted-proxy");
    check(&app, &["--enable-panel"], "--admin");
    check(&app, &["--cors", "*,https://a.example"], "--cors");
    check(&app, &["--kv", "redis://host/first"], "--kv");
    check_with(&app, &[], &[("PORT", "http")], "PORT is \"http\"");
    check_with(&app, &[], &[("WWS_PORT", "65536")], "WWS_PORT is \"65536\"");
    check_with(&app, &[], &[("WWS_ENABLE_PANEL", "true")], "--admin");
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_default() {
    let app = TestSite::with_index().bundle();
    // Where it listens, without the port.
    let check = |arguments: &[&str], environment: &[(&str, &str)], want: &str| {
        let running = RunningApp::start(bare(&app.path(), arguments, environment));
        let line = running.output();
        let (address, _) = line.rsplit_once(':').unwrap();
        assert_eq!(
            address,
            format!("Listening on http://{want}"),
            "{arguments:?} {environment:?}"
        );
        running
    };
    check(&["--port", "0"], &[], "127.0.0.1");
    check(&["-p", "0"], &[], "127.0.0.1");
    check(
        &["--port", "0", "--host", "127.0.0.2"],
        &[("HOST", "127.0.0.3")],
        "127.0.0.2",
    );
    check(&["--port", "0"], &[("HOST", "127.0.0.3")], "127.0.0.3");
    check(
        &["--port", "0"],
        &[("HOST", "127.0.0.3"), ("WWS_HOST", "127.0.0.4")],
        "127.0.0.4",
    );
    check(&["--port", "0"], &[("HOST", "")], "127.0.0.1");
    check(&["--port", "0", "--host", "localhost"], &[], "127.0.0.1");
    check(&[], &[("PORT", "0"), ("HOST", "127.0.0.3")], "127.0.0.3");
    check(&["--host", "127.0.0.2"], &[("PORT", "0")], "127.0.0.2");
    let everywhere = check(&[], &[("PORT", "0")], "0.0.0.0");
    everywhere.get("/").assert_status(200);
    check(&["--port", "0"], &[("PORT", "1")], "0.0.0.0");
    check(&[], &[("PORT", "1"), ("WWS_PORT", "0")], "0.0.0.0");
}

#[test]
fn what_cannot_be_listened_on_is_an_error_in_words() {
    let app = TestSite::with_index().bundle();
    let check = |arguments: &[&str], environment: &[(&str, &str)], want: &str| {
        let command = bare(&app.path(), arguments, environment);
        let Err(Ended { status, log }) = RunningApp::try_start(command) else {
            panic!("{arguments:?} {environment:?}: it listens");
        };
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.starts_with("error: ") && log.contains(want), "{log}");
        assert!(!log.contains("panicked"), "{log}");
    };
    let taken = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = &taken.local_addr().unwrap().port().to_string();
    let taken_and = |flag| {
        format!(
            "port {port} of 127.0.0.1 is taken; stop the other program, or choose another with {flag};"
        )
    };
    check(&["--port", port], &[], &taken_and("--port"));
    let listen = format!("127.0.0.1:{port}");
    check(&["--listen", &listen], &[], &taken_and("--listen"));
    let redirect = ["--port=0", "--https-port=443", "--http-redirect", port];
    check(&redirect, &[], &taken_and("--http-redirect"));
    check(
        &[],
        &[("PORT", port)],
        &format!("port {port} of 0.0.0.0 is taken"),
    );
    check(
        &["--port", port],
        &[("PORT", "0")],
        &format!("port {port} of 0.0.0.0 is taken"),
    );
    // Taken by this test, or by somebody else.
    let _default = TcpListener::bind(("127.0.0.1", 8080));
    check(&[], &[], "port 8080 of 127.0.0.1 is taken");
    check(
        &["--host", "no.such.host.invalid"],
        &[],
        "\"no.such.host.invalid\"",
    );
    check(&["--host", "192.0.2.1", "--port", "0"], &[], "192.0.2.1");
}
