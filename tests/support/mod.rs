//! A site made by a test, the app bundled from it, and that app running.
//!
//! Every app listens on a port that the kernel chose, and is killed by its handle when the test
//! drops it. Nothing waits for a time: only for a line, an answer, or an end.

mod checks;
mod client;
mod dns;
mod gate;
mod http2;
mod nginx;
mod origin;
mod ports;
mod process;
mod redis;
mod tls;

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

pub(crate) use checks::{assert_discreet, check_refusal, wait_for};
pub(crate) use client::{Answer, Connection, OF_ONE_ANSWER};
pub(crate) use dns::DnsServer;
pub(crate) use gate::Gate;
pub(crate) use http2::{post_http2, request_http2};
pub(crate) use nginx::Nginx;
pub(crate) use origin::{Asked, Origin, begin, chunk, read_request, respond, wait_until_closed};
pub(crate) use process::{assert_becomes_free, occupy, peak_memory, reset_peak_memory};
pub(crate) use redis::RedisServer;
pub(crate) use tls::{Authority, Issued, TlsClient, secure};

/// Nothing that a test waits for takes this long unless it never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The `wws` that is tested.
pub(crate) fn wws() -> Command {
    let mut command = without_settings(Command::new(env!("CARGO_BIN_EXE_wws")));
    // Compiled workers are kept from one test to the next, but not among those of the user.
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// The settings of whoever runs the tests are not those of the tests.
fn without_settings(mut command: Command) -> Command {
    let names = std::env::vars_os().map(|(name, _)| name);
    let ours = names.filter(|name| name.to_string_lossy().starts_with("WWS_"));
    for name in ours.chain(["HOST", "PORT", "RUST_LOG", "SOURCE_DATE_EPOCH"].map(Into::into)) {
        command.env_remove(name);
    }
    command
}

/// A folder below the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join(path)
}

/// Says that a test did not test something, past the harness, which would swallow it.
pub(crate) fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {what}");
}

/// `unshare` with options, as root in there; `None` where the machine does not allow it.
pub(crate) fn unshare(options: &[&str]) -> Option<Command> {
    let command = || {
        let mut command = without_settings(Command::new("unshare"));
        command.args(options);
        if !rustix::process::geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command
    };
    command()
        .arg("true")
        .output()
        .is_ok_and(|output| output.status.success())
        .then(command)
}

/// The wasm of `tests/guests/NAME.wat`.
pub(crate) fn guest(name: &str) -> Vec<u8> {
    wat::parse_file(repository(&format!("tests/guests/{name}.wat"))).unwrap()
}

/// A site in a folder of its own.
pub(crate) struct TestSite {
    folder: tempfile::TempDir,
}

impl TestSite {
    /// An empty site.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A site with an `index.html`.
    pub(crate) fn with_index() -> Self {
        Self::new().file("index.html", "<h1>Home</h1>")
    }

    /// Adds a file.
    pub(crate) fn file(self, name: &str, contents: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
        self
    }

    /// Adds a copy of a folder, below `to`.
    pub(crate) fn folder(self, to: &str, from: &Path) -> Self {
        let mut names: Vec<_> = fs::read_dir(from)
            .unwrap_or_else(|error| panic!("{}: {error}", from.display()))
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names.iter().fold(self, |site, name| {
            let (to, from) = (format!("{to}{name}"), from.join(name));
            match from.is_dir() {
                true => site.folder(&format!("{to}/"), &from),
                false => site.file(&to, fs::read(from).unwrap()),
            }
        })
    }

