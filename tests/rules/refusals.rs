//! Rules that are none: refused when a site is bundled, all at once, each with its line.

use super::site;
use crate::support::{TestSite, check_refusal};

#[test]
fn every_bad_line_is_refused_with_its_number_in_one_report() {
    let redirects = "/ok /about\n\
        /a\n\
        /b /c 299\n\
        /d /e Country=us\n\
        /f q=:q /g/:q\n\
        /h https://other.example/ 200\n\
        /i /nowhere 200\n\
        /j /nowhere 410\n\
        /k/*/x /about\n\
        /l /l/\n\
        /m //evil.example\n\
        /n /o\n\
        /o /n\n";
    let headers = "/*\nX-A\nContent-Length: 3\n/b\n";
    let config = "[site]\nhtml = 'pretty'\nnot_found = '/none.html'\n[cors]\norigins = ['x']\n";
    let site = site()
        .file("_redirects", redirects)
        .file("_headers", headers)
        .file("wws.toml", config);
    check_refusal(
        &site,
        &[
            "_redirects:2: \"/a\" leads nowhere",
            "_redirects:3: 299 is no status of a rule; write one of 301",
            "_redirects:4: \"Country=us\" is a condition",
            "_redirects:5: \"q=:q\" matches on the query",
            "_redirects:6: 200 would fetch https://other.example/ from another server",
            "_redirects:7: nothing answers /nowhere",
            "_redirects:8: there is no page /nowhere",
            "_redirects:9: in \"/k/*/x\" the *",
            "_redirects:10: the rule leads to itself",
            "_redirects:11: \"//evil.example\" begins with two slashes",
            "_redirects:12: a request for /n is sent on for ever, by lines 12, 13",
            "_headers:2: \"X-A\" is neither a path",
            "_headers:3: content-length is decided by the server",
            "_headers:4: the path \"/b\" has no fields",
            "wws.toml:2:8: html must be one of",
            "wws.toml:3:1: there is no file for not_found = \"/none.html\"",
            "wws.toml:5:12: \"x\" is no origin",
        ],
    );
}

#[test]
fn what_only_the_whole_site_can_tell_is_refused_too() {
    #[track_caller]
    fn check(file: &str, text: &str, want: &str) {
        check_refusal(&site().file(file, text), &[want]);
    }
    check(
        "_redirects",
        "/i /nowhere 200\n",
        "_redirects:1: nothing answers /nowhere",
    );
    check(
        "_redirects",
        "/i /nowhere 410\n",
        "_redirects:1: there is no page /nowhere",
    );
    check(
        "_redirects",
        "/n /o\n/o /n\n",
        "_redirects:1: a request for /n is sent on for ever, by lines 1, 2",
    );
    check(
        "_redirects",
        "/* /about 302!\n",
        "_redirects:1: a request for",
    );
    check(
        "_redirects",
        "/about /about.html 301!\n",
        "_redirects:1: a request for /about is sent on",
    );
    check(
        "wws.toml",
        "site.not_found = '/none.html'\n",
        "wws.toml:1:6: there is no file for not_found",
    );
    check(
        "wws.toml",
        "site.cache = { '/[' = 'no-store' }\n",
        "wws.toml:1:16: ",
    );
    let long = format!("/a.css\nX-A: {}\nX-B: {0}\nX-C: {0}\n", "x".repeat(8000));
    check(
        "_headers",
        &long,
        "_headers: the fields that _headers gives to /a.css have more than 16384 bytes",
    );
    let project = TestSite::new()
        .file("public/a.txt", "a")
        .file("wws.toml", "site.spa = true");
    check_refusal(
        &project,
        &["wws.toml:1:6: spa answers with the page of the root"],
    );
}

#[test]
fn a_rule_file_beside_the_assets_of_a_project_is_refused_where_it_does_nothing() {
    for name in ["_headers", "_redirects"] {
        let site = TestSite::new()
            .file("public/a.txt", "a")
            .file(name, "/a /b\n");
        let want =
            format!("{name}: rules lie where the assets do: move this file to public/{name}");
        check_refusal(&site, &[&want]);
        site.bundle_with(&["--ignore", name]);
    }
}

#[test]
fn what_may_surprise_is_noted() {
    let redirects = "/a /about\n/a/ /docs\n/about /docs\n/b/* /about 302\n/b/c /docs\n";
    let config = "[site]\nhtml = 'none'\ncache = { '/none/**' = 'no-store' }\n";
    let site = TestSite::with_index()
        .file("about", "about")
        .file("docs", "docs")
        .file("_redirects", redirects)
        .file("wws.toml", config);
    let text = site.summary(&[]);
    for note in [
        "note     _redirects:2: is never reached: line 1 matches before it",
        "note     _redirects:3: is never used: about answers /about; write 301! if",
        "note     _redirects:5: is never reached: line 4 matches before it",
        "note     wws.toml:3: no file matches \"/none/**\"",
        "note     with html = \"none\" nothing answers /",
        "rules    5 redirects, 0 for header fields",
    ] {
        assert!(text.contains(note), "{note:?} is missing:\n{text}");
    }
}
