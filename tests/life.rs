//! An app as a process and as a file: how it starts and ends, where it runs, and what it does when
//! its file was damaged.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::support::{
    Answer, BundledApp, Connection, Ended, PATIENCE, RunningApp, TestSite, guest, repository,
    skipped, unshare, wws,
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

/// Whether two answers are the same but for the time at which they were given.
fn same(a: &Answer, b: &Answer) -> bool {
    let undated = |answer: &Answer| -> Vec<(String, String)> {
        answer
            .fields
            .iter()
            .filter(|(name, _)| name != "date")
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

// The command line.

#[test]
fn help_version_and_routes_are_printed_without_serving() {
    let app = small_site()
        .file("api/[id].wasm", guest("hello"))
        .bundle_with(&["--prefix", "/shop"]);
    let check = |argument: &str, want: &[&str]| {
        let output = bare(&app.path(), &[argument], &[]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(want.iter().all(|part| text.contains(part)), "{text}");
        assert_eq!(output.stderr, b"");
        text
    };
    check(
        "--help",
        &[
            "--host",
            "--port",
            "8080",
            "PORT",
            "--grace-period",
            "--worker-time",
        ],
    );
    check("-h", &["--host", "--port"]);
    check("--version", &[env_version().as_str()]);
    let routes = check("--routes", &["3 assets"]);
    let lines: Vec<Vec<&str>> = routes
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    let want = [
        vec!["/shop/hello", "hello.wasm"],
        vec!["/shop/api/[id]", "api/[id].wasm"],
        vec!["/shop/", "3", "assets"],
    ];
    assert_eq!(lines, want);
}

/// The version that `wws` says it has.
fn env_version() -> String {
    let output = wws().arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.trim().rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn an_app_speaks_of_itself_and_not_of_how_it_is_built() {
    let app = TestSite::with_index().bundle();
    let say = |argument| {
        let output = bare(&app.path(), &[argument], &[]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let (version, help) = (say("--version"), say("--help"));
    assert!(!version.contains("runtime-stub"), "{version}");
    assert!(
        help.starts_with("A site and its workers in one file"),
        "{help}"
    );
}

#[test]
fn wrong_usage_exits_with_2() {
    #[track_caller]
    fn check(app: &BundledApp, arguments: &[&str], want: &str) {
        let output = bare(&app.path(), arguments, &[]).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(want), "{arguments:?}: {message}");
    }
    let app = TestSite::with_index().bundle();
    check(&app, &["--speed"], "--speed");
    check(&app, &["site"], "'site'");
    check(&app, &["--port"], "--port");
    check(&app, &["--port", "http"], "--port");
    check(&app, &["--port", "70000"], "--port");
    check(&app, &["--port", "-1"], "-1");
    check(&app, &["--prefix", "/a/../b"], "--prefix");
    check(&app, &["--grace-period", "soon"], "--grace-period");
    check(&app, &["--worker-time", "0"], "--worker-time");
    check(&app, &["--worker-memory", "much"], "--worker-memory");
    check(&app, &["--max-connections", "0"], "--max-connections");
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_default() {
    let app = TestSite::with_index().bundle();
    // Where it listens, without the port.
    let check = |arguments: &[&str], environment: &[(&str, &str)], want: &str| {
        let running = RunningApp::start(bare(&app.path(), arguments, environment));
        let line = running.output();
        let (address, _) = line.rsplit_once(':').unwrap();
        assert_eq!(
            address,
            format!("Listening on http://{want}"),
            "{arguments:?} {environment:?}"
        );
        running
    };
    check(&["--port", "0"], &[], "127.0.0.1");
    check(&["-p", "0"], &[], "127.0.0.1");
    check(
        &["--port", "0", "--host", "127.0.0.2"],
        &[("HOST", "127.0.0.3")],
        "127.0.0.2",
    );
    check(&["--port", "0"], &[("HOST", "127.0.0.3")], "127.0.0.3");
    check(
        &["--port", "0"],
        &[("HOST", "127.0.0.3"), ("WWS_HOST", "127.0.0.4")],
        "127.0.0.4",
    );
    check(&["--port", "0"], &[("HOST", "")], "127.0.0.1");
    check(&["--port", "0", "--host", "localhost"], &[], "127.0.0.1");
    check(&[], &[("PORT", "0"), ("HOST", "127.0.0.3")], "127.0.0.3");
    check(&["--host", "127.0.0.2"], &[("PORT", "0")], "127.0.0.2");
    let everywhere = check(&[], &[("PORT", "0")], "0.0.0.0");
    everywhere.get("/").assert_status(200);
    check(&["--port", "0"], &[("PORT", "1")], "0.0.0.0");
    check(&[], &[("PORT", "1"), ("WWS_PORT", "0")], "0.0.0.0");
}

#[test]
fn what_cannot_be_listened_on_is_an_error_in_words() {
    let app = TestSite::with_index().bundle();
    let check = |arguments: &[&str], environment: &[(&str, &str)], want: &str| {
        let command = bare(&app.path(), arguments, environment);
        let Err(Ended { status, log }) = RunningApp::try_start(command) else {
            panic!("{arguments:?} {environment:?}: it listens");
        };
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.starts_with("error: ") && log.contains(want), "{log}");
        assert!(!log.contains("panicked"), "{log}");
    };
    let taken = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = &taken.local_addr().unwrap().port().to_string();
    check(
        &["--port", port],
        &[],
        &format!("port {port} of 127.0.0.1 is taken"),
    );
    check(
        &[],
        &[("PORT", port)],
        &format!("port {port} of 0.0.0.0 is taken"),
    );
    check(
        &["--port", port],
        &[("PORT", "0")],
        &format!("port {port} of 0.0.0.0 is taken"),
    );
    // Taken by this test, or by somebody else.
    let _default = TcpListener::bind(("127.0.0.1", 8080));
    check(&[], &[], "port 8080 of 127.0.0.1 is taken");
    check(
        &["--host", "no.such.host.invalid"],
        &[],
        "\"no.such.host.invalid\"",
    );
    check(&["--host", "192.0.2.1", "--port", "0"], &[], "192.0.2.1");
    check(&[], &[("PORT", "http")], "PORT is \"http\"");
    check(&[], &[("WWS_PORT", "65536")], "WWS_PORT is \"65536\"");
}

// The end.

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

/// Waits until nothing listens on that port, so the first signal has arrived.
fn wait_until_closed(port: u16) {
    let end = Instant::now() + PATIENCE;
    while Connection::open(port).is_ok() {
        assert!(Instant::now() < end, "it still listens");
        std::thread::yield_now();
    }
}

#[test]
fn term_and_int_end_it_with_0() {
    let app = small_site().bundle();
    for signal in ["TERM", "INT"] {
        check_end(app.start(&[]), signal);
        let running = app.start(&[]);
        running.get("/hello").assert_status(200);
        check_end(running, signal);
    }
    for signal in ["TERM", "INT"] {
        check_end(small_site().serve(&[]), signal);
    }
}

#[test]
fn an_open_request_is_answered_before_the_end() {
    let app = TestSite::with_index()
        .file("sleep.wasm", sleeper(500))
        .bundle();
    for signal in ["TERM", "INT"] {
        let mut running = app.start(&[]);
        let mut connection = open_request(&running);
        running.signal(signal);
        wait_until_closed(running.port());
        let answer = connection.answer("GET").unwrap();
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "slept for 10 s")
        );
        assert_eq!(
            connection.to_end().unwrap(),
            b"",
            "the connection is closed behind it"
        );
        assert_eq!(running.wait(), Some(0), "{}", running.log());
        assert!(!running.log().contains("cut_off"), "{}", running.log());
    }
}

#[test]
fn an_endless_worker_is_timed_out_before_the_end() {
    let app = TestSite::with_index()
        .file("sleep.wasm", sleeper(60_000))
        .bundle();
    let mut running = app.start(&["--worker-time", "500ms"]);
    let mut connection = open_request(&running);
    running.signal("TERM");
    connection.answer("GET").unwrap().assert_status(504);
    assert_eq!(running.wait(), Some(0), "{}", running.log());
}

#[test]
fn idle_connections_do_not_delay_the_end() {
    let app = TestSite::with_index().bundle();
    let mut running = app.start(&[]);
    let (mut used, mut unused) = (running.connect(), running.connect());
    used.request("GET", "/", &[], b"").assert_status(200);
    running.get("/").assert_status(200);
    let begin = Instant::now();
    running.signal("TERM");
    assert_eq!(used.to_end().unwrap(), b"");
    assert_eq!(running.wait(), Some(0));
    // The grace period and every timeout of a connection are 10 s and more.
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "it took {:?}",
        begin.elapsed()
    );
    assert!(!running.log().contains("cut_off"), "{}", running.log());
    assert_eq!(unused.to_end().unwrap_or_default(), b"");
}

#[test]
fn a_second_signal_ends_it_now() {
    let app = TestSite::with_index()
        .file("sleep.wasm", sleeper(60_000))
        .bundle();
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut running = app.start(&["--worker-time", "60s", "--grace-period", "60s"]);
        let _open = open_request(&running);
        let begin = Instant::now();
        running.signal(first);
        wait_until_closed(running.port());
        running.signal(second);
        let ended = running.end();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "it took {:?}",
            begin.elapsed()
        );
        assert!(
            ended
                .log
                .contains("cut_off connections=1 reason=\"a second signal\""),
            "{}",
            ended.log
        );
    }
}

