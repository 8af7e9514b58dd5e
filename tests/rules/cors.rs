//! `[cors]` and `--cors`: which other origins may read answers.

use super::{ECHO, get, site};
use crate::support::{Answer, RunningApp, TestSite};

const OURS: (&str, &str) = ("origin", "https://app.example");
const OTHER: (&str, &str) = ("origin", "https://app.example.evil");

fn shared(config: &str) -> RunningApp {
    let own = "export default () => new Response('own', { headers: { \
        'access-control-allow-origin': 'https://mine.example', vary: 'X' } });\n";
    let varied = "export default () => { const answer = new Response('varied'); \
        for (const name of ['Accept-Language', 'Cookie']) answer.headers.append('vary', name); \
        return answer; };\n";
    let site = site()
        .file("api/varied.js", varied)
        .file("api/echo.js", ECHO)
        .file("api/own.js", own)
        .file(
            "wws.toml",
            format!("workers.scripts = ['api/*.js']\n[cors]\n{config}"),
        );
    site.bundle().start(&[])
}

#[track_caller]
fn allowed(answer: &Answer) -> Option<&str> {
    answer.field("access-control-allow-origin")
}

#[test]
fn listed_origins_may_read_files_and_workers() {
    let app =
        shared("origins = ['https://app.example', 'http://localhost:3000']\ncredentials = true");
    for path in ["/about", "/about.html", "/none", "/api/echo"] {
        let answer = app.get_with(path, &[OURS]);
        assert_eq!(allowed(&answer), Some("https://app.example"), "{path}");
        assert_eq!(
            answer.field("access-control-allow-credentials"),
            Some("true")
        );
        for fields in [&[OTHER][..], &[("origin", "null")], &[]] {
            let answer = app.get_with(path, fields);
            assert_eq!(allowed(&answer), None, "{path} {fields:?}");
            assert_eq!(answer.field("access-control-allow-credentials"), None);
            // Caches must not give one origin what another was told.
            assert!(
                answer.field("vary").unwrap().contains("Origin"),
                "{path} {fields:?}"
            );
        }
    }
    let etag = get(&app, "/about", &[OURS])
        .field("etag")
        .unwrap()
        .to_owned();
    let answer = get(&app, "/about", &[OURS, ("if-none-match", &etag)]);
    assert_eq!(
        allowed(answer.assert_status(304)),
        Some("https://app.example")
    );
}

#[test]
fn all_that_a_worker_says_its_answer_depends_on_stays() {
    let app = shared("origins = ['https://app.example']");
    for fields in [&[OURS][..], &[OURS, ("te", "trailers")]] {
        let answer = app.get_with("/api/varied", fields);
        let vary: Vec<&str> = answer.all("vary").collect();
        assert_eq!(vary.join(", "), "Accept-Language, Cookie, Origin");
    }
}

#[test]
fn a_worker_that_decides_itself_is_left_alone() {
    let app = shared("origins = ['*']");
    let answer = app.get_with("/api/own", &[OURS]);
    assert_eq!(allowed(&answer), Some("https://mine.example"));
    assert_eq!(answer.field("vary"), Some("X"));
    assert_eq!(allowed(&app.get("/api/echo")), Some("*"));
    let answer = get(&app, "/about", &[]);
    assert_eq!((allowed(&answer), answer.field("vary")), (Some("*"), None));
}

#[test]
fn preflights_are_answered_for_files_and_workers() {
    let config =
        "origins = ['https://app.example']\nmethods = ['GET', 'PUT']\nheaders = ['X-Token']";
    let app = shared(config);
    let ask = |path: &str, origin| {
        let fields = [origin, ("access-control-request-method", "PUT")];
        app.request("OPTIONS", path, &fields, b"")
    };
    for path in ["/about", "/api/echo", "/none"] {
        let answer = ask(path, OURS);
        assert_eq!(
            allowed(answer.assert_status(204)),
            Some("https://app.example"),
            "{path}"
        );
        assert_eq!(
            answer.field("access-control-allow-methods"),
            Some("GET, PUT")
        );
        assert_eq!(
            answer.field("access-control-allow-headers"),
            Some("x-token")
        );
        let answer = ask(path, OTHER);
        assert_eq!(allowed(answer.assert_status(204)), None);
        assert_eq!(answer.field("access-control-allow-methods"), None);
    }
    // An OPTIONS that is no preflight is what it was.
    let plain = app.request("OPTIONS", "/about", &[OURS], b"");
    assert_eq!(
        plain.assert_status(204).field("allow"),
        Some("GET, HEAD, OPTIONS")
    );
    let worker = app.request("OPTIONS", "/api/echo", &[OURS], b"");
    assert!(
        worker.assert_status(200).text().ends_with("/api/echo"),
        "{worker:?}"
    );
}

#[test]
fn the_flag_works_as_in_wws_1_7_and_names_origins_in_place_of_the_sites() {
    let site = TestSite::with_index().file("wws.toml", "cors.origins = ['https://site.example']");
    let bundle = site.bundle();
    let app = bundle.start(&[
        "--cors",
        "https://app.example,https://b.example",
        "--cors",
        "http://c:1",
    ]);
    for origin in ["https://app.example", "https://b.example", "http://c:1"] {
        assert_eq!(
            allowed(&get(&app, "/", &[("origin", origin)])),
            Some(origin)
        );
    }
    assert_eq!(
        allowed(&get(&app, "/", &[("origin", "https://site.example")])),
        None
    );
    let mut command = bundle.command(&[]);
    command.env("WWS_CORS", "*");
    let app = RunningApp::start(command);
    assert_eq!(allowed(&get(&app, "/", &[])), Some("*"));
    let mut command = bundle.command(&["--cors", "app.example"]);
    let ended = RunningApp::try_start(std::mem::replace(&mut command, bundle.command(&[])));
    let ended = ended.err().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.log);
    assert!(ended.log.contains("write scheme and host"), "{}", ended.log);
}

#[test]
fn any_origin_with_credentials_is_refused_at_the_start_too() {
    let config = "[cors]\norigins = ['https://a.example']\ncredentials = true";
    let app = TestSite::with_index().file("wws.toml", config).bundle();
    let ended = RunningApp::try_start(app.command(&["--cors", "*"]))
        .err()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended
            .log
            .contains("--cors (WWS_CORS): \"*\" with credentials"),
        "{}",
        ended.log
    );
}
