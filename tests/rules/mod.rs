//! What a site says of its own paths, through real apps: redirects, header fields, pages, other origins.

mod caching;
mod cors;
mod headers;
mod inspect;
mod pages;
mod redirects;
mod refusals;
mod rewrites;
mod security;

use crate::support::{Answer, OF_ONE_ANSWER, RunningApp, TestSite};

/// A site with some pages and files.
fn site() -> TestSite {
    TestSite::with_index()
        .file("about.html", "about")
        .file("docs/index.html", "docs")
        .file("a.css", "a {}")
        .file("gone.html", "gone")
}

/// A script that answers with what it was asked.
const ECHO: &str = "export default { fetch: (request) => new Response(request.url) };\n";

/// A GET, on the short way, and by a HEAD, which is on the general one; both have the same fields.
#[track_caller]
fn get(app: &RunningApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let answer = app.get_with(path, fields);
    let head = app.request("HEAD", path, fields, b"");
    let of_all = |answer: &Answer| {
        let mut fields = answer.fields.clone();
        fields.retain(|(name, _)| !OF_ONE_ANSWER.contains(&name.as_str()));
        fields.sort();
        (answer.status, fields)
    };
    assert_eq!(of_all(&answer), of_all(&head), "{path}");
    answer
}

/// Status and `Location`.
#[track_caller]
fn check_sent(app: &RunningApp, path: &str, status: u16, location: &str) {
    let answer = get(app, path, &[]);
    assert_eq!(
        answer.assert_status(status).field("location"),
        Some(location),
        "{path}"
    );
}