#[test]
fn the_end_of_the_grace_period_ends_it() {
    let app = TestSite::with_index()
        .file("sleep.wasm", sleeper(60_000))
        .bundle();
    let mut running = app.start(&["--worker-time", "60s", "--grace-period", "300ms"]);
    let _open = open_request(&running);
    let begin = Instant::now();
    running.signal("TERM");
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    let took = begin.elapsed();
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(20),
        "{took:?}"
    );
    assert!(
        ended.log.contains("reason=\"the grace period is over\""),
        "{}",
        ended.log
    );
}

#[test]
fn a_hangup_does_not_end_it() {
    let running = TestSite::with_index().bundle().start(&[]);
    for _ in 0..3 {
        running.signal("HUP");
        running.get("/").assert_status(200);
    }
    check_end(running, "TERM");
}

// The file, changed by tools that mean well.

#[test]
fn an_app_works_whoever_has_stripped_it() {
    const TOOLS: [&[&str]; 16] = [
        &["strip"],
        &["strip", "--strip-all"],
        &["strip", "--strip-unneeded"],
        &["strip", "--strip-debug"],
        &["strip", "--remove-section=.comment"],
        &["objcopy"],
        &["objcopy", "--strip-all"],
        &["objcopy", "--strip-debug"],
        &["eu-strip"],
        &["eu-strip", "--strip-debug"],
        &["llvm-strip"],
        &["llvm-strip", "--strip-all"],
        &["llvm-strip", "--strip-sections"],
        &["llvm-objcopy"],
        &["llvm-objcopy", "--strip-all"],
        &["llvm-objcopy", "--strip-sections"],
    ];
    // Raw code has to stay on a page of its own.
    for compress in ["all", "assets"] {
        let app = small_site().bundle_with(&["--compress", compress]);
        let wanted = wanted(&app);
        for tool in TOOLS {
            let stripped = app.copy();
            match Command::new(tool[0])
                .args(&tool[1..])
                .arg(stripped.path())
                .output()
            {
                Ok(Output { status, stderr, .. }) => {
                    assert!(
                        status.success(),
                        "{tool:?}: {}",
                        String::from_utf8_lossy(&stderr)
                    );
                }
                Err(_) => {
                    skipped(&format!("{}: it is not installed here", tool.join(" ")));
                    continue;
                }
            }
            check_answers(&stripped.start(&[]), &wanted);
            let verify = wws()
                .args(["inspect", "--verify"])
                .arg(stripped.path())
                .output()
                .unwrap();
            assert!(
                verify.status.success(),
                "{tool:?}: {}",
                String::from_utf8_lossy(&verify.stderr)
            );
        }
    }
}

