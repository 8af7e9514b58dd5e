//! Calls to other servers, through each of the doors that workers have for them: the rules, the
//! attacks on them, the limits, and the connections. The servers are threads of the tests.

mod addresses;
mod attacks;
mod connections;
mod limits;
mod network;
mod rules;
mod trust;

use std::fs;
use std::io;

use serde_json::Value;

use crate::support::{Answer, Connection, Origin, RunningApp, TestSite, repository, wait_for};

/// The way by which a worker calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    /// `wasi:http/outgoing-handler` 0.2.
    Proxy,
    /// `wasi:http/client` 0.3.
    Service,
    /// `fetch` of a script.
    Script,
    /// `http.send-http-request` of the kits of wws 1.x.
    Legacy,
}

const DOORS: [Door; 4] = [Door::Proxy, Door::Service, Door::Script, Door::Legacy];

/// What a worker calls with, and what it caught if that failed.
const SCRIPT: &str = "export default { async fetch(request) {
    const { pathname, search } = new URL(request.url);
    const method = pathname === '/fetch-post' ? 'POST' : 'GET';
    const body = method === 'POST' ? await request.arrayBuffer() : undefined;
    const headers = { 'content-type': 'text/plain' };
    try {
      const { status, body: answer } = await fetch(search.slice(1), { method, body });
      return new Response(answer, { status, headers });
    } catch (error) {
      return new Response(`error: ${error.cause?.code}: ${error.message}`, { status: 502, headers });
    }
  } };";

impl Door {
    /// The name of the worker's file, and the worker. It answers at every path.
    fn worker(self) -> (&'static str, Vec<u8>) {
        let guest = |name: &str| {
            let path = repository(&format!("tests/guests/components/{name}.wasm"));
            fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        match self {
            Self::Proxy => ("[...path].wasm", guest("http_p2")),
            Self::Service => ("[...path].wasm", guest("http_p3")),
            Self::Script => ("[...path].js", SCRIPT.into()),
            Self::Legacy => ("[...path].wasm", guest("legacy_http")),
        }
    }

    /// A site of one worker with a TOML file.
    fn site(self, toml: &str) -> TestSite {
        let (name, worker) = self.worker();
        TestSite::new()
            .file(name, worker)
            .file("[...path].toml", toml)
    }

    /// Whether it hands an answer on while it comes.
    fn streams(self) -> bool {
        self != Self::Legacy
    }

    /// The path and query that have the worker make a call.
    fn target(self, method: &str, url: &str) -> String {
        match (self, method) {
            (Self::Legacy, _) => format!("/fetch?{method},{url}"),
            (_, "GET") => format!("/fetch?{url}"),
            (_, "POST") => format!("/fetch-post?{url}"),
            _ => panic!("{self:?} does not call with {method}"),
        }
    }
}

/// An app whose worker calls.
struct Caller {
    door: Door,
    app: RunningApp,
}

/// What the worker got: status and body, or what it was told, by its error and by the log.
type Called = Result<(u16, String), String>;

/// How the log says that a call of a component failed, whose error has no room for words.
const FAILED: &str = "a call failed";

/// An answer that came in part.
const BROKE_OFF: &str = "broke off";

impl Caller {
    fn start(door: Door, toml: &str, flags: &[&str]) -> Self {
        let app = door.site(toml).bundle().start(flags);
        Self { door, app }
    }

    #[track_caller]
    fn get(&self, url: &str) -> Called {
        self.call("GET", url, b"")
    }

    #[track_caller]
    fn call(&self, method: &str, url: &str, body: &[u8]) -> Called {
        let failed_before = self.failures().len();
        self.ask(method, url, body)
            .map_err(|error| match self.door {
                Door::Proxy | Door::Service if !error.starts_with(BROKE_OFF) => {
                    let line = wait_for(|| self.failures().get(failed_before).cloned());
                    format!("{error} {line}")
                }
                _ => error,
            })
    }

    /// As [`call`](Self::call), without what the log says.
    #[track_caller]
    fn ask(&self, method: &str, url: &str, body: &[u8]) -> Called {
        let mut connection = self.app.connect();
        self.send(&mut connection, method, url, body);
        match connection.answer("GET") {
            Ok(answer) if self.door == Door::Legacy => legacy(&answer),
            Ok(answer) => plain(&answer),
            Err(error) => Err(format!("{BROKE_OFF}: {error}")),
        }
    }

    /// Begins a call, and gives the client's connection.
    #[track_caller]
    fn begin(&self, url: &str) -> Connection {
        let mut connection = self.app.connect();
        self.send(&mut connection, "GET", url, b"");
        connection
    }

    #[track_caller]
    fn send(&self, connection: &mut Connection, method: &str, url: &str, body: &[u8]) {
        let target = self.door.target(method, url);
        let of_client = if body.is_empty() { "GET" } else { "POST" };
        let head = format!(
            "{of_client} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        connection.send(&[head.as_bytes(), body].concat()).unwrap();
    }

    fn failures(&self) -> Vec<String> {
        let log = self.app.log();
        let lines = log.lines().filter(|line| line.contains(FAILED));
        lines.map(str::to_owned).collect()
    }
}

/// What a worker says whose answer is that of the other server, or a text of its own.
#[track_caller]
fn plain(answer: &Answer) -> Called {
    let text = answer.text();
    // The worker has caught it: a page of the host would be HTML.
    assert_ne!(
        answer.field("content-type"),
        Some("text/html; charset=utf-8"),
        "{answer:?}"
    );
    match text.strip_prefix("error: ") {
        Some(error) => Err(error.to_owned()),
        None => Ok((answer.status, text)),
    }
}

#[track_caller]
fn legacy(answer: &Answer) -> Called {
    answer.assert_status(200);
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match &told["ok"] {
        Value::Null => Err(format!(
            "{}: {}",
            text(&told["error"]),
            text(&told["message"])
        )),
        ok => Ok((
            u16::try_from(ok["status"].as_u64().unwrap()).unwrap(),
            text(&ok["body"]),
        )),
    }
}

/// The TOML that allows calls to hosts, with more keys of the same table.
fn allowing(hosts: &[&str], more: &str) -> String {
    format!("[features.http_requests]\nallowed_hosts = {hosts:?}\n{more}\n")
}

/// What the servers of tests need beside their host.
const LOOPBACK: &str = "allow_http = true\nallow_private = true\n";

/// The TOML that allows calls to a server of a test.
fn allowing_origin(origin: &Origin, more: &str) -> String {
    let host = format!("127.0.0.1:{}", origin.port());
    allowing(&[&host], &format!("{LOOPBACK}{more}"))
}

/// Runs a test with a worker for each door, all with the same TOML file.
fn each_door(toml: &str, flags: &[&str], test: impl Fn(&Caller)) {
    for door in DOORS {
        test(&Caller::start(door, toml, flags));
    }
}

/// Checks that a call has failed, with words that hold all of `want`.
#[track_caller]
fn check_refused(caller: &Caller, method: &str, url: &str, want: &[&str]) {
    let told = caller.call(method, url, b"");
    let Err(words) = told else {
        panic!("{:?}, {method} {url}: {told:?}", caller.door);
    };
    for part in want {
        assert!(
            words.contains(part),
            "{:?}, {method} {url}: no {part:?} in {words}",
            caller.door
        );
    }
}

/// The end of a connection, where a server closes it after an answer.
fn close() -> io::Result<()> {
    Err(io::ErrorKind::ConnectionAborted.into())
}
