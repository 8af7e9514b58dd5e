//! What an app does when its file was cut or damaged: nothing that is wrong.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use super::{Wanted, ask, same, small_site, wanted};
use crate::support::{BundledApp, Ended, RunningApp, TestSite, wws};

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
        let number = |name: &str| usize::try_from(said[name].as_u64().unwrap()).unwrap();
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
        let u64_at = |at: usize| {
            let number = u64::from_le_bytes(self.bytes[at..at + 8].try_into().unwrap());
            usize::try_from(number).unwrap()
        };
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
    if errors > 0 {
        running.log_line("damaged");
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
        refuses(start + 8, "the bundle has format version 12");
        for at in [12, 16, 23, 24, 39] {
            refuses(start + at, "the header of the bundle is damaged");
        }
        for row in 0..6 {
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
            patched.flip(at, 3);
            // It listens before its workers are loaded, but not for long.
            let ended = match RunningApp::try_start(patched.app.command(&[])) {
                Ok(mut running) => running.end(),
                Err(ended) => ended,
            };
            patched.flip(at, 3);
            assert_eq!(ended.status.code(), Some(1), "byte {at}: {}", ended.log);
            let want = "the worker hello.wasm cannot run: the native code at";
            assert!(ended.log.contains(want), "byte {at}: {}", ended.log);
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
fn a_bit_flipped_in_a_script_or_its_engine_is_noticed() {
    for compress in ["all", "assets"] {
        let script = |text: &str| format!("export default () => new Response('{text}')");
        let app = TestSite::with_index()
            .file("wws.toml", "workers.scripts = ['*.js']")
            .file("a.js", script("a"))
            .file("b.js", script("b"))
            .bundle_with(&["--compress", compress]);
        let running = app.start(&[]);
        let wanted: Vec<Wanted> = ["/", "/a", "/b"]
            .map(|path| Wanted {
                path,
                coding: "identity",
                answer: ask(running.port(), path, "identity").unwrap(),
            })
            .into();
        assert!(wanted.iter().all(|wanted| wanted.answer.status == 200));
        drop(running);
        let (anatomy, patched) = (Anatomy::of(&app), Patched::new(&app));
        let code = anatomy.section(Section::NativeCode);
        const PARTS: usize = 16;
        for part in 0..PARTS {
            let after = code.start + code.len() * part / PARTS;
            // What fills up the last pages of raw code is not part of it.
            let Some(at) = (after..code.end).find(|at| anatomy.bytes[*at] != 0) else {
                continue;
            };
            patched.flip(at, 3);
            // It listens before its scripts are loaded, but not for long.
            let ended = match RunningApp::try_start(patched.app.command(&[])) {
                Ok(mut running) => running.end(),
                Err(ended) => ended,
            };
            patched.flip(at, 3);
            assert_eq!(ended.status.code(), Some(1), "byte {at}: {}", ended.log);
            let in_words = ended.log.lines().any(|line| {
                line.starts_with("error: ") && line.contains(" cannot run: the native code at ")
            });
            assert!(in_words, "byte {at}: {}", ended.log);
        }
        assert!(matches!(
            run_undamaged(&patched, &wanted),
            Outcome::Served { errors: 0, .. }
        ));
    }
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
            let place = usize::try_from(state % anatomy.bundle.len() as u64).unwrap();
            let at = anatomy.bundle.start + place;
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
    // What is cut off the last page reads as zero, and so do zeros.
    let last_byte = (start..end).rfind(|at| anatomy.bytes[*at] != 0).unwrap();
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
        last_byte,
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
