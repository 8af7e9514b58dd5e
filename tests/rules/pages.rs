//! `[site]`: how pages get their paths, and what a path gets that leads nowhere.

use super::{ECHO, check_sent, get, site};
use crate::support::{RunningApp, TestSite};

#[track_caller]
fn check_page(app: &RunningApp, path: &str, want: Option<&str>) {
    let answer = get(app, path, &[]);
    match want {
        Some(text) => assert_eq!(answer.assert_status(200).text(), text, "{path}"),
        None => assert_eq!(answer.status, 404, "{path}"),
    }
}

fn in_mode(mode: &str) -> RunningApp {
    let site = site()
        .file("foo.html", "foo page")
        .file("foo/index.html", "foo folder")
        .file("wws.toml", format!("[site]\nhtml = {mode:?}\n"));
    site.bundle().start(&[])
}

#[test]
fn pages_end_in_a_slash_if_the_site_wants_it() {
    let app = in_mode("force-slash");
    check_page(&app, "/", Some("<h1>Home</h1>"));
    check_page(&app, "/about/", Some("about"));
    check_page(&app, "/docs/", Some("docs"));
    check_page(&app, "/foo/", Some("foo folder"));
    check_page(&app, "/foo.html", Some("foo page"));
    check_page(&app, "/a.css", Some("a {}"));
    for path in ["/about", "/about.html"] {
        check_sent(&app, path, 307, "/about/");
    }
    check_sent(&app, "/docs?x=1", 307, "/docs/?x=1");
    check_sent(&app, "/foo/index.html", 307, "/foo/");
    check_sent(&app, "/a.css/", 307, "/a.css");
}

#[test]
fn pages_have_no_slash_at_their_end_if_the_site_wants_it() {
    let app = in_mode("drop-slash");
    check_page(&app, "/", Some("<h1>Home</h1>"));
    check_page(&app, "/about", Some("about"));
    check_page(&app, "/docs", Some("docs"));
    check_page(&app, "/foo", Some("foo page"));
    check_page(&app, "/foo/index.html", Some("foo folder"));
    check_sent(&app, "/about/", 307, "/about");
    check_sent(&app, "/about.html", 307, "/about");
    check_sent(&app, "/docs/?x", 307, "/docs?x");
    check_sent(&app, "/docs/index.html", 307, "/docs");
    check_sent(&app, "/foo.html", 307, "/foo");
}

#[test]
fn files_have_their_own_names_only_if_the_site_wants_it() {
    let app = in_mode("none");
    check_page(&app, "/index.html", Some("<h1>Home</h1>"));
    check_page(&app, "/about.html", Some("about"));
    check_page(&app, "/docs/index.html", Some("docs"));
    for path in ["/", "/about", "/docs", "/docs/", "/about.html/"] {
        check_page(&app, path, None);
    }
}

const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
const NAVIGATE: (&str, &str) = ("sec-fetch-mode", "navigate");

#[test]
fn navigations_that_lead_nowhere_get_the_page_of_a_single_page_app() {
    let site = site()
        .file("404.html", "not found")
        .file("api/[id].js", ECHO)
        .file("_headers", "/users/*\nX-Users: 1\n/\nX-Home: 1\n")
        .file(
            "wws.toml",
            "site.spa = true\nworkers.scripts = ['api/*.js']",
        );
    site.both_ways(|app| {
        for (path, field) in [
            ("/users/7", HTML),
            ("/users/7", NAVIGATE),
            ("/users/", HTML),
            ("/a.b/c?q=1", HTML),
            ("/old.html", NAVIGATE),
        ] {
            let answer = get(app, path, &[field]);
            assert_eq!(answer.assert_status(200).text(), "<h1>Home</h1>", "{path}");
            // Those of the page, not of the path.
            assert_eq!(answer.field("cache-control"), Some("no-cache"));
            assert_eq!(
                (answer.field("x-home"), answer.field("x-users")),
                (Some("1"), None)
            );
            assert_eq!(answer.field("vary"), Some("Accept, Sec-Fetch-Mode"));
            assert_eq!(answer.field("location"), None);
        }
        for (path, fields) in [
            ("/users/7", &[][..]),
            ("/users/7", &[("accept", "*/*")]),
            (
                "/users/7",
                &[("accept", "application/json"), ("sec-fetch-mode", "cors")],
            ),
            ("/assets/app-3f9c2b1a.js", &[HTML]),
            ("/img/logo.png", &[NAVIGATE]),
        ] {
            let answer = get(app, path, fields);
            assert_eq!(answer.assert_status(404).text(), "not found", "{path}");
        }
        app.request("POST", "/users/7", &[HTML], b"x")
            .assert_status(404);
        // What exists answers as ever.
        assert_eq!(
            get(app, "/about", &[HTML]).assert_status(200).text(),
            "about"
        );
        let worker = app.get_with("/api/7", &[HTML]);
        assert!(
            worker.assert_status(200).text().ends_with("/api/7"),
            "{worker:?}"
        );
        let etag = get(app, "/", &[]).field("etag").unwrap().to_owned();
        get(app, "/users/7", &[HTML, ("if-none-match", &etag)]).assert_status(304);
    });
}

#[test]
fn a_single_page_app_answers_below_its_prefix_and_in_every_mode() {
    for mode in ["auto", "force-slash", "drop-slash", "none"] {
        let config = format!("[site]\nspa = true\nhtml = {mode:?}\n");
        let app = site()
            .file("wws.toml", config)
            .bundle_with(&["--prefix", "/app"])
            .start(&[]);
        let page = get(&app, "/app/view/1", &[HTML]);
        assert_eq!(page.assert_status(200).text(), "<h1>Home</h1>", "{mode}");
        get(&app, "/view/1", &[HTML]).assert_status(404);
    }
}

#[test]
fn a_page_of_its_own_stands_for_whatever_leads_nowhere() {
    let site = site()
        .file("404.html", "the usual one")
        .file("docs/404.html", "that of a folder")
        .file("_headers", "/missing\nX-Missing: 1\n")
        .file("missing.html", "ours");
    let app = site
        .file("wws.toml", "site.not_found = '/missing.html'")
        .bundle()
        .start(&[]);
    for path in ["/none", "/docs/none", "/none.png"] {
        let answer = get(&app, path, &[]);
        assert_eq!(answer.assert_status(404).text(), "ours", "{path}");
        assert_eq!(answer.field("x-missing"), Some("1"));
    }
}

#[test]
fn without_any_rule_nothing_has_changed() {
    let app = TestSite::with_index().bundle().start(&[]);
    let answer = get(&app, "/", &[("origin", "https://a.example")]);
    let mut names: Vec<&str> = answer
        .fields
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    let want = [
        "accept-ranges",
        "cache-control",
        "content-length",
        "content-type",
        "date",
        "etag",
        "x-content-type-options",
        "x-request-id",
    ];
    assert_eq!(names, want);
}