// The file, damaged.

/// The bytes of an app, and where in them its bundle lies.
struct Anatomy {
    bytes: Vec<u8>,
    bundle: std::ops::Range<usize>,
}

/// Where the section table begins, and how long a row is (`crates/bundle-format/src/header.rs`).
const SECTIONS_AT: usize = 40;
const SECTION_BYTES: usize = 40;

/// The order of sections in the table.
#[derive(Clone, Copy)]
enum Section {
    Contents,
    NativeCode,
    Index,
    BlockHashes,
    Meta,
}

impl Anatomy {
    fn of(app: &BundledApp) -> Self {
        let output = wws()
            .args(["inspect", "--json"])
            .arg(app.path())
            .output()
            .unwrap();
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let number = |name: &str| said[name].as_u64().unwrap() as usize;
        let bytes = fs::read(app.path()).unwrap();
        let start = number("stub_bytes");
        Self {
            bytes,
            bundle: start..start + number("bundle_bytes"),
        }
    }

    /// Where a section lies in the file.
    fn section(&self, section: Section) -> std::ops::Range<usize> {
        let row = self.bundle.start + SECTIONS_AT + section as usize * SECTION_BYTES;
        let u64_at =
            |at: usize| u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap()) as usize;
        let start = self.bundle.start + u64_at(row + 8);
        start..start + u64_at(row + 16)
    }

    /// Where some bytes of the bundle lie in the file.
    fn find(&self, part: &[u8]) -> usize {
        let bundle = &self.bytes[self.bundle.clone()];
        self.bundle.start + bundle.windows(part.len()).position(|w| w == part).unwrap()
    }
}

