//! Which files of a folder are workers, which are assets, and which are neither.

use super::check_refusal;
use crate::support::{RunningApp, TestSite, guest, wws};

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
