//! `_redirects`: where clients are sent.

use super::{ECHO, check_sent, get, site};
use crate::support::{RunningApp, TestSite};

#[test]
fn rules_send_clients_where_they_say() {
    let rules = "# moved\n\
        /old        /about\n\
        /temporary  /about 302\n\
        /see        /about 303\n\
        /keep       /about 307\n\
        /forever    /about 308\n\
        /away       https://other.example/there#part\n\
        /blog/*     /news/:splat\n\
        /u/:id      /users?id=:id   # on Netlify too\n\
        /:a/swap/:b /:b/swapped/:a\n\
        /search     /find?q=all\n";
    site().file("_redirects", rules).both_ways(|app| {
        check_sent(app, "/old", 301, "/about");
        check_sent(app, "/old/", 301, "/about");
        check_sent(app, "/%6Fld", 301, "/about");
        check_sent(app, "/old?a=1&b=%20", 301, "/about?a=1&b=%20");
        check_sent(app, "/temporary", 302, "/about");
        check_sent(app, "/see", 303, "/about");
        check_sent(app, "/keep", 307, "/about");
        check_sent(app, "/forever", 308, "/about");
        check_sent(
            app,
            "/away?x=1",
            301,
            "https://other.example/there?x=1#part",
        );
        check_sent(app, "/blog/2020/a%20b?x", 301, "/news/2020/a%20b?x");
        check_sent(app, "/blog", 301, "/news/");
        check_sent(app, "/u/7%26admin=1", 301, "/users?id=7%26admin%3D1");
        check_sent(app, "/1/swap/2", 301, "/2/swapped/1");
        check_sent(app, "/search?q=mine", 301, "/find?q=all");
        app.get("/none").assert_status(404);
        let post = app.request("POST", "/keep", &[], b"body");
        assert_eq!(post.assert_status(307).field("location"), Some("/about"));
    });
}

#[test]
fn a_file_wins_unless_the_rule_is_forced() {
    let rules = "/about /x\n/about.html /x\n/a.css /forced.css 302!\n/docs/* /moved/:splat 301!\n";
    let app = site().file("_redirects", rules).bundle().start(&[]);
    assert_eq!(get(&app, "/about", &[]).assert_status(200).text(), "about");
    check_sent(&app, "/about.html", 307, "/about");
    check_sent(&app, "/about/", 307, "/about");
    // A plain GET would be answered on the short way.
    check_sent(&app, "/a.css", 302, "/forced.css");
    check_sent(&app, "/docs/", 301, "/moved/");
    check_sent(&app, "/docs/index.html", 301, "/moved/index.html");
}

#[test]
fn a_worker_wins_unless_the_rule_is_forced() {
    let site = TestSite::new()
        .worker("api/[id]", "hello")
        .worker("exact", "hello")
        .file(
            "public/_redirects",
            "/api/1 /x\n/exact /x\n/api/2 /x 301!\n/rest /end 200\n/* /rest 302\n",
        )
        .file("public/end.html", "end");
    let app = site.bundle().start(&[]);
    assert_eq!(
        app.get("/api/1").assert_status(200).text(),
        "hello from wat"
    );
    assert_eq!(
        app.get("/exact").assert_status(200).text(),
        "hello from wat"
    );
    check_sent(&app, "/api/2", 301, "/x");
    check_sent(&app, "/else", 302, "/rest");
    app.get("/_redirects").assert_status(302);
}

#[test]
fn a_rule_for_a_host_holds_for_the_one_that_a_trusted_proxy_names() {
    let rules = "https://www.site.example/* https://site.example/:splat 301!\n";
    let app = site()
        .file("_redirects", rules)
        .file("api/echo.js", ECHO)
        .file("wws.toml", "workers.scripts = ['api/*.js']")
        .bundle();
    let behind = app.start(&["--trusted-proxy", "127.0.0.1"]);
    let alone = app.start(&[]);
    for (name, parameter) in [("X-Forwarded-Host", ""), ("Forwarded", "host=")] {
        for general in [&[][..], &[("te", "trailers")]] {
            for path in ["/about", "/api/echo"] {
                let ask = |app: &RunningApp, host: &str, of_client: &str| {
                    let of_client = format!("{parameter}{of_client}");
                    let fields = [("host", host), (name, &*of_client)];
                    app.get_with(path, &[&fields, general].concat())
                };
                let (ours, other) = ("www.site.example", "internal");
                let sent = ask(&behind, other, ours);
                let location = format!("https://site.example{path}");
                assert_eq!(sent.assert_status(301).field("location"), Some(&*location));
                ask(&behind, ours, other).assert_status(200);
                ask(&alone, other, ours).assert_status(200);
            }
        }
    }
}