/// What a damaged app did.
#[derive(Debug)]
enum Outcome {
    /// It did not start, or ended soon, with 1; what it said.
    Refused(String),
    /// It answered; how many requests with 500.
    Served { errors: usize, log: String },
}

/// Runs an app that may be damaged: it may refuse to run, in words, or answer 500, but it may not
/// answer wrongly, and no signal may end it.
#[track_caller]
fn check_harmless(app: &BundledApp, wanted: &[Wanted], damage: &str) -> Outcome {
    let refused = |ended: Ended| {
        let Ended { status, log } = ended;
        assert_eq!(status.code(), Some(1), "{damage}: {status}: {log}");
        assert!(
            log.lines().any(|line| line.starts_with("error: ")),
            "{damage}: {log}"
        );
        assert!(!log.contains("panicked"), "{damage}: {log}");
        Outcome::Refused(log)
    };
    let mut running = match RunningApp::try_start(app.command(&[])) {
        Ok(running) => running,
        Err(ended) => return refused(ended),
    };
    let mut errors = 0;
    for Wanted {
        path,
        coding,
        answer,
    } in wanted
    {
        match ask(running.port(), path, coding) {
            Ok(got) if got.status == 500 => errors += 1,
            Ok(got) => {
                assert!(
                    same(&got, answer),
                    "{damage}: {path} as {coding}: {got:?}\nnot {answer:?}"
                );
            }
            // It ends when it finds that a worker cannot run.
            Err(_) => return refused(running.end()),
        }
    }
    let log = running.log();
    assert!(!log.contains("panicked"), "{damage}: {log}");
    Outcome::Served { errors, log }
}

/// A file in which one bit at a time is wrong.
struct Patched {
    app: BundledApp,
    file: File,
}

impl Patched {
    fn new(app: &BundledApp) -> Self {
        let app = app.copy();
        // Opened for each write and no longer: what is open for writing cannot be executed.
        let file = File::open(app.path()).unwrap();
        Self { app, file }
    }

    /// Flips a bit; flipping it again restores it.
    fn flip(&self, at: usize, bit: u32) {
        let mut byte = [0];
        self.file.read_exact_at(&mut byte, at as u64).unwrap();
        let file = File::options().write(true).open(self.app.path()).unwrap();
        file.write_all_at(&[byte[0] ^ 1 << bit], at as u64).unwrap();
    }
}

