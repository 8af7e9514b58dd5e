//! `_redirects` with 200, and with pages for what is not there any more.

use super::{ECHO, get, site};
use crate::support::TestSite;

#[test]
fn what_a_rewrite_names_answers_in_place_of_the_path() {
    let rules = "/alias /about 200\n/by-file /about.html 200\n/d /docs 200\n/app/* /index.html 200\n\
        /css/:name /:name.css 200\n/a.css /gone 200!\n";
    site().file("_redirects", rules).both_ways(|app| {
        for (path, want) in [
            ("/alias", "about"),
            ("/alias/", "about"),
            ("/by-file", "about"),
            ("/d", "docs"),
            ("/app/any/view", "<h1>Home</h1>"),
            ("/css/a", "a {}"),
            ("/a.css", "gone"),
        ] {
            let answer = get(app, path, &[]);
            assert_eq!(answer.assert_status(200).text(), want, "{path}");
            assert_eq!(answer.field("location"), None);
        }
        // The fields are those of the file that answers.
        assert_eq!(
            get(app, "/app/x.js", &[]).field("cache-control"),
            Some("no-cache")
        );
        let etag = get(app, "/about", &[]).field("etag").unwrap().to_owned();
        get(app, "/alias", &[("if-none-match", &etag)]).assert_status(304);
        get(app, "/css/none", &[]).assert_status(404);
        app.request("POST", "/alias", &[], b"x").assert_status(405);
    });
}

#[test]
fn a_worker_is_asked_for_the_path_that_the_rule_names() {
    let rules =
        "/shop/* /api?from=shop 200\n/raw/:x /api 200\n/forced /api 200!\n/v/:id /items/:id 200\n";
    let site = TestSite::new()
        .file("api.js", ECHO)
        .file(
            "items/[id].js",
            "export default (request) => new Response(request.params.id);\n",
        )
        .file("public/forced", "a file")
        .file("public/_redirects", rules);
    let app = site.bundle_with(&["--prefix", "/p"]).start(&[]);
    let url = |path: &str| {
        let get = app.get(path).assert_status(200).text();
        let post = app
            .request("POST", path, &[], b"body")
            .assert_status(200)
            .text();
        assert_eq!(get, post);
        get.rsplit_once("localhost").unwrap().1.to_owned()
    };
    assert_eq!(url("/p/shop/a/b?x=1"), "/p/api?from=shop");
    assert_eq!(url("/p/raw/a?x=1"), "/p/api?x=1");
    assert_eq!(url("/p/forced"), "/p/api");
    assert_eq!(app.get("/p/v/a%20b").assert_status(200).text(), "a b");
}

#[test]
fn pages_show_that_something_is_gone() {
    let rules =
        "/old/* /gone.html 410\n/secret /gone 451!\n/missing/* /about 404\n/t/:page /:page 410\n";
    let site = site()
        .file("secret.html", "secret")
        .file("404.html", "not found");
    site.file("_redirects", rules).both_ways(|app| {
        for (path, status, want) in [
            ("/old/x.png", 410, "gone"),
            ("/secret", 451, "gone"),
            ("/missing/a", 404, "about"),
            ("/t/about", 410, "about"),
            ("/else", 404, "not found"),
        ] {
            let answer = get(app, path, &[]);
            assert_eq!(answer.assert_status(status).text(), want, "{path}");
            assert_eq!(
                answer.field("content-type"),
                Some("text/html; charset=utf-8")
            );
        }
        // No page of that name: the built-in one.
        let answer = get(app, "/t/none", &[]);
        assert!(
            answer.assert_status(410).text().contains("410 Gone"),
            "{answer:?}"
        );
        // A condition holds for a 200 only.
        get(app, "/old/x", &[("if-none-match", "*")]).assert_status(410);
        get(app, "/old/x", &[("range", "bytes=0-1")]).assert_status(410);
    });
}
