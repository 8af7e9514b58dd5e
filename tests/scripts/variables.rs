//! `[vars]` of a script.

use std::fs;
use std::process::Command;

use super::{handler, project, worker};
use crate::support::{BundledApp, RunningApp, TestSite, check_refusal, wws};

/// A command for each way to serve the site.
fn both(site: &TestSite, app: &BundledApp) -> [Command; 2] {
    let mut folder = wws();
    folder.arg(site.path()).args(["--port", "0"]);
    [app.command(&[]), folder]
}

#[test]
fn variables_are_globals_and_in_env() {
    let toml = "[vars]\nGREETING = \"Good day, = ä\"\nEMPTY = \"\"\nname = \"n\"\n";
    let body = "return new Response([GREETING, env.GREETING, globalThis.GREETING, env.EMPTY === '',\n\
        typeof name, Object.keys(env).sort(), 'OTHER' in env].join('|'))";
    let site = worker(body)
        .file("w.toml", toml)
        .file("other.js", handler("return new Response(typeof GREETING)"));
    site.both_ways(|app| {
        let want =
            "Good day, = ä|Good day, = ä|Good day, = ä|true|string|EMPTY,GREETING,name|false";
        assert_eq!(app.get("/w").text(), want);
        assert_eq!(app.get("/other").text(), "undefined");
    });
}

#[test]
fn a_variable_does_not_hide_what_the_platform_has() {
    let toml = "[vars]\nURL = \"https://example.org\"\nArray = \"a\"\n";
    let site =
        worker("return new Response(`${env.URL} ${typeof URL} ${env.Array} ${Array.isArray([])}`)");
    site.file("w.toml", toml).both_ways(|app| {
        assert_eq!(app.get("/w").text(), "https://example.org function a true");
    });
}

#[test]
fn a_value_of_the_configuration_is_known_at_the_top_level() {
    let site = project(&[
        (
            "w.js",
            "const upper = GREETING.toUpperCase(); export default () => new Response(upper)",
        ),
        ("w.toml", "vars.GREETING = \"hi\""),
    ]);
    site.both_ways(|app| assert_eq!(app.get("/w").text(), "HI"));
}

#[test]
fn a_value_of_the_environment_is_read_when_the_app_starts() {
    let toml = "[vars]\nTOKEN = \"$WWS_TEST_TOKEN\"\nNEEDED = \"$WWS_TEST_NEEDED!\"\n\
        MISSING = \"$WWS_TEST_MISSING\"\n";
    let body = "return new Response([env.TOKEN, TOKEN, NEEDED, env.MISSING === ''].join('|'))";
    let site = worker(body).file("w.toml", toml);
    let app = site.bundle();
    let long = "x".repeat(5000);
    for token in ["t0k$EN", "other ä", "", long.as_str()] {
        for mut command in both(&site, &app) {
            command
                .env("WWS_TEST_TOKEN", token)
                .env("WWS_TEST_NEEDED", "n");
            let running = RunningApp::start(command);
            let got = running.get("/w").text();
            assert_eq!(got, format!("{token}|{token}|n|true"), "{}", running.log());
            let line = running.log_line("missing_variable");
            assert!(
                line.contains("WWS_TEST_MISSING") && line.contains("w.js"),
                "{line}"
            );
        }
    }
    let mut command = wws();
    command
        .arg("bundle")
        .arg(site.path())
        .arg("-o")
        .arg(app.path())
        .env("WWS_TEST_TOKEN", "t0k$EN");
    assert!(command.output().unwrap().status.success());
    let bytes = fs::read(app.path()).unwrap();
    assert!(
        !bytes.windows(6).any(|part| part == b"t0k$EN"),
        "a secret is in the app"
    );
}

#[test]
fn a_required_variable_that_is_missing_stops_the_start() {
    let site = worker("").file("w.toml", "vars.NEEDED = \"$WWS_TEST_NOWHERE!\"");
    let app = site.bundle();
    for mut command in both(&site, &app) {
        let output = command.env_remove("WWS_TEST_NOWHERE").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains("WWS_TEST_NOWHERE") && stderr.contains("w.js"),
            "{stderr}"
        );
    }
}

#[test]
fn a_value_of_the_environment_is_refused_at_the_top_level() {
    for read in ["TOKEN", "globalThis.TOKEN.length"] {
        let source = format!("const token =\n  {read};\nexport default () => new Response(token)");
        let site = project(&[
            ("w.js", &source),
            ("w.toml", "vars.TOKEN = \"$WWS_TEST_TOKEN\""),
        ]);
        let want = [
            "w.js:2:",
            "TOKEN",
            "when the app starts",
            "while a request is answered",
        ];
        check_refusal(&site, &want);
    }
}