#[test]
fn a_bit_flipped_in_any_region_is_noticed() {
    for compress in ["all", "assets"] {
        let app = small_site().bundle_with(&["--compress", compress]);
        let (anatomy, wanted, patched) = (Anatomy::of(&app), wanted(&app), Patched::new(&app));
        let start = anatomy.bundle.start;
        let run = |at: usize, bit: u32| {
            patched.flip(at, bit);
            let outcome = check_harmless(&patched.app, &wanted, &format!("bit {bit} of {at}"));
            patched.flip(at, bit);
            outcome
        };
        let refuses = |at: usize, want: &str| match run(at, 3) {
            Outcome::Refused(log) => assert!(log.contains(want), "byte {}: {log}", at - start),
            served @ Outcome::Served { .. } => panic!("byte {}: {served:?}", at - start),
        };
        refuses(start, "there is no bundle here");
        refuses(start + 7, "there is no bundle here");
        refuses(start + 8, "the bundle has format version 9");
        for at in [12, 16, 23, 24, 39] {
            refuses(start + at, "the header of the bundle is damaged");
        }
        for row in 0..5 {
            for at in [0, 4, 8, 15, 16, 23, 24, 39] {
                let at = start + SECTIONS_AT + row * SECTION_BYTES + at;
                refuses(at, "the header of the bundle is damaged");
            }
        }
        let places = |section: Section| {
            let mut section = anatomy.section(section);
            // What fills up the last page of raw code is not part of it.
            while anatomy.bytes[section.end - 1] == 0 {
                section.end -= 1;
            }
            [
                section.start,
                section.start + section.len() / 2,
                section.end - 1,
            ]
        };
        for at in places(Section::Meta) {
            refuses(at, "description of itself is damaged");
        }
        for at in places(Section::NativeCode) {
            refuses(at, "the worker hello.wasm cannot run: the native code at");
        }
        for section in [Section::Index, Section::BlockHashes] {
            for at in places(section) {
                match run(at, 0) {
                    Outcome::Served { errors, log } => {
                        assert!(
                            errors > 0 && log.contains("damaged path="),
                            "byte {at}: {log}"
                        );
                    }
                    Outcome::Refused(log) => assert!(log.contains("damaged"), "byte {at}: {log}"),
                }
            }
        }
        for at in places(Section::Contents) {
            let Outcome::Served { errors: 1.., log } = run(at, 7) else {
                panic!("byte {at} of the contents: no 500");
            };
            assert!(log.contains("damaged path="), "byte {at}: {log}");
        }
        assert!(matches!(
            run_undamaged(&patched, &wanted),
            Outcome::Served { errors: 0, .. }
        ));
    }
}

fn run_undamaged(patched: &Patched, wanted: &[Wanted]) -> Outcome {
    check_harmless(&patched.app, wanted, "no damage")
}

#[test]
fn a_damaged_asset_is_500_and_all_others_are_served() {
    let large: String = (0..100_000)
        .map(|n| format!("line {n} of a long text\n"))
        .collect();
    let app = small_site()
        .file("large.txt", &large)
        .bundle_with(&["--encodings", "zstd"]);
    let anatomy = Anatomy::of(&app);
    let contents = anatomy.section(Section::Contents);
    let all = [
        ("/", 200),
        ("/about", 200),
        ("/large.txt", 200),
        ("/long.txt", 200),
    ];
    #[track_caller]
    fn check(app: &BundledApp, at: usize, all: &[(&str, u16)], damaged: &str) {
        let patched = Patched::new(app);
        patched.flip(at, 0);
        let running = patched.app.start(&[]);
        for (path, status) in all {
            let want = if *path == damaged { 500 } else { *status };
            for coding in ["identity", "zstd"] {
                let answer = running.get_with(path, &[("accept-encoding", coding)]);
                assert_eq!(answer.status, want, "{path} as {coding}");
                assert!(
                    want == 200 || !answer.text().contains("damaged"),
                    "{}",
                    answer.text()
                );
            }
        }
        let line = running.log_line("damaged");
        assert!(
            line.starts_with(&format!("damaged path={damaged} reason=")),
            "{line}"
        );
    }
    check(&app, anatomy.find(b"<h1>About</h1>"), &all, "/about");
    // Contents lie in the order of their names: about.html, index.html, large.txt, long.txt.
    check(&app, contents.end - 1, &all, "/long.txt");
    check(
        &app,
        contents.start + contents.len() / 2,
        &all,
        "/large.txt",
    );
}

