//! `_headers`: fields of files, redirects and pages of errors.

use super::{ECHO, get, site};
use crate::support::{RunningApp, TestSite};

#[track_caller]
fn check(app: &RunningApp, path: &str, name: &str, want: Option<&str>) {
    assert_eq!(get(app, path, &[]).field(name), want, "{path} {name}");
}

#[test]
fn every_rule_that_matches_counts() {
    let rules = "/*\n  X-All: yes\n  Link: </a.css>; rel=preload\n\
        /about\n  X-Page: page\n  Link: </b.css>; rel=preload\n\
        /about.html\n  X-File: file\n\
        /docs/*\n  X-Docs: docs\n  ! X-All\n\
        /*.css\n  Cache-Control: public, max-age=60\n  Content-Type: text/plain\n\
        /\n  X-Root: :splat\n";
    site().file("_headers", rules).both_ways(|app| {
        check(app, "/about", "x-all", Some("yes"));
        check(app, "/about", "x-page", Some("page"));
        // The page's path and its file's: one resource.
        check(app, "/about", "x-file", Some("file"));
        check(
            app,
            "/about",
            "link",
            Some("</a.css>; rel=preload, </b.css>; rel=preload"),
        );
        check(app, "/docs/", "x-docs", Some("docs"));
        check(app, "/docs/", "x-all", None);
        check(app, "/a.css", "cache-control", Some("public, max-age=60"));
        check(app, "/a.css", "content-type", Some("text/plain"));
        check(app, "/", "x-root", Some(":splat"));
        check(app, "/", "cache-control", Some("no-cache"));
        // Redirects and pages of errors.
        check(app, "/about.html", "x-file", Some("file"));
        check(app, "/about.html", "location", Some("/about"));
        check(app, "/docs", "x-docs", Some("docs"));
        check(app, "/none", "x-all", Some("yes"));
        app.get("/_headers").assert_status(404);
    });
}

#[test]
fn cookies_stay_apart_and_vary_is_added_to() {
    let text = "text that shrinks ".repeat(500);
    let rules = "/*\nSet-Cookie: a=1; Path=/\nVary: Cookie\n/text.txt\nSet-Cookie: b=2, c\n";
    let app = site()
        .file("text.txt", text)
        .file("_headers", rules)
        .bundle()
        .start(&[]);
    let answer = get(&app, "/text.txt", &[("accept-encoding", "gzip")]);
    let cookies: Vec<&str> = answer.all("set-cookie").collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2, c"]);
    assert_eq!(answer.field("vary"), Some("Accept-Encoding, Cookie"));
    assert_eq!(answer.field("content-encoding"), Some("gzip"));
}

#[test]
fn not_modified_and_parts_say_what_they_owe() {
    let text = "0123456789".repeat(200);
    let rules = "/t.txt\nCache-Control: max-age=5\nExpires: 0\nX-Frame-Options: DENY\nVary: Cookie\n\
        Content-Type: text/x; charset=utf-8\n";
    let app = site()
        .file("t.txt", &text)
        .file("_headers", rules)
        .bundle()
        .start(&[]);
    let whole = get(&app, "/t.txt", &[]);
    let etag = whole.field("etag").unwrap();
    // RFC 9110, 15.4.5.
    let answer = get(&app, "/t.txt", &[("if-none-match", etag)]);
    let mut names: Vec<&str> = answer
        .fields
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        answer.assert_status(304).field("cache-control"),
        Some("max-age=5")
    );
    let want = [
        "cache-control",
        "date",
        "etag",
        "expires",
        "vary",
        "x-request-id",
    ];
    assert_eq!(names, want);

    let part = app.get_with("/t.txt", &[("range", "bytes=0-1")]);
    assert_eq!(
        part.assert_status(206).field("x-frame-options"),
        Some("DENY")
    );
    assert_eq!(part.field("content-type"), Some("text/x; charset=utf-8"));
    let parts = app.get_with("/t.txt", &[("range", "bytes=0-1,1500-1501")]);
    let media_type = parts.assert_status(206).field("content-type").unwrap();
    assert!(
        media_type.starts_with("multipart/byteranges; boundary="),
        "{media_type}"
    );
    assert!(
        parts.text().contains("text/x; charset=utf-8"),
        "{}",
        parts.text()
    );
    let beyond = app.get_with("/t.txt", &[("range", "bytes=5000-")]);
    assert_eq!(
        beyond.assert_status(416).field("cache-control"),
        Some("no-store")
    );
}

#[test]
fn what_is_missing_is_never_pinned() {
    let rules = "/assets/*\nCache-Control: public, max-age=31536000, immutable\nX-A: 1\n";
    let plain = site().file("assets/x.js", "x").file("_headers", rules);
    let app = plain.bundle().start(&[]);
    check(
        &app,
        "/assets/x.js",
        "cache-control",
        Some("public, max-age=31536000, immutable"),
    );
    check(
        &app,
        "/assets/missing.js",
        "cache-control",
        Some("no-store"),
    );
    check(&app, "/assets/missing.js", "x-a", Some("1"));
    // The page of the site has the fields of its own path.
    let app = plain.file("404.html", "not found").bundle().start(&[]);
    check(
        &app,
        "/assets/missing.js",
        "cache-control",
        Some("no-cache"),
    );
    check(&app, "/assets/missing.js", "x-a", None);
}

#[test]
fn placeholders_in_values_are_encoded() {
    let rules = "/:lang/*\n  Content-Language: :lang\n  X-Rest: :splat\n";
    let app = site()
        .file("de/ä b.txt", "x")
        .file("_headers", rules)
        .bundle()
        .start(&[]);
    check(&app, "/de/%C3%A4%20b.txt", "content-language", Some("de"));
    check(&app, "/de/%C3%A4%20b.txt", "x-rest", Some("%C3%A4%20b.txt"));
    check(
        &app,
        "/x%0D%0Ay:z/none",
        "content-language",
        Some("x%0D%0Ay:z"),
    );
}

#[test]
fn workers_are_left_alone() {
    let site = TestSite::new()
        .file("api.js", ECHO)
        .file("public/a.txt", "a")
        .file("public/_headers", "/*\n  X-A: 1\n");
    let app = site.bundle().start(&[]);
    check(&app, "/a.txt", "x-a", Some("1"));
    assert_eq!(app.get("/api").assert_status(200).field("x-a"), None);
}
