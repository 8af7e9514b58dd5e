//! Workers in JavaScript and TypeScript, from outside: their forms and modules, what they get and
//! answer, what they share and what not, how they fail, and which of them are refused.

mod answers;
mod failures;
mod fetch;
mod forms;
mod images;
mod instances;
mod kv;
mod log;
mod modules;
mod packages;
mod places;
mod refusals;
mod requests;
mod streams;
mod typescript;
mod variables;

use serde_json::Value;

use crate::support::{Answer, RunningApp, TestSite};

/// A project of these files.
fn project(files: &[(&str, &str)]) -> TestSite {
    files
        .iter()
        .fold(TestSite::new(), |site, (name, text)| site.file(name, text))
}

/// A script whose handler has this body.
fn handler(body: &str) -> String {
    format!("export default {{ async fetch(request, env, ctx) {{ {body} }} }};\n")
}

/// A project of one script, whose handler has this body; it answers at `/w`.
fn worker(body: &str) -> TestSite {
    TestSite::new().file("w.js", handler(body))
}

/// What an app has logged, without what `wws` says while it bundles.
fn logged(app: &RunningApp) -> Vec<String> {
    let log = app.log();
    let lines = log.lines().filter(|line| line.starts_with("worker_"));
    lines.map(str::to_owned).collect()
}

/// The JSON of an answer with 200.
#[track_caller]
fn json_of(answer: &Answer) -> Value {
    let answer = answer.assert_status(200);
    let media_type = answer.field("content-type").unwrap_or_default();
    assert!(media_type.starts_with("application/json"), "{answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}