#[test]
fn no_flipped_bit_makes_an_app_answer_wrongly() {
    for compress in ["all", "assets"] {
        let app = small_site().bundle_with(&["--compress", compress]);
        let (anatomy, wanted, patched) = (Anatomy::of(&app), wanted(&app), Patched::new(&app));
        // The same places every time: xorshift64 (Marsaglia 2003) from a fixed seed.
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for _ in 0..150 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = anatomy.bundle.start + (state % anatomy.bundle.len() as u64) as usize;
            let bit = (state >> 60) as u32 % 8;
            patched.flip(at, bit);
            check_harmless(
                &patched.app,
                &wanted,
                &format!("bit {bit} of {at}, {compress}"),
            );
            patched.flip(at, bit);
        }
        assert!(
            fs::read(patched.app.path()).unwrap() == anatomy.bytes,
            "the test restores the file"
        );
    }
}

#[test]
fn a_cut_app_never_answers_wrongly_and_no_signal_ends_it() {
    const PAGE: usize = 4096;
    // Some pages long, so that most cuts take whole pages away.
    let noise: Vec<u8> = (0u64..20_000)
        .flat_map(|n| (n * n * 0x9e37_79b9).to_le_bytes())
        .collect();
    let app = small_site().file("noise.bin", noise).bundle();
    // The last byte says that the native code is compressed: a cut one reads as zero.
    let (anatomy, wanted) = (Anatomy::of(&app), wanted(&app));
    let (start, end) = (anatomy.bundle.start, anatomy.bundle.end);
    let run = |length: usize| {
        let cut = app.copy();
        fs::write(cut.path(), &anatomy.bytes[..length]).unwrap();
        let outcome = check_harmless(
            &cut,
            &wanted,
            &format!("cut to {length}, bundle {start}..{end}"),
        );
        let inspect = wws()
            .args(["inspect", "--verify"])
            .arg(cut.path())
            .output()
            .unwrap();
        let want = i32::from(length < end);
        assert_eq!(
            inspect.status.code(),
            Some(want),
            "cut to {length}: {inspect:?}"
        );
        outcome
    };
    let percent = |part: usize| start + (end - start) * part / 100;
    let last_page = end / PAGE * PAGE;
    for length in [
        start,
        start + 1,
        start + 200,
        percent(1),
        percent(10),
        percent(25),
        percent(50),
        percent(50) / PAGE * PAGE,
        percent(50) / PAGE * PAGE + 1,
        percent(75),
        percent(90),
        percent(99),
        last_page - 1,
        last_page,
        last_page + 1,
        end - 1,
    ] {
        let Outcome::Refused(log) = run(length) else {
            panic!("cut to {length} of {end}: it did not refuse");
        };
        let in_words = log
            .contains("the executable ends before its bundle does; copy the file again")
            || log.contains("damaged; copy the file again");
        assert!(in_words, "cut to {length} of {end}: {log}");
    }
    // Only the section headers are gone, which nothing but strip needs.
    for length in [end, end + 1, anatomy.bytes.len() - 1, anatomy.bytes.len()] {
        assert!(
            matches!(run(length), Outcome::Served { errors: 0, .. }),
            "cut to {length} of {end}"
        );
    }
}

