//! Validators, and the requests that depend on them.

use std::collections::BTreeSet;

use super::{CODINGS, etag, site, text};
use crate::support::{RunningApp, wws};

#[test]
fn etags_are_strong_differ_per_coding_and_outlive_a_restart() {
    let bundled = site().bundle();
    let etags = |app: &RunningApp| CODINGS.map(|coding| etag(app, "/text.txt", coding));
    let first = etags(&bundled.start(&[]));
    assert!(
        first
            .iter()
            .all(|tag| tag.starts_with('"') && tag.ends_with('"')),
        "{first:?}"
    );
    assert_eq!(BTreeSet::from_iter(&first).len(), CODINGS.len());
    assert_eq!(etags(&bundled.start(&[])), first);
    let changed = site().file("text.txt", text(20_001)).bundle().start(&[]);
    assert!(etags(&changed).iter().all(|tag| !first.contains(tag)));
}

#[test]
fn if_none_match_saves_what_the_client_has() {
    let check = |app: &RunningApp, tags: &str, coding: &str, status: u16| {
        let fields = [("if-none-match", tags), ("accept-encoding", coding)];
        for method in ["GET", "HEAD"] {
            app.request(method, "/text.txt", &fields, b"")
                .assert_status(status);
        }
    };
    site().both_ways(|app| {
        let [zstd, .., plain] = CODINGS.map(|coding| etag(app, "/text.txt", coding));
        check(app, &plain, "identity", 304);
        check(app, &zstd, "zstd", 304);
        check(app, &zstd, "identity", 200);
        check(app, &format!("W/{plain}"), "identity", 304);
        check(app, &format!("\"a,b\", W/\"x\" ,{plain}"), "identity", 304);
        check(app, &format!("{plain}, {zstd}"), "zstd", 304);
        check(app, "*", "br", 304);
        check(app, "\"other\"", "identity", 200);
        check(app, plain.trim_matches('"'), "identity", 200);
        app.get_with("/nothing", &[("if-none-match", "*")])
            .assert_status(404);
        app.request("POST", "/text.txt", &[("if-none-match", "*")], b"")
            .assert_status(405);
    });
}

/// RFC 9110, 15.4.5.
#[test]
fn a_304_repeats_what_a_cache_needs_and_nothing_else() {
    let app = site().bundle().start(&[]);
    for coding in CODINGS {
        let fields = [("accept-encoding", coding)];
        let whole = app.get_with("/text.txt", &fields);
        let tag = whole.field("etag").unwrap();
        let mut connection = app.connect();
        let fields = [fields[0], ("if-none-match", tag)];
        let answer = connection.request("GET", "/text.txt", &fields, b"");
        answer.assert_status(304);
        for name in ["etag", "vary", "cache-control"] {
            assert_eq!(answer.field(name), whole.field(name), "{name}");
        }
        assert!(answer.field("date").is_some());
        for name in [
            "content-type",
            "content-length",
            "content-encoding",
            "transfer-encoding",
        ] {
            assert_eq!(answer.field(name), None, "{name}");
        }
        // Nothing lies between this answer and the next.
        connection.request("GET", "/", &[], b"").assert_status(200);
    }
}

/// RFC 9110, 8.6: it would have to be that of the 200.
#[test]
fn a_304_to_head_claims_no_other_length_than_the_200() {
    let app = site().bundle().start(&[]);
    let answer = app.request("HEAD", "/text.txt", &[("if-none-match", "*")], b"");
    answer.assert_status(304);
    let length = answer.field("content-length");
    assert!(length.is_none() || length == Some("20000"), "{answer:?}");
}

#[test]
fn if_match_refuses_other_content() {
    let app = site().bundle().start(&[]);
    let [zstd, .., plain] = CODINGS.map(|coding| etag(&app, "/text.txt", coding));
    let check = |fields: &[(&str, &str)], status: u16| {
        app.get_with("/text.txt", fields).assert_status(status);
    };
    check(&[("if-match", &plain)], 200);
    check(&[("if-match", "*")], 200);
    check(&[("if-match", &format!("\"x\", {plain}"))], 200);
    check(&[("if-match", &plain), ("range", "bytes=0-0")], 206);
    check(&[("if-match", &plain), ("if-none-match", &plain)], 304);
    check(&[("if-match", "\"x\"")], 412);
    check(&[("if-match", &format!("W/{plain}"))], 412);
    check(&[("if-match", &zstd)], 412);
    check(&[("if-match", "\"x\""), ("range", "bytes=0-0")], 412);
    check(&[("if-match", "\"x\""), ("if-none-match", &plain)], 412);
    app.get_with("/nothing", &[("if-match", "\"x\"")])
        .assert_status(404);
}

#[test]
fn if_range_gives_the_whole_where_the_content_is_another() {
    let app = site().bundle().start(&[]);
    let [zstd, .., plain] = CODINGS.map(|coding| etag(&app, "/text.txt", coding));
    let check = |validator: &str, coding: &str, status: u16| {
        let fields = [
            ("if-range", validator),
            ("range", "bytes=5-9"),
            ("accept-encoding", coding),
        ];
        app.get_with("/text.txt", &fields).assert_status(status);
    };
    check(&plain, "identity", 206);
    check(&zstd, "zstd", 206);
    check(&zstd, "identity", 200);
    check("\"x\"", "identity", 200);
    check(&format!("W/{plain}"), "identity", 200);
    check("Tue, 14 Nov 2023 22:13:20 GMT", "identity", 200);
}

#[test]
fn dates_count_when_the_bundle_was_given_one() {
    const THEN: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
    const BEFORE: &str = "Tue, 14 Nov 2023 22:13:19 GMT";
    const AFTER: &str = "Tue, 14 Nov 2023 22:13:21 GMT";
    let site = site();
    let bundled = site.bundle();
    let check = |fields: &[(&str, &str)], status: u16, last_modified: Option<&str>| {
        let app = bundled.start(&[]);
        let answer = app.get_with("/text.txt", fields);
        answer.assert_status(status);
        assert_eq!(answer.field("last-modified"), last_modified);
    };
    check(&[], 200, None);
    check(&[("if-modified-since", AFTER)], 200, None);
    check(&[("if-unmodified-since", BEFORE)], 200, None);

    let mut command = wws();
    command
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .arg("bundle")
        .arg(site.path());
    assert!(
        command
            .arg("-o")
            .arg(bundled.path())
            .output()
            .unwrap()
            .status
            .success()
    );
    check(&[], 200, Some(THEN));
    check(&[("if-modified-since", THEN)], 304, Some(THEN));
    check(&[("if-modified-since", AFTER)], 304, Some(THEN));
    check(
        &[("if-modified-since", "Tuesday, 14-Nov-23 22:13:20 GMT")],
        304,
        Some(THEN),
    );
    check(&[("if-modified-since", BEFORE)], 200, Some(THEN));
    check(&[("if-modified-since", "yesterday")], 200, Some(THEN));
    check(
        &[("if-modified-since", AFTER), ("if-none-match", "\"x\"")],
        200,
        Some(THEN),
    );
    check(&[("if-unmodified-since", THEN)], 200, Some(THEN));
    check(&[("if-unmodified-since", BEFORE)], 412, None);
    check(
        &[("if-unmodified-since", BEFORE), ("if-match", "*")],
        200,
        Some(THEN),
    );
    check(
        &[("if-range", THEN), ("range", "bytes=0-0")],
        206,
        Some(THEN),
    );
    check(
        &[("if-range", AFTER), ("range", "bytes=0-0")],
        200,
        Some(THEN),
    );
}
