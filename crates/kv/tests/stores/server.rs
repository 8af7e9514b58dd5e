//! A `redis-server` of one test, on a port of its own.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use kv::Location;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tempfile::TempDir;

/// Killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    folder: TempDir,
    port: u16,
    args: Vec<String>,
}

impl Server {
    /// A server with these arguments, in which `PORT` stands for the port (without it, the port is
    /// a plain one). `None`, with a line that says so, where there is no `redis-server`.
    pub(crate) fn start(args: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        for _ in 0..10 {
            let port = free_port();
            match spawn(port, &folder, &args)? {
                Some(child) => {
                    return Some(Self {
                        child,
                        folder,
                        port,
                        args,
                    });
                }
                // Somebody else has taken the port in between.
                None => continue,
            }
        }
        panic!("redis-server does not start");
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn location(&self, scheme: &str) -> Location {
        Location::parse(&format!("{scheme}://127.0.0.1:{}", self.port)).unwrap()
    }

    /// As a crash would end it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port.
    pub(crate) fn start_again(&mut self) {
        for _ in 0..50 {
            if let Some(child) = spawn(self.port, &self.folder, &self.args).unwrap() {
                self.child = child;
                return;
            }
        }
        panic!("redis-server does not start again");
    }

    /// Makes it hang, as a machine under load would; all of its threads do when this returns.
    pub(crate) fn hang(&self) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::STOP).unwrap();
        waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED).unwrap();
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }

    /// Sends a command past the store; the first line of the answer.
    pub(crate) fn tell(&self, command: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .write_all(format!("{command}\r\n").as_bytes())
            .unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that nobody has right now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// `None`: no such program. `Some(None)`: it ended before it was ready.
#[expect(clippy::option_option, reason = "two different things can be missing")]
fn spawn(port: u16, folder: &TempDir, args: &[String]) -> Option<Option<Child>> {
    let port = port.to_string();
    let mut command = Command::new("redis-server");
    if !args.iter().any(|arg| arg == "PORT") {
        command.args(["--port", &port]);
    }
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(
            args.iter()
                .map(|arg| if arg == "PORT" { &port } else { arg }),
        )
        .current_dir(folder.path())
        .stdout(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: there is no redis-server here (apt-get install redis-server)");
            return None;
        }
        Err(error) => panic!("redis-server: {error}"),
    };
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        if line.contains("Ready to accept connections") {
            // What it says later must not fill the pipe.
            std::thread::spawn(move || output.read_to_end(&mut Vec::new()));
            return Some(Some(child));
        }
        line.clear();
    }
    child.wait().unwrap();
    Some(None)
}
