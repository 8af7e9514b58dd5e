//! What an app tells about itself, and whom it believes: ids of requests, proxies, the log, metrics,
//! health, and the panel.

mod forwarded;
mod health;
mod ids;
mod log;
mod metrics;
mod panel;

use std::fs;

use serde_json::Value;

use crate::support::{Answer, BundledApp, Connection, RunningApp, TestSite, repository};

/// Assets, a redirect, and workers: one that says what it got, one that traps, one that loops.
fn site() -> TestSite {
    let echo = repository("examples/rust-worker/api/echo.wasm");
    TestSite::with_index()
        .file("long.txt", "a line of a long text\n".repeat(20_000))
        .file("docs/index.html", "<h1>Docs</h1>")
        .file("api/echo.wasm", fs::read(echo).unwrap())
        .worker("trap", "trap")
        .worker("loop", "loop_forever")
}

/// A request: method, path and fields; and what it comes to: status and route.
type Case = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    u16,
    &'static str,
);

/// The JSON that the worker `echo` got.
#[track_caller]
fn echoed(answer: &Answer) -> Value {
    answer.assert_status(200);
    serde_json::from_slice(&answer.body).unwrap()
}

/// A field of the request that `echo` got.
fn field<'v>(echoed: &'v Value, name: &str) -> Option<&'v str> {
    echoed["headers"][name].as_str()
}

/// An app with its second listener on a free port.
struct Admin {
    app: RunningApp,
    port: u16,
}

impl Admin {
    #[track_caller]
    fn start(app: &BundledApp, arguments: &[&str]) -> Self {
        let arguments = [&["--admin", "127.0.0.1:0"], arguments].concat();
        let app = app.start(&arguments);
        let line = app.log_line("127.0.0.1:");
        let digits = |c: char| !c.is_ascii_digit();
        let port = line.rsplit("127.0.0.1:").next().unwrap();
        let port = port.split(digits).next().unwrap().parse().unwrap();
        Self { app, port }
    }

    #[track_caller]
    fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[])
    }

    #[track_caller]
    fn request(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        Connection::to(self.port).request(method, path, fields, b"")
    }

    /// The value of a sample, by its name and labels as they are written; 0 if it is not there.
    #[track_caller]
    fn sample(&self, name: &str) -> f64 {
        let text = self.get("/metrics").assert_status(200).text();
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.map_or(0.0, |value| value.parse().unwrap())
    }
}
