//! Clients that are slow, silent, gone or too many.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{
    LARGE_BYTES, answers_until_closed, assert_alive, connect, is_closed, large_site, start,
};
use crate::support::{Connection, PATIENCE, RunningApp, skipped};

/// The time between two bytes of a slow client.
const PACE: Duration = Duration::from_millis(50);

/// Sends a head byte by byte until the server closes the connection; `others` do what they want
/// in between. More bytes than these come in no time that a test gives.
#[track_caller]
fn is_cut_off(connection: &mut Connection, head: &str, others: impl Fn()) {
    for byte in head
        .bytes()
        .chain(b"x-long: ".iter().copied())
        .chain([b'a'; 100])
    {
        if connection.send(&[byte]).is_err() {
            return;
        }
        others();
        std::thread::sleep(PACE);
    }
    panic!("the server still waits for the rest");
}

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_off_and_others_are_served() {
    let app = start(&["--header-timeout", "300ms"]);
    let begin = Instant::now();
    let mut slow = app.connect();
    is_cut_off(&mut slow, "GET / HTTP/1.1\r\nhost: a\r\n", || {
        assert_alive(&app)
    });
    assert!(begin.elapsed() >= Duration::from_millis(300));
    // The second head on a connection has no more time than the first.
    let mut slow = app.connect();
    slow.request("GET", "/", &[], b"").assert_status(200);
    is_cut_off(&mut slow, "GET / HTTP/1.1\r\nhost: a\r\n", || {
        assert_alive(&app)
    });
}

#[test]
fn a_head_that_begins_like_that_of_http_2_has_no_more_time() {
    let app = start(&["--header-timeout", "300ms"]);
    let mut slow = app.connect();
    slow.send(b"PRINT / HTTP/1.1\r\nhost: a\r\n").unwrap();
    is_cut_off(&mut slow, "", || assert_alive(&app));
}

#[test]
fn a_client_that_says_nothing_is_given_the_time_of_a_head() {
    let app = start(&["--header-timeout", "300ms"]);
    let begin = Instant::now();
    let mut silent = app.connect();
    assert!(answers_until_closed(&mut silent).is_empty());
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_alive(&app);
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let app = start(&["--idle-timeout", "300ms"]);
    let mut connection = app.connect();
    let begin = Instant::now();
    for _ in 0..3 {
        connection.request("GET", "/", &[], b"").assert_status(200);
        std::thread::sleep(PACE);
    }
    assert!(answers_until_closed(&mut connection).is_empty());
    assert!(begin.elapsed() >= Duration::from_millis(300));
    assert_alive(&app);
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    let app = large_site().bundle().start(&["--body-timeout", "300ms"]);
    for coding in ["identity", "zstd"] {
        let mut connection = app.connect();
        let request =
            format!("GET /large.txt HTTP/1.1\r\nhost: a\r\naccept-encoding: {coding}\r\n\r\n");
        connection.send(request.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let answer = connection.answer("GET");
        // What is small enough for the kernel to hold has been sent.
        assert!(coding == "zstd" || answer.is_err_and(|error| is_closed(&error)));
        assert_alive(&app);
    }
}

#[test]
fn clients_that_do_not_read_keep_nobody_from_a_large_file() {
    let app = large_site().bundle().start(&["--body-timeout", "10m"]);
    let mut slow: Vec<TcpStream> = Vec::new();
    for client in 0..40 {
        let mut stream = connect(&app);
        stream
            .write_all(b"GET /large.txt HTTP/1.1\r\nhost: a\r\n\r\n")
            .unwrap();
        let begun = stream.read_exact(&mut [0; 12]);
        assert!(
            begun.is_ok(),
            "{client} others that do not read keep all the rest waiting"
        );
        slow.push(stream);
    }
    let answer = app.get("/large.txt");
    assert_eq!(answer.assert_status(200).body.len(), LARGE_BYTES);
}

/// A connection without blocking: `None` if nothing has come.
fn first_bytes(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = [0; 1024];
    match stream.read(&mut bytes) {
        Ok(count) => Some(bytes[..count].to_vec()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_connection_too_many_waits_until_one_goes() {
    let app = start(&["--max-connections", "2"]);
    let (mut first, mut second) = (app.connect(), app.connect());
    first.request("GET", "/", &[], b"").assert_status(200);
    second.request("GET", "/", &[], b"").assert_status(200);
    let mut third = connect(&app);
    third
        .write_all(b"GET /about HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    for _ in 0..20 {
        first.request("GET", "/", &[], b"").assert_status(200);
        second.request("GET", "/", &[], b"").assert_status(200);
    }
    third.set_nonblocking(true).unwrap();
    assert_eq!(first_bytes(&mut third), None);
    drop(first);
    third.set_nonblocking(false).unwrap();
    assert!(
        first_bytes(&mut third)
            .unwrap()
            .starts_with(b"HTTP/1.1 200 OK")
    );
    second.request("GET", "/", &[], b"").assert_status(200);
}

#[test]
fn who_is_idle_makes_room_when_all_connections_are_taken() {
    let app = start(&[
        "--max-connections=4",
        "--idle-timeout=10m",
        "--header-timeout=1s",
    ]);
    let _idle = [(); 4].map(|()| {
        let mut connection = app.connect();
        connection.request("GET", "/", &[], b"").assert_status(200);
        connection
    });
    // The patience of a test is less than the time that they have.
    assert_alive(&app);
}

fn resident_bytes(app: &RunningApp) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", app.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Raises the limit on open files, which the app inherits; says for how many connections there is
/// room, of those that are wanted.
fn room_for_connections(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    )
    .unwrap();
    // Other tests have files open too.
    let room = limit
        .maximum
        .map_or(wanted, |files| usize::try_from(files).unwrap() / 2);
    if room < wanted {
        skipped(&format!(
            "{wanted} idle connections: this system allows {room}"
        ));
    }
    room.min(wanted)
}

#[test]
fn ten_thousand_idle_connections_take_at_most_16_kib_each() {
    let count = room_for_connections(10_000);
    let app = start(&["--max-connections=10100", "--max-connections-per-ip=10100"]);
    assert_alive(&app);
    let before = resident_bytes(&app);
    let connections: Vec<Connection> = (0..count)
        .map(|_| {
            let mut connection = app.connect();
            connection
                .request("GET", "/about", &[], b"")
                .assert_status(200);
            connection
        })
        .collect();
    let each = resident_bytes(&app).saturating_sub(before) / count as u64;
    assert!(each <= 16 << 10, "{each} bytes each");
    assert_alive(&app);
    for mut connection in connections {
        connection
            .request("GET", "/docs/", &[], b"")
            .assert_status(200);
    }
}

#[test]
fn connections_that_go_away_halfway_leave_nothing_behind() {
    let app = large_site().bundle().start(&[]);
    assert_alive(&app);
    let open_files = || {
        fs::read_dir(format!("/proc/{}/fd", app.pid()))
            .unwrap()
            .count()
    };
    let before = open_files();
    for round in 0..200 {
        let mut connection = app.connect();
        let request: &[u8] = match round % 4 {
            0 => b"",
            1 => b"GET / HT",
            2 => b"GET /large.txt HTTP/1.1\r\nhost: a\r\n\r\n",
            _ => b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nabc",
        };
        connection.send(request).unwrap();
    }
    let end = Instant::now() + PATIENCE;
    while open_files() > before {
        assert!(
            Instant::now() < end,
            "{} files are open, {before} before",
            open_files()
        );
        assert_alive(&app);
    }
}