    /// Adds `tests/guests/GUEST.wat`, as wasm, under the name of a worker (without `.wasm`).
    pub(crate) fn worker(self, name: &str, of_guest: &str) -> Self {
        self.file(&format!("{name}.wasm"), guest(of_guest))
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What `wws bundle` says about this site on standard output; it has to succeed.
    #[track_caller]
    pub(crate) fn summary(&self, arguments: &[&str]) -> String {
        let app = BundledApp::to_be();
        let output = self.try_bundle(&app.path(), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "wws bundle failed: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Bundles the site; it has to succeed.
    pub(crate) fn bundle(&self) -> BundledApp {
        self.bundle_with(&[])
    }

    /// Bundles the site with more arguments; it has to succeed.
    pub(crate) fn bundle_with(&self, arguments: &[&str]) -> BundledApp {
        let app = BundledApp::to_be();
        let output = self.try_bundle(&app.path(), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "wws bundle failed: {stderr}");
        app
    }

    /// Bundles the site into `app`, whatever comes of it.
    pub(crate) fn try_bundle(&self, app: &Path, arguments: &[&str]) -> Output {
        let mut command = wws();
        command
            .arg("bundle")
            .arg(self.path())
            .arg("-o")
            .arg(app)
            .args(arguments);
        // What takes long to make is not what these tests are about.
        if !arguments.contains(&"--level") {
            command.args(["--level", "fast"]);
        }
        command.output().unwrap()
    }

    /// What `wws bundle` says when it refuses this site; it has to exit with 1 and write nothing.
    #[track_caller]
    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        let app = BundledApp::to_be();
        let output = self.try_bundle(&app.path(), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let left: Vec<_> = fs::read_dir(app.path().parent().unwrap())
            .unwrap()
            .collect();
        assert!(left.is_empty(), "something was left behind: {left:?}");
        stderr
    }

    /// Serves the folder with `wws [PATH]`.
    pub(crate) fn serve(&self, arguments: &[&str]) -> RunningApp {
        let mut command = wws();
        command
            .arg(self.path())
            .args(["--port", "0"])
            .args(arguments);
        RunningApp::start(command)
    }

    /// Runs a test on this site twice: as an app, and served as a folder.
    pub(crate) fn both_ways(&self, test: impl Fn(&RunningApp)) {
        test(&self.bundle().start(&[]));
        test(&self.serve(&[]));
    }
}

/// An executable in a folder of its own.
pub(crate) struct BundledApp {
    folder: tempfile::TempDir,
}

impl BundledApp {
    fn to_be() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("app")
    }

    /// A copy that a test can damage.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::to_be();
        fs::copy(self.path(), copy.path()).unwrap();
        copy
    }

    /// A command that runs it on a free port.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.plain_command(&["--port", "0"]);
        command.args(arguments);
        command
    }

    /// A command that runs it with these arguments and no others.
    pub(crate) fn plain_command(&self, arguments: &[&str]) -> Command {
        let mut command = without_settings(Command::new(self.path()));
        command.args(arguments);
        command
    }

    /// A command that runs it where there is no other file; `None` where the machine does not
    /// allow it.
    pub(crate) fn command_in_empty_root(&self) -> Option<Command> {
        let folder = self.folder.path();
        let names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["app"]);
        let mut command = unshare(&[])?;
        command
            .arg("chroot")
            .arg(folder)
            .args(["/app", "--port", "0"])
            .env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        Some(command)
    }

    /// Runs it; it has to come to listen.
    pub(crate) fn start(&self, arguments: &[&str]) -> RunningApp {
        RunningApp::start(self.command(arguments))
    }
}

/// Lines that a process writes, as they come.
#[derive(Clone, Default)]
struct Lines(Arc<Written>);

