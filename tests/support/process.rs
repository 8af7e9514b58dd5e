//! What a running app takes, and whether it still answers.

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;

use super::{RunningApp, wait_for};

/// The most memory that an app has had so far, in bytes.
pub(crate) fn peak_memory(app: &RunningApp) -> u64 {
    status_bytes(app, "VmHWM:")
}

/// Begins the peak anew at what the process takes now, in bytes.
pub(crate) fn reset_peak_memory(app: &RunningApp) -> u64 {
    // proc_pid_clear_refs(5): 5 sets the peak to the present size.
    fs::write(format!("/proc/{}/clear_refs", app.pid()), "5").unwrap();
    status_bytes(app, "VmRSS:")
}

/// A size in the status of the process.
fn status_bytes(app: &RunningApp, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// Has a worker that may run once at a time, and lets nobody wait, answer `path` until the
/// connection is dropped: nothing may come of it before. `probe` is a path that it answers at once.
#[track_caller]
pub(crate) fn occupy(app: &RunningApp, path: &str, probe: &str) -> TcpStream {
    loop {
        let mut stream = TcpStream::connect(("127.0.0.1", app.port())).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        // One refusal may be due to the probe before, whose instance is not gone yet.
        let mut refusals = 0;
        wait_for(|| {
            refusals = match app.get(probe).status {
                503 => refusals + 1,
                _ => 0,
            };
            (refusals == 4 || !is_silent(&stream)).then_some(())
        });
        // A probe may have come first, and the request was refused in its stead.
        if is_silent(&stream) {
            return stream;
        }
    }
}

fn is_silent(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let read = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Waits until a place of a worker is free; it has to answer with 200 then.
#[track_caller]
pub(crate) fn assert_becomes_free(app: &RunningApp, path: &str) {
    let answer = wait_for(|| Some(app.get(path)).filter(|answer| answer.status != 503));
    assert_eq!(answer.status, 200, "{path}: {}", app.log());
}
