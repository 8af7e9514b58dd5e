//! Several listeners, Unix sockets, and those that systemd has opened.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};

use super::{connect_unix, site};
use crate::support::{BundledApp, Connection, PATIENCE, RunningApp};

#[test]
fn all_that_is_listed_is_listened_on() {
    let app = site().bundle();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let unix = format!("unix:{}", path.display());
    let flags = ["--listen=127.0.0.1:0,localhost:0", "--listen", &unix];
    let mut running = RunningApp::start(app.plain_command(&flags));
    running.output_line("Listening on unix:");
    let places: Vec<String> = running
        .output()
        .lines()
        .filter_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
        .collect();
    let [first, second, third] = &places[..] else {
        panic!("{places:?}");
    };
    for place in [first, second] {
        let port = place
            .strip_prefix("http://127.0.0.1:")
            .unwrap()
            .parse()
            .unwrap();
        let answer = Connection::to(port).request("GET", "/", &[], b"");
        assert_eq!(answer.text(), "<h1>Home</h1>");
    }
    assert_eq!(third, &unix);
    let mut connection = connect_unix(&path).unwrap();
    for _ in 0..2 {
        assert_eq!(
            connection.request("GET", "/", &[], b"").text(),
            "<h1>Home</h1>"
        );
        let large = connection.request("GET", "/large.bin", &[], b"");
        assert_eq!(large.body.len(), 300_000);
        // Nobody has an address here.
        assert_eq!(
            connection.request("GET", "/who", &[], b"").text(),
            "null http:"
        );
    }
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o660
    );
    running.signal("TERM");
    assert_eq!(running.wait(), Some(0), "{}", running.log());
    assert_eq!(running.log(), "");
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        0,
        "the file is gone"
    );
}

#[test]
fn a_host_without_a_port_adds_no_place_to_those_that_are_listed() {
    let app = site().bundle();
    let places = |flags: &[&str], environment: &[(&str, &str)]| {
        let mut command = app.plain_command(&[&["--listen", "127.0.0.2:0"], flags].concat());
        command.envs(environment.iter().copied());
        let running = RunningApp::start(command);
        // The last one that is announced.
        running.output_line("Listening on http://127.0.0.2:");
        let hosts = running.output();
        let host = |line: &str| line.rsplit_once(':').map(|(place, _)| place.to_owned());
        hosts.lines().filter_map(host).collect::<Vec<_>>()
    };
    let listed = "Listening on http://127.0.0.2";
    // As in a container.
    assert_eq!(places(&[], &[("WWS_HOST", "0.0.0.0")]), [listed]);
    assert_eq!(places(&["--host", "127.0.0.1"], &[]), [listed]);
    let both = ["Listening on http://127.0.0.1", listed];
    assert_eq!(places(&["--port", "0"], &[]), both);
    let environment = [("HOST", "127.0.0.1"), ("PORT", "0")];
    assert_eq!(places(&[], &environment), both);
}

#[test]
fn a_path_is_taken_from_nobody_who_listens_and_from_no_other_file() {
    let app = site().bundle();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let unix = format!("unix:{}", path.display());
    let command = || app.plain_command(&["--listen", &unix, "--socket-mode", "666"]);
    // Left behind by somebody who did not end well.
    drop(UnixListener::bind(&path).unwrap());
    let running = RunningApp::start(command());
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o666
    );
    let refused = RunningApp::try_start(command()).err().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.log.contains("another program listens on unix:"),
        "{}",
        refused.log
    );
    connect_unix(&path)
        .unwrap()
        .request("GET", "/", &[], b"")
        .assert_status(200);
    drop(running);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    let refused = RunningApp::try_start(command()).err().unwrap();
    assert!(refused.log.contains("is not a socket"), "{}", refused.log);
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_name_that_leads_nowhere_is_refused_in_words() {
    let app = site().bundle();
    for (flags, want) in [
        (
            &["--host", "no.such.name.invalid", "--port", "0"][..],
            "no.such.name.invalid",
        ),
        (
            &["--listen", "no.such.name.invalid:0"],
            "no.such.name.invalid",
        ),
        (&["--listen", "192.0.2.1:0"], "192.0.2.1:0"),
    ] {
        let mut command = app.plain_command(flags);
        // A server that answers nobody would be waited for.
        command.args(["--dns-server", "127.0.0.1:1"]);
        let refused = RunningApp::try_start(command).err().unwrap();
        assert_eq!(refused.status.code(), Some(1), "{}", refused.log);
        assert!(refused.log.contains(want), "{}", refused.log);
    }
}

/// Runs an app as systemd does: with a socket as descriptor 3.
fn activated(app: &BundledApp, socket: OwnedFd, arguments: &[&str]) -> Result<RunningApp, String> {
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(app.path()).args(arguments);
    for name in ["HOST", "PORT", "WWS_HOST", "WWS_PORT", "WWS_LISTEN"] {
        command.env_remove(name);
    }
    let started = RunningApp::try_start_with(command, Stdio::from(socket));
    started.map_err(|ended| ended.log)
}

#[test]
fn a_socket_that_was_passed_on_is_accepted_from_and_outlives_the_app() {
    let app = site().bundle();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for _ in 0..2 {
        // Before there is anybody who would answer.
        let mut early = Connection::to(port);
        early
            .send(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .unwrap();
        let socket = listener.try_clone().unwrap().into();
        let mut running = activated(&app, socket, &[]).unwrap();
        assert_eq!(running.port(), port);
        early.answer("GET").unwrap().assert_status(200);
        running.get("/").assert_status(200);
        running.signal("TERM");
        assert_eq!(running.wait(), Some(0), "{}", running.log());
        assert_eq!(running.output().lines().count(), 1, "{}", running.output());
    }
}

#[test]
fn a_unix_socket_that_was_passed_on_keeps_its_file() {
    let app = site().bundle();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut running = activated(&app, listener.into(), &[]).unwrap();
    let mut connection = connect_unix(&path).unwrap();
    connection.request("GET", "/", &[], b"").assert_status(200);
    running.signal("TERM");
    assert_eq!(running.wait(), Some(0), "{}", running.log());
    assert!(path.exists());
}

#[test]
fn what_is_no_listener_is_refused() {
    let app = site().bundle();
    let file = tempfile::tempfile().unwrap();
    let text = activated(&app, file.into(), &[]).err().unwrap();
    assert!(
        text.contains("descriptor 3") && text.contains("ListenStream="),
        "{text}"
    );
}

#[test]
fn systemd_is_told_when_it_is_ready_when_it_has_reloaded_and_when_it_ends() {
    let app = site().bundle();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = app.command(&[]);
    command.env("NOTIFY_SOCKET", &path);
    let mut running = RunningApp::start(command);
    let heard = || {
        let mut bytes = [0; 64];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let hears = |want: &str| assert_eq!(heard(), want);
    hears("READY=1");
    running.get("/").assert_status(200);
    // Even with nothing to read again: it is waited for.
    let reload = || {
        running.signal("HUP");
        let said = heard();
        let time = said.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
        let time: u64 = time.expect(&said).parse().unwrap();
        hears("READY=1");
        time
    };
    let (first, second) = (reload(), reload());
    assert!(0 < first && first < second, "{first} {second}");
    running.signal("TERM");
    hears("STOPPING=1");
    assert_eq!(running.wait(), Some(0), "{}", running.log());
    assert_eq!(running.log(), "");
}
