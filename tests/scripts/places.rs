//! Scripts where there is nothing but the app.

use serde_json::json;

use super::{handler, json_of, project};
use crate::support::{RunningApp, TestSite, skipped, unshare};

/// Scripts that ask for all that could come from a file: time, random numbers, a clock, text.
fn site() -> TestSite {
    let source = "import data from './_data.json';\n\
        export default async (request) => { await new Promise(done => setTimeout(done, 1));\n\
        const { length } = crypto.randomUUID(); const year = new Date().getFullYear();\n\
        return Response.json([data.a, length, year > 2000, new Intl_().x, new URL(request.url).pathname]) };\n\
        class Intl_ { x = 'ä'.toLocaleUpperCase().normalize('NFD').length }";
    project(&[
        ("a.ts", source),
        ("_data.json", "{ \"a\": \"data\" }"),
        ("fails.js", &handler("throw new Error('on purpose')")),
        ("public/index.html", "<h1>Home</h1>"),
    ])
}

#[track_caller]
fn check(app: &RunningApp) {
    assert_eq!(json_of(&app.get("/a")), json!(["data", 36, true, 2, "/a"]));
    app.get("/fails").assert_status(500);
    assert!(app.log_line("worker_failed").contains("fails.js:1:"));
    app.get("/").assert_status(200);
}

#[test]
fn scripts_run_in_an_empty_root() {
    for compress in ["all", "assets"] {
        let app = site().bundle_with(&["--compress", compress]);
        check(&app.start(&[]));
        let Some(command) = app.command_in_empty_root() else {
            return skipped("an empty root: nothing may be root here");
        };
        check(&RunningApp::start(command));
    }
}

#[test]
fn scripts_run_without_proc() {
    let app = site().bundle();
    let Some(mut command) = unshare(&["--mount"]) else {
        return skipped("scripts without /proc: nothing can be mounted here");
    };
    let script = r#"mount -t tmpfs none /proc || exit 77
        test -e /proc/self && exit 78
        exec "$0" --port 0"#;
    command.args(["sh", "-c", script]).arg(app.path());
    match RunningApp::try_start(command) {
        Ok(running) => check(&running),
        Err(ended) if ended.status.code() == Some(77) => {
            skipped(&format!("scripts without /proc: {}", ended.log));
        }
        Err(ended) => panic!("{ended:?}"),
    }
}

#[test]
fn scripts_run_without_a_pool_where_there_is_little_address_space() {
    let app = site()
        .bundle()
        .start(&["--worker-concurrency", "10000", "--worker-memory", "4GiB"]);
    check(&app);
}
