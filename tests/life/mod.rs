//! An app as a process and as a file: how it starts and ends, where it runs, and what it does when
//! its file was changed or damaged.

mod arguments;
mod damage;
mod end;
mod places;
mod privileges;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{
    Answer, BundledApp, Connection, OF_ONE_ANSWER, RunningApp, TestSite, repository,
};

/// Text that every coding shortens.
fn long_text() -> String {
    (0..300).map(|n| format!("line {n} of a text\n")).collect()
}

/// Assets with and without codings, a redirect, and a worker.
fn small_site() -> TestSite {
    TestSite::with_index()
        .file("about.html", "<h1>About</h1>")
        .file("long.txt", long_text())
        .worker("hello", "hello")
}

/// Every path of [`small_site`], and one that leads nowhere.
const PATHS: [&str; 6] = [
    "/",
    "/about",
    "/about.html",
    "/long.txt",
    "/hello",
    "/missing",
];
const CODINGS: [&str; 4] = ["identity", "zstd", "br", "gzip"];

/// An app without the free port that [`BundledApp::command`] asks for.
fn bare(app: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(app);
    for name in ["HOST", "PORT", "WWS_HOST", "WWS_PORT"] {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment.iter().copied());
    command
}

/// A path asked for with a coding, on a connection of its own.
fn ask(port: u16, path: &str, coding: &str) -> std::io::Result<Answer> {
    let mut connection = Connection::open(port)?;
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept-encoding: {coding}\r\n\r\n");
    connection.send(head.as_bytes())?;
    connection.answer("GET")
}

/// What an app has to answer.
struct Wanted {
    path: &'static str,
    coding: &'static str,
    answer: Answer,
}

/// What an undamaged app answers to everything.
fn wanted(app: &BundledApp) -> Vec<Wanted> {
    let running = app.start(&[]);
    let all = PATHS
        .iter()
        .flat_map(|path| CODINGS.map(|coding| (*path, coding)));
    let ask = |(path, coding)| Wanted {
        path,
        coding,
        answer: ask(running.port(), path, coding).unwrap(),
    };
    all.map(ask).collect()
}

/// Whether two answers are the same but for what tells every two answers apart.
fn same(a: &Answer, b: &Answer) -> bool {
    let undated = |answer: &Answer| -> Vec<(String, String)> {
        answer
            .fields
            .iter()
            .filter(|(name, _)| !OF_ONE_ANSWER.contains(&name.as_str()))
            .cloned()
            .collect()
    };
    a.status == b.status && a.body == b.body && undated(a) == undated(b)
}

#[track_caller]
fn check_answers(app: &RunningApp, wanted: &[Wanted]) {
    for Wanted {
        path,
        coding,
        answer,
    } in wanted
    {
        let got = ask(app.port(), path, coding).unwrap();
        assert!(
            same(&got, answer),
            "{path} as {coding}: {got:?}\ninstead of {answer:?}"
        );
    }
}

/// Ends an app by a signal; it has to exit with 0.
#[track_caller]
fn check_end(mut app: RunningApp, signal: &str) {
    app.signal(signal);
    assert_eq!(app.wait(), Some(0), "SIG{signal}: {}", app.log());
}

/// Says `begun` in the log, sleeps, and answers `slept for 10 s`, however long it was.
fn sleeper(milliseconds: u32) -> Vec<u8> {
    let source = fs::read_to_string(repository("tests/guests/sleep.wat")).unwrap();
    // One iovec at 128, for the six bytes behind it.
    let begin = r#"(data (i32.const 128) "\88\00\00\00\06\00\00\00begun\n")
        (func (export "_start")
          (drop (call $fd_write (i32.const 2) (i32.const 128) (i32.const 1) (i32.const 120)))"#;
    let source = source.replacen(r#"(func (export "_start")"#, begin, 1);
    let nanoseconds = (u64::from(milliseconds) * 1_000_000).to_string();
    wat::parse_str(source.replacen("10_000_000_000", &nanoseconds, 1)).unwrap()
}

/// A request to `/sleep` that a worker is busy with.
fn open_request(app: &RunningApp) -> Connection {
    let mut connection = app.connect();
    connection
        .send(b"GET /sleep HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    app.log_line("begun");
    connection
}