#[test]
fn a_rule_for_a_host_holds_there_only() {
    let rules = "https://old.example/* https://new.example/:splat 301!\n\
        https://:lang.example.net/* https://example.net/:lang/:splat 302\n";
    let app = site().file("_redirects", rules).bundle().start(&[]);
    let at = |host: &str, path: &str| {
        let answer = get(&app, path, &[("host", host)]);
        (answer.status, answer.field("location").map(str::to_owned))
    };
    let sent = |status, to: &str| (status, Some(to.to_owned()));
    assert_eq!(
        at("old.example", "/about"),
        sent(301, "https://new.example/about")
    );
    assert_eq!(
        at("OLD.example:8080", "/about?q"),
        sent(301, "https://new.example/about?q")
    );
    assert_eq!(at("new.example", "/about"), (200, None));
    assert_eq!(
        at("de.example.net", "/x/y"),
        sent(302, "https://example.net/de/x/y")
    );
    assert_eq!(at("a.b.example.net", "/x/y"), (404, None));
}

#[test]
fn no_request_makes_a_rule_lead_to_another_site() {
    let rules = "/go/* /:splat\n/to/:host https://:host.example.com/\n/q/:x /s?x=:x 302\n";
    let app = site().file("_redirects", rules).bundle().start(&[]);
    check_sent(&app, "/go//evil.example/x", 301, "/evil.example/x");
    check_sent(&app, "//go//evil.example", 301, "/evil.example");
    check_sent(&app, "/go/https:/evil.example", 301, "/https:/evil.example");
    check_sent(&app, "/to/DE", 301, "https://de.example.com/");
    for path in ["/go/%5Cevil.example", "/go/%2F%2Fevil.example", "/go/.."] {
        app.get(path).assert_status(400);
    }
    for path in ["/to/evil.example%3F", "/to/evil.example%23", "/to/a%40b"] {
        let answer = app.get(path);
        assert_eq!(answer.assert_status(404).field("location"), None, "{path}");
    }
    check_sent(
        &app,
        "/q/%0D%0ASet-Cookie:a=b",
        302,
        "/s?x=%0D%0ASet-Cookie%3Aa%3Db",
    );
    check_sent(&app, "/go/%0D%0Ax:y", 301, "/%0D%0Ax:y");
}

#[test]
fn rules_hold_below_the_prefix() {
    let site = site().file(
        "_redirects",
        "/old/* /about\n/page /gone 410\n/inner /about 200\n",
    );
    let app = site.bundle_with(&["--prefix", "/shop"]).start(&[]);
    check_sent(&app, "/shop/old/x", 301, "/shop/about");
    app.get("/old/x").assert_status(404);
    assert_eq!(app.get("/shop/page").assert_status(410).text(), "gone");
    assert_eq!(app.get("/shop/inner").assert_status(200).text(), "about");
}

#[test]
fn ten_thousand_rules_are_followed() {
    let rules: String = (0..10_000)
        .map(|n| format!("/from/{n} /to/{n}\n/p{n}/* /q{n}/:splat 302!\n"))
        .collect();
    let app = site().file("_redirects", rules).bundle().start(&[]);
    check_sent(&app, "/from/9999", 301, "/to/9999");
    check_sent(&app, "/p9999/a/b", 302, "/q9999/a/b");
    assert_eq!(app.get("/about").assert_status(200).text(), "about");
    app.get("/from/10000").assert_status(404);
}
