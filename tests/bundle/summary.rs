//! What `wws bundle` says when it is done, and what it says about wrong usage.

use std::fs;

use super::{json, stderr};
use crate::support::{TestSite, wws};

#[test]
fn the_json_summary_has_the_numbers() {
    let site = TestSite::new()
        .file("public/index.html", "<h1>Home</h1>")
        .file("public/a.txt", "12345")
        .file("public/b.txt", "12345")
        .file("README.md", "not served")
        .worker("api/[id]", "hello");
    let app = site.bundle();
    let output = site.try_bundle(&app.path(), &["--json"]);
    assert_eq!(stderr(&output), "", "--json says nothing else");
    let summary = json(&output);
    let numbers = [
        "assets",
        "asset_bytes",
        "stored_asset_bytes",
        "unused_files",
    ];
    // The 5 bytes that two files share are stored once.
    assert_eq!(
        numbers.map(|name| summary[name].as_u64()),
        [3, 23, 18, 1].map(Some),
        "{summary}"
    );
    assert_eq!(summary["layout"], "project");
    assert_eq!(summary["workers"].as_array().unwrap().len(), 1);
    assert_eq!(summary["workers"][0]["route"], "/api/[id]");
    assert_eq!(summary["workers"][0]["source"], "api/[id].wasm");
    assert!(
        summary["workers"][0]["code_bytes"].as_u64().unwrap() > 0,
        "{summary}"
    );
    assert_eq!(summary["app"]["path"], app.path().to_str().unwrap());
    assert_eq!(
        summary["app"]["bytes"],
        fs::metadata(app.path()).unwrap().len()
    );
    assert!(summary["seconds"].is_number(), "{summary}");
}

#[test]
fn the_summary_is_plain_lines_and_quiet_is_silent() {
    let site = TestSite::with_index()
        .file("a.css", "a {}")
        .worker("api/[id]", "hello");
    let app = site.bundle();
    let loud = site.try_bundle(&app.path(), &[]);
    let text = String::from_utf8(loud.stdout.clone()).unwrap();
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let size = fs::metadata(app.path()).unwrap().len();
    let size = format!("{}.{}", size / 1_000_000, size % 1_000_000 / 100_000);
    assert_eq!(lines[0][..2], ["layout", "site:"], "{text}");
    assert_eq!(lines[1][..4], ["assets", "2,", "17", "B,"], "{text}");
    assert_eq!(lines[2], ["workers", "1"], "{text}");
    assert_eq!(lines[3][..2], ["/api/[id]", "api/[id].wasm"], "{text}");
    assert_eq!(
        lines[4][..3],
        ["app", &format!("{},", app.path().display()), &size],
        "{text}"
    );
    assert_eq!(lines[5], ["run", app.path().to_str().unwrap()], "{text}");
    let progress = stderr(&loud);
    assert_eq!(
        progress.lines().collect::<Vec<_>>(),
        ["compiling: 1 worker", "compressing: 17 B"]
    );

    let quiet = site.try_bundle(&app.path(), &["-q"]);
    assert!(quiet.status.success());
    assert_eq!((quiet.stdout, quiet.stderr), (Vec::new(), Vec::new()));
}

#[test]
fn commands_that_are_printed_can_be_pasted_into_a_shell() {
    let site = TestSite::with_index();
    let folder = tempfile::tempdir().unwrap();
    let mut command = wws();
    command.current_dir(folder.path()).arg("bundle");
    command.arg(site.path());
    command.args(["-o", "p q", "--oci", "It's.tar"]);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("\nrun      './p q'\n"), "{text}");
    assert!(
        text.contains("\nload     docker load -i 'It'\\''s.tar'\n"),
        "{text}"
    );
}

#[test]
fn the_summary_names_the_layout_and_why() {
    #[track_caller]
    fn check(site: &TestSite, arguments: &[&str], want: &str) {
        let app = site.bundle();
        let output = site.try_bundle(&app.path(), arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            text.starts_with(&format!("layout   {want}\n")),
            "{text}{}",
            stderr(&output)
        );
    }
    let site = TestSite::with_index().file("public/a.txt", "a");
    check(&site, &[], "site: there is an index.html at its root");
    check(&site, &["--layout", "project"], "project: as --layout says");
    check(&site, &["--layout", "site"], "site: as --layout says");
    let project = TestSite::new().file("public/a.txt", "a");
    check(
        &project,
        &[],
        "project: there is a public folder and no index.html",
    );
    let workers = TestSite::new().worker("a", "hello");
    check(
        &workers,
        &[],
        "project: there are workers and no index.html",
    );
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_right() {
    #[track_caller]
    fn check(arguments: &[&str], want: &str) {
        let output = wws().args(arguments).output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(want), "{arguments:?}: {message}");
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
    check(&["bundle"], "<--output <APP>|--oci <TAR>>");
    check(&["bundle", ".", "--sbom", "x"], "--oci <TAR>");
    check(&["bundle", ".", "-o"], "--output");
    check(
        &["bundle", ".", "-o", "x", "--level", "hard"],
        "fast, default, best",
    );
    check(
        &["bundle", ".", "-o", "x", "--encodings", "deflate"],
        "zstd, br, gzip",
    );
    check(
        &["bundle", ".", "-o", "x", "--compress", "none"],
        "all, assets",
    );
    check(
        &["bundle", ".", "-o", "x", "--cpu", "z80"],
        "baseline, native",
    );
    check(
        &["bundle", ".", "-o", "x", "--layout", "flat"],
        "site, project",
    );
    check(
        &["bundle", ".", "-o", "x", "--prefix", "/a/../b"],
        "--prefix",
    );
    check(&["bundle", ".", "y", "-o", "x"], "'y'");
    check(&["bundle", ".", "-o", "x", "--speed"], "--speed");
    check(
        &["bundle", ".", "-o", "x", "--ignore", "a[.map"],
        "--ignore",
    );
    check(&["inspect"], "<APP>");
    check(&["--port", "http"], "--port");
    check(&["--port", "65536"], "--port");
    check(&[".", "extra"], "'extra'");
    check(&["--tls-key", "key.pem"], "--tls-cert");
    check(&["--enable-panel"], "--admin");
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [
        &["--help"][..],
        &["bundle", "--help"],
        &["inspect", "--help"],
        &["--version"],
        &["help"],
    ] {
        let output = wws().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(stderr(&output), "", "{arguments:?}");
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("wws"),
            "{arguments:?}"
        );
    }
}