#[derive(Default)]
struct Written {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn of(stream: impl std::io::Read + Send + 'static) -> Self {
        let lines = Self::default();
        let written = Arc::clone(&lines.0);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                written.state.lock().unwrap().lines.push(line);
                written.changed.notify_all();
            }
            written.state.lock().unwrap().ended = true;
            written.changed.notify_all();
        });
        lines
    }

    /// The first line that `wanted` picks, once it is there; `None` if the stream ends first.
    fn wait<T>(&self, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        let end = Instant::now() + PATIENCE;
        let mut state = self.0.state.lock().unwrap();
        loop {
            if let Some(found) = state.lines.iter().find_map(|line| wanted(line)) {
                return Some(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return None;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    fn all(&self) -> String {
        self.0.state.lock().unwrap().lines.join("\n")
    }
}

/// How a process ended that was to listen.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// All that came on standard error.
    pub(crate) log: String,
}

/// An app that listens.
pub(crate) struct RunningApp {
    child: Child,
    port: u16,
    stdout: Lines,
    stderr: Lines,
}

impl RunningApp {
    /// Runs a command until it says where it listens; it has to.
    #[track_caller]
    pub(crate) fn start(command: Command) -> Self {
        match Self::try_start(command) {
            Ok(app) => app,
            Err(Ended { status, log }) => {
                panic!("it ended with {status}, and did not listen:\n{log}")
            }
        }
    }

    /// Runs a command until it says where it listens, or ends.
    pub(crate) fn try_start(command: Command) -> Result<Self, Ended> {
        Self::try_start_with(command, Stdio::null())
    }

    /// As [`try_start`](Self::try_start), with something as standard input.
    pub(crate) fn try_start_with(mut command: Command, stdin: Stdio) -> Result<Self, Ended> {
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = loop {
            match command.spawn() {
                // What this process wrote, a child of another thread may still hold open.
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => continue,
                result => break result.unwrap(),
            }
        };
        let stdout = Lines::of(child.stdout.take().unwrap());
        let stderr = Lines::of(child.stderr.take().unwrap());
        // A Unix socket has none.
        let listening = |line: &str| {
            let place = line.strip_prefix("Listening on ")?;
            match place.strip_prefix("unix:") {
                Some(_) => Some(0),
                None => place.rsplit(':').next()?.parse().ok(),
            }
        };
        let port = stdout.wait(listening);
        let mut app = Self {
            child,
            port: port.unwrap_or(0),
            stdout,
            stderr,
        };
        match port {
            Some(_) => Ok(app),
            None => Err(app.end()),
        }
    }

    /// Waits for the end, and for all that it said before.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Ended {
        self.wait();
        let status = self.child.wait().unwrap();
        self.stderr.wait(|_| None::<()>);
        Ended {
            status,
            log: self.log(),
        }
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A GET on a new connection.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    /// A GET with header fields.
    #[track_caller]
    pub(crate) fn get_with(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.request("GET", path, fields, b"")
    }

    /// Any request on a new connection. A `content-length` is added for a body.
    #[track_caller]
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.connect().request(method, path, fields, body)
    }

    /// A new connection.
    #[track_caller]
    pub(crate) fn connect(&self) -> Connection {
        Connection::to(self.port)
    }

    /// All that came on standard error so far.
    pub(crate) fn log(&self) -> String {
        self.stderr.all()
    }

    /// All that came on standard output so far.
    pub(crate) fn output(&self) -> String {
        self.stdout.all()
    }

    /// Waits for a line on standard output that begins with `beginning`, and gives the rest.
    #[track_caller]
    pub(crate) fn output_line(&self, beginning: &str) -> String {
        let rest = self
            .stdout
            .wait(|line| line.strip_prefix(beginning).map(str::to_owned));
        rest.unwrap_or_else(|| panic!("no line with {beginning:?}:\n{}", self.output()))
    }

    /// Waits for a line on standard error that holds `part`, and gives it.
    #[track_caller]
    pub(crate) fn log_line(&self, part: &str) -> String {
        let line = self
            .stderr
            .wait(|line| line.contains(part).then(|| line.to_owned()));
        line.unwrap_or_else(|| panic!("no line with {part:?} in the log:\n{}", self.log()))
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end; gives the exit code.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> Option<i32> {
        if let Some(status) = self.child.try_wait().unwrap() {
            return status.code();
        }
        let process = WaitId::Pid(Pid::from_child(&self.child));
        // Left to be reaped: until `child` does, its PID is no other process's, and may be killed.
        let ends = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || {
            let end = retry_on_intr(|| waitid(process.clone(), ends));
            // Nobody hears it whose patience is over.
            let _ = sender.send(end.map(drop));
        });
        match ended.recv_timeout(PATIENCE) {
            Ok(result) => result.unwrap(),
            Err(_) => panic!("it does not end:\n{}", self.log()),
        }
        self.child.wait().unwrap().code()
    }
}

impl Drop for RunningApp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