#[test]
fn another_format_version_and_a_bare_stub_are_refused_in_words() {
    let app = small_site().bundle();
    let anatomy = Anatomy::of(&app);
    let check = |at: usize, bytes: &[u8], want: &str| {
        let changed = app.copy();
        let file = File::options().write(true).open(changed.path()).unwrap();
        file.write_all_at(bytes, at as u64).unwrap();
        drop(file);
        let Err(Ended { status, log }) = RunningApp::try_start(changed.command(&[])) else {
            panic!("it listens");
        };
        assert_eq!(status.code(), Some(1), "{log}");
        assert!(log.starts_with("error: ") && log.contains(want), "{log}");
        let inspect = wws().arg("inspect").arg(changed.path()).output().unwrap();
        assert_eq!(inspect.status.code(), Some(1), "{inspect:?}");
    };
    let version_at = anatomy.bundle.start + 8;
    check(
        version_at,
        &2u32.to_le_bytes(),
        "the bundle has format version 2, this program reads",
    );
    check(
        version_at,
        &u32::MAX.to_le_bytes(),
        "format version 4294967295",
    );

    // Program headers begin at 64 and have 56 bytes: kind (4), flags (4), offset (8), ...
    let bundle_offset = (anatomy.bundle.start as u64).to_le_bytes();
    let header_at = (64..)
        .step_by(56)
        .find(|at| anatomy.bytes[at + 8..at + 16] == bundle_offset);
    let note = 4u32.to_le_bytes();
    check(
        header_at.unwrap(),
        &note,
        "there is no bundle in this executable",
    );
}

// Where it runs.

/// Starts an app in an unusual way; it has to answer everything, and to end when it is told to.
#[track_caller]
fn check_runs(command: Command, wanted: &[Wanted]) {
    let running = RunningApp::start(command);
    check_answers(&running, wanted);
    check_end(running, "TERM");
}

/// A shell that replaces itself by what the script execs; `$0` is `argument`.
fn sh(script: &str, argument: &Path) -> Command {
    let mut command = bare(Path::new("sh"), &["-c", script], &[]);
    command.arg(argument);
    command
}

