//! A `redis-server` of one test, on a port of its own.

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tempfile::TempDir;

use super::ports::free_port;
use super::skipped;

/// Keeps nothing on the disk. Killed when it is dropped.
pub(crate) struct RedisServer {
    /// `None` while it is away.
    child: Option<Child>,
    folder: TempDir,
    port: u16,
    args: Vec<String>,
}

impl RedisServer {
    /// `None`, with a line that says so, where there is no `redis-server`.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(&[])
    }

    /// With more arguments.
    pub(crate) fn start_with(args: &[&str]) -> Option<Self> {
        let mut server = Self::away_with(args)?;
        while !server.try_start() {
            // Somebody else has taken the port in between.
            server.port = free_port();
        }
        Some(server)
    }

    /// One that is not there yet, but has its port.
    pub(crate) fn away() -> Option<Self> {
        Self::away_with(&[])
    }

    fn away_with(args: &[&str]) -> Option<Self> {
        let version = Command::new("redis-server").arg("--version").output();
        if version.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            skipped("there is no redis-server here (apt-get install redis-server)");
            return None;
        }
        Some(Self {
            child: None,
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        })
    }

    /// The value of `--kv` for it.
    pub(crate) fn location(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it on its port, with nothing in it.
    pub(crate) fn come_back(&mut self) {
        assert!(
            (0..50).any(|_| self.try_start()),
            "redis-server does not start"
        );
    }

    /// Makes it hang; all of its threads do when this returns.
    pub(crate) fn hang(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
        waitid(WaitId::Pid(self.pid()), WaitIdOptions::STOPPED).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().unwrap())
    }

    /// Whether it has come to be ready; otherwise it has ended.
    fn try_start(&mut self) -> bool {
        let mut child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(&self.args)
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while output.read_line(&mut line).unwrap() > 0 {
            if line.contains("Ready to accept connections") {
                // What it says later must not fill the pipe.
                thread::spawn(move || output.read_to_end(&mut Vec::new()));
                self.child = Some(child);
                return true;
            }
            line.clear();
        }
        child.wait().unwrap();
        false
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