#[test]
fn it_runs_under_any_name_and_without_one() {
    let app = small_site().bundle();
    let wanted = wanted(&app);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let start = |path: &Path| bare(path, &["--port", "0"], &[]);

    fs::hard_link(app.path(), path("other name.exe")).unwrap();
    check_runs(start(&path("other name.exe")), &wanted);
    std::os::unix::fs::symlink("other name.exe", path("link")).unwrap();
    check_runs(start(&path("link")), &wanted);
    check_runs(
        sh(r#"PATH="$0"; exec link --port 0"#, folder.path()),
        &wanted,
    );
    check_runs(
        sh(r#"cd "$0" && exec ./link --port 0"#, folder.path()),
        &wanted,
    );
    check_runs(
        sh(r#"exec 3<"$0"; exec /proc/self/fd/3 --port 0"#, &app.path()),
        &wanted,
    );
    check_runs(sh(r#"exec "$0" --port 0 <&- 2>&-"#, &app.path()), &wanted);

    fs::rename(path("other name.exe"), path("third name")).unwrap();
    let renamed = RunningApp::start(start(&path("third name")));
    fs::rename(path("third name"), path("fourth name")).unwrap();
    check_answers(&renamed, &wanted);

    let deleted = app.copy();
    let running = deleted.start(&[]);
    drop(deleted);
    check_answers(&running, &wanted);
    check_end(running, "TERM");
}

#[test]
fn it_runs_by_fexecve_and_from_memory() {
    let app = small_site().bundle();
    let wanted = wanted(&app);
    let memory = rustix::fs::memfd_create("app", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let memory = File::from(memory);
    memory
        .write_all_at(&fs::read(app.path()).unwrap(), 0)
        .unwrap();
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    check_runs(bare(Path::new(&path), &["--port", "0"], &[]), &wanted);

    let script = "import os, sys\n\
        fd = os.open(sys.argv[1], os.O_RDONLY)\n\
        os.execve(fd, ['app', '--port', '0'], os.environ)";
    let mut python = bare(Path::new("python3"), &["-c", script], &[]);
    python.arg(app.path());
    match Command::new("python3").arg("--version").output() {
        Ok(output) if output.status.success() => check_runs(python, &wanted),
        _ => skipped("fexecve: there is no python3 here"),
    }
}

#[test]
fn it_runs_with_no_environment_at_all() {
    let app = small_site().bundle();
    let wanted = wanted(&app);
    let mut command = app.command(&[]);
    command.env_clear();
    check_runs(command, &wanted);
}

/// Answers, if it gets random bytes: without `/dev/urandom` they have to come from the kernel.
const RANDOM: &str = r#"(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; One iovec: 78 bytes from address 16.
  (data (i32.const 0) "\10\00\00\00\4e\00\00\00")
  (data (i32.const 16)
    "{\"data\":\"random\",\"headers\":{\"content-type\":\"text/plain\"},\"status\":200,\"kv\":{}}")
  (func (export "_start")
    (if (call $random_get (i32.const 256) (i32.const 32)) (then (unreachable)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

#[test]
fn it_runs_in_an_empty_root() {
    let app = small_site()
        .file("random.wasm", wat::parse_str(RANDOM).unwrap())
        .bundle();
    let mut wanted = wanted(&app);
    let random = ask(app.start(&[]).port(), "/random", "identity").unwrap();
    random.assert_status(200);
    wanted.push(Wanted {
        path: "/random",
        coding: "identity",
        answer: random,
    });
    let folder = app.path().parent().unwrap().to_owned();
    let names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, ["app"]);
    let Some(mut command) = unshare(&[]) else {
        return skipped("an empty root: nothing may be root here");
    };
    command
        .arg("chroot")
        .arg(folder)
        .args(["/app", "--port", "0"])
        .env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    check_runs(command, &wanted);
}

/// Runs a script in a mount namespace of its own; it execs the app in the folder `$0`, or exits
/// with 77 where it may not mount what it needs.
#[track_caller]
fn check_runs_mounted(script: &str) {
    let app = small_site().bundle();
    let wanted = wanted(&app);
    let Some(mut command) = unshare(&["--mount"]) else {
        return skipped("a read-only root, or no /proc: nothing can be mounted here");
    };
    command
        .args(["sh", "-c", script])
        .arg(app.path().parent().unwrap());
    match RunningApp::try_start(command) {
        Ok(running) => {
            check_answers(&running, &wanted);
            check_end(running, "TERM");
        }
        Err(ended) if ended.status.code() == Some(77) => {
            skipped(&format!("a read-only root, or no /proc: {}", ended.log));
        }
        Err(ended) => panic!("{ended:?}"),
    }
}

#[test]
fn it_runs_on_a_read_only_root() {
    check_runs_mounted(
        r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 77
        touch "$0/x" 2>/dev/null && exit 78
        exec chroot "$0" /app --port 0"#,
    );
}

#[test]
fn it_runs_without_proc() {
    check_runs_mounted(
        r#"mount -t tmpfs none /proc || exit 77
        test -e /proc/self && exit 78
        exec "$0/app" --port 0"#,
    );
}

#[test]
fn it_is_a_good_first_process() {
    let app = TestSite::with_index()
        .file("sleep.wasm", sleeper(300))
        .bundle();
    for signal in ["TERM", "INT"] {
        let Some(mut command) = unshare(&["--pid", "--fork", "--kill-child"]) else {
            return skipped("PID 1: no process can have a PID namespace of its own here");
        };
        command.arg(app.path()).args(["--port", "0"]);
        let mut running = RunningApp::start(command);
        let outer = running.pid();
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).unwrap();
        let inner = children.trim();
        let status = fs::read_to_string(format!("/proc/{inner}/status")).unwrap();
        let pids = status
            .lines()
            .find(|line| line.starts_with("NSpid:"))
            .unwrap();
        assert_eq!(pids.split_whitespace().last(), Some("1"), "{pids}");

        running.get("/").assert_status(200);
        let kill = |signal| {
            let status = Command::new("kill")
                .args(["-s", signal, inner])
                .status()
                .unwrap();
            assert!(status.success());
        };
        kill("HUP");
        let mut connection = open_request(&running);
        kill(signal);
        connection.answer("GET").unwrap().assert_status(200);
        // `unshare` passes the exit code on.
        assert_eq!(running.wait(), Some(0), "SIG{signal}: {}", running.log());
    }
}
