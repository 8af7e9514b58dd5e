//! Requests with conditions, ranges and codings, answered like nginx answers them for the same
//! files; where not, a rule says why.
//!
//! Dates, tags and the gzip are the same on both sides, as far as they can be: nginx makes its tags
//! of times and lengths, so that only their presence is compared.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use super::{noise, text};
use crate::support::{Answer, Connection, Nginx, RunningApp, TestSite, repository, wws};

/// When all files were changed last.
const EPOCH: &str = "1700000000";
const THEN: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
const BEFORE: &str = "Tue, 14 Nov 2023 22:13:19 GMT";
const AFTER: &str = "Tue, 14 Nov 2023 22:13:21 GMT";

/// Values of fields in which each server finds its own tags: of what this request would get, and of
/// the same file in another coding.
const TAGS: [&str; 2] = ["{tag}", "{other}"];

/// A request, without what is the same in all.
#[derive(Clone, Debug)]
struct Case {
    method: &'static str,
    path: &'static str,
    fields: Vec<(&'static str, &'static str)>,
}

impl Case {
    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(n, _)| *n == name)
    }

    fn field(&self, name: &str) -> &'static str {
        let mut fields = self.fields.iter();
        fields
            .find(|(n, _)| *n == name)
            .map_or("", |(_, value)| value)
    }
}

/// One way in which two answers can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Status,
    Length,
    ContentRange,
    HasTag,
    Vary,
    Coding,
    AcceptRanges,
    Location,
    LastModified,
    Type,
    Allow,
}

use Part::{
    AcceptRanges, Allow, Coding, ContentRange, HasTag, LastModified, Length, Location, Status,
    Type, Vary,
};

/// What is compared. The pages of errors are each server's own, and so are their lengths.
fn parts(answer: &Answer) -> Vec<(Part, String)> {
    let field = |name| answer.field(name).unwrap_or_default().to_owned();
    let has = |name| answer.field(name).is_some().to_string();
    let kind = field("content-type");
    let kind = kind.split(';').next().unwrap_or_default().to_owned();
    let mut parts = vec![
        (Status, answer.status.to_string()),
        (ContentRange, field("content-range")),
        (Allow, field("allow")),
        (Location, field("location")),
    ];
    if matches!(answer.status, 200 | 206 | 304) {
        parts.extend([
            (Length, field("content-length")),
            (HasTag, has("etag")),
            (Vary, field("vary")),
            (Coding, field("content-encoding")),
            (AcceptRanges, field("accept-ranges")),
            (LastModified, field("last-modified")),
            (Type, kind),
        ]);
    }
    parts
}

/// A difference that is meant. docs/http.md has them in the same words.
struct Rule {
    /// What ours does, and nginx does not.
    ours: &'static str,
    /// Of RFC 9110.
    section: &'static str,
    parts: &'static [Part],
    /// Where it comes about; with the statuses of ours and of nginx.
    when: fn(&Case, (u16, u16)) -> bool,
}

const RULES: &[Rule] = &[
    Rule {
        ours: "ranges only for GET",
        section: "14.2",
        parts: &[Status],
        when: |case, statuses| {
            case.method == "HEAD" && case.has("range") && matches!(statuses, (200, 206 | 416))
        },
    },
    Rule {
        ours: "a malformed range is ignored",
        section: "14.2",
        parts: &[Status],
        when: |case, statuses| {
            let is_malformed = matches!(
                case.field("range"),
                "bytes=5-2" | "bytes=a-b" | "bytes=" | "bytes=1-2-3"
            );
            case.method == "GET" && is_malformed && statuses == (200, 416)
        },
    },
    Rule {
        ours: "ranges of stored gzip too",
        section: "14.1.2",
        parts: &[Status],
        when: |case, statuses| {
            let is_gzip = case.field("accept-encoding") == "gzip" && case.path == "/text.txt";
            case.has("range") && is_gzip && matches!(statuses, (206 | 416, 200))
        },
    },
    Rule {
        ours: "ranges less than 80 bytes apart are one",
        section: "15.3.7.2",
        parts: &[Type, Length, ContentRange],
        when: |case, statuses| {
            let is_near = matches!(case.field("range"), "bytes=0-9,20-29" | "bytes=0-99,50-149");
            is_near && statuses == (206, 206)
        },
    },
    Rule {
        ours: "several ranges have another boundary",
        section: "14.6",
        parts: &[Length],
        when: |case, statuses| case.field("range") == "bytes=0-0,500-599" && statuses == (206, 206),
    },
    Rule {
        ours: "`Accept-Ranges` in a 206, and with gzip",
        section: "14.3",
        parts: &[AcceptRanges],
        when: |case, statuses| {
            statuses == (206, 206) || statuses == (200, 200) && case.has("accept-encoding")
        },
    },
    Rule {
        ours: "no `If-Unmodified-Since` beside `If-Match`",
        section: "13.1.4",
        parts: &[Status],
        when: |case, statuses| {
            case.has("if-match") && case.has("if-unmodified-since") && statuses == (200, 412)
        },
    },
    Rule {
        ours: "an `If-Unmodified-Since` that is no date is ignored",
        section: "13.1.4",
        parts: &[Status],
        when: |case, statuses| {
            case.field("if-unmodified-since") == "yesterday" && statuses == (200, 412)
        },
    },
    Rule {
        ours: "no `If-Modified-Since` beside `If-None-Match`",
        section: "13.1.3",
        parts: &[Status],
        when: |case, statuses| {
            let both = case.has("if-none-match") && case.has("if-modified-since");
            both && statuses == (304, 200)
        },
    },
    Rule {
        ours: "OPTIONS is answered",
        section: "9.3.7",
        parts: &[Status],
        when: |case, statuses| case.method == "OPTIONS" && statuses == (204, 405),
    },
    Rule {
        ours: "a method that nobody knows gets 501",
        section: "9.1",
        parts: &[Status],
        when: |case, statuses| case.method == "FOO" && statuses == (501, 405),
    },
    Rule {
        ours: "nothing is there for TRACE either",
        section: "15.5.5",
        parts: &[Status],
        when: |case, statuses| case.method == "TRACE" && statuses == (404, 405),
    },
    Rule {
        ours: "a 405 says what is allowed",
        section: "15.5.6",
        parts: &[Allow],
        when: |_, statuses| statuses == (405, 405),
    },
    Rule {
        ours: "`x-gzip` is gzip",
        section: "8.4.1.3",
        parts: &[Coding, Length],
        when: |case, _| case.field("accept-encoding") == "x-gzip",
    },
    Rule {
        ours: "the coding with the highest weight",
        section: "12.5.3",
        parts: &[Coding, Length],
        when: |case, _| case.field("accept-encoding") == "gzip;q=0.2, identity;q=0.9",
    },
    Rule {
        ours: "`*` is any coding",
        section: "12.5.3",
        parts: &[Coding, Length],
        when: |case, _| matches!(case.field("accept-encoding"), "*" | "gzip;q=0, *"),
    },
    Rule {
        ours: "Brotli and zstd too",
        section: "8.4.1",
        parts: &[Coding, Length],
        when: |case, _| case.field("accept-encoding").contains("br"),
    },
    Rule {
        ours: "406 where every coding is excluded",
        section: "12.5.3",
        parts: &[Status],
        when: |case, statuses| {
            case.field("accept-encoding").contains("identity;q=0") && statuses == (406, 200)
        },
    },
    Rule {
        ours: "a folder without its slash gets 307, which keeps the method",
        section: "15.4.8",
        parts: &[Status],
        when: |case, statuses| case.path.starts_with("/docs") && statuses == (307, 301),
    },
    Rule {
        ours: "one address for each page",
        section: "15.4",
        parts: &[Status],
        when: |case, (ours, _)| {
            let others = ["/about.html", "/docs/index.html", "/text.txt/"];
            others.contains(&case.path) && ours == 307
        },
    },
];

#[test]
fn requests_are_answered_like_nginx_does_or_a_rule_says_why() {
    let (app, files) = start();
    let Some(nginx) = Nginx::of_files(files.path()) else {
        return;
    };
    let cases = cases();
    assert!(cases.len() > 1200, "{}", cases.len());
    let mut ours = Server::new(app.port());
    let mut theirs = Server::new(nginx.port());
    let mut unlisted = String::new();
    let mut used = BTreeSet::new();
    for case in &cases {
        let (our, their) = (ours.answer(case), theirs.answer(case));
        let statuses = (our.status, their.status);
        for (part, a, b) in differences(&our, &their) {
            let is_excuse = |rule: &Rule| rule.parts.contains(&part) && (rule.when)(case, statuses);
            match RULES.iter().position(is_excuse) {
                Some(rule) => drop(used.insert(rule)),
                None => writeln!(unlisted, "{part:?}: {a:?}, nginx {b:?}: {case:?}").unwrap(),
            }
        }
    }
    let count = cases.len();
    assert!(unlisted.is_empty(), "of {count} requests:\n{unlisted}");
    let unused = (0..RULES.len()).filter(|place| !used.contains(place));
    let unused: Vec<_> = unused.map(|place| RULES[place].ours).collect();
    assert!(
        unused.is_empty(),
        "no difference is of these kinds: {unused:?}"
    );
}

#[test]
fn each_difference_to_nginx_is_documented() {
    let docs = fs::read_to_string(repository("docs/http.md")).unwrap();
    for rule in RULES {
        let row = format!("| {} | {} |", rule.ours, rule.section);
        assert!(docs.contains(&row), "docs/http.md has no row {row}");
    }
}

/// The parts that are not the same. Where the status is another, all the rest is too.
fn differences(ours: &Answer, theirs: &Answer) -> Vec<(Part, String, String)> {
    let both = parts(ours).into_iter().zip(parts(theirs));
    let mut differences: Vec<_> = both
        .filter(|((_, our), (_, their))| our != their)
        .map(|((part, our), (_, their))| (part, our, their))
        .collect();
    if ours.status != theirs.status {
        differences.truncate(1);
    }
    differences
}

/// A server, and the tags that it gives to a file.
struct Server {
    port: u16,
    connection: Connection,
}

impl Server {
    fn new(port: u16) -> Self {
        Self {
            port,
            connection: Connection::to(port),
        }
    }

    fn answer(&mut self, case: &Case) -> Answer {
        let mut fields = Vec::new();
        for (name, value) in &case.fields {
            fields.push((*name, self.with_tags(case, value)));
        }
        self.request(case.method, case.path, &fields)
    }

    fn with_tags(&mut self, case: &Case, value: &str) -> String {
        let mut value = value.to_owned();
        let coding = case.field("accept-encoding");
        let other = if coding == "gzip" { "identity" } else { "gzip" };
        for (tag, coding) in TAGS.iter().zip([coding, other]) {
            if value.contains(tag) {
                let fields = [("accept-encoding", coding.to_owned())];
                let answer = self.request("GET", case.path, &fields);
                value = value.replace(tag, answer.field("etag").unwrap());
            }
        }
        value
    }

    fn request(&mut self, method: &str, path: &str, fields: &[(&str, String)]) -> Answer {
        let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = self.connection.request(method, path, &fields, b"");
        // nginx closes the connection after a 412, whatever it says of it.
        if answer.field("connection") == Some("close") || answer.status >= 400 {
            self.connection = Connection::to(self.port);
        }
        answer
    }
}

/// An app, and the folder of files that it was made from, with its gzip in files beside them.
fn start() -> (RunningApp, TestSite) {
    let site = TestSite::with_index()
        .file("text.txt", text(20_000))
        .file("noise.bin", noise(20_000))
        .file("docs/index.html", "<h1>Docs</h1>")
        .file("about.html", "<h1>About</h1>");
    let bundled = site.bundle();
    let mut command = wws();
    command
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .arg("bundle")
        .arg(site.path());
    let output = command.arg("-o").arg(bundled.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let app = bundled.start(&[]);
    let gzip = app.get_with("/text.txt", &[("accept-encoding", "gzip")]);
    let site = site.file("text.txt.gz", gzip.body);
    for file in [
        "index.html",
        "text.txt",
        "text.txt.gz",
        "noise.bin",
        "docs/index.html",
        "about.html",
    ] {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(EPOCH.parse().unwrap());
        let file = fs::OpenOptions::new()
            .write(true)
            .open(site.path().join(file));
        file.and_then(|file: File| file.set_modified(time)).unwrap();
    }
    (app, site)
}

const CONDITIONS: &[&[(&str, &str)]] = &[
    &[],
    &[("if-none-match", "{tag}")],
    &[("if-none-match", "W/{tag}")],
    &[("if-none-match", "\"x\", {tag}")],
    &[("if-none-match", "\"a,b\" ,W/\"x\", W/{tag}")],
    &[("if-none-match", "{other}")],
    &[("if-none-match", "{other}, {tag}")],
    &[("if-none-match", "\"x\"")],
    &[("if-none-match", "*")],
    &[("if-none-match", "x")],
    &[("if-match", "{tag}")],
    &[("if-match", "W/{tag}")],
    &[("if-match", "\"x\", {tag}")],
    &[("if-match", "{other}")],
    &[("if-match", "\"x\"")],
    &[("if-match", "*")],
    &[("if-modified-since", THEN)],
    &[("if-modified-since", BEFORE)],
    &[("if-modified-since", AFTER)],
    &[("if-modified-since", "Tuesday, 14-Nov-23 22:13:20 GMT")],
    &[("if-modified-since", "yesterday")],
    &[("if-unmodified-since", THEN)],
    &[("if-unmodified-since", BEFORE)],
    &[("if-unmodified-since", AFTER)],
    &[("if-unmodified-since", "yesterday")],
    &[("if-none-match", "{tag}"), ("if-modified-since", BEFORE)],
    &[("if-none-match", "{tag}"), ("if-modified-since", AFTER)],
    &[("if-none-match", "\"x\""), ("if-modified-since", AFTER)],
    &[("if-match", "{tag}"), ("if-unmodified-since", BEFORE)],
    &[("if-match", "{tag}"), ("if-unmodified-since", AFTER)],
    &[("if-match", "\"x\""), ("if-unmodified-since", AFTER)],
    &[("if-match", "{tag}"), ("if-none-match", "{tag}")],
    &[("if-match", "\"x\""), ("if-none-match", "{tag}")],
    &[("if-match", "*"), ("if-modified-since", THEN)],
    &[("if-unmodified-since", BEFORE), ("if-none-match", "{tag}")],
];

const RANGES: &[&str] = &[
    "bytes=0-99",
    "bytes=0-",
    "bytes=100-",
    "bytes=-100",
    "bytes=-99999",
    "bytes=0-0",
    "bytes=100-99999",
    "bytes=19999-19999",
    "bytes=0-0,500-599",
    "bytes=0-9,20-29",
    "bytes=0-99,50-149",
    "bytes=0-9,90000-",
    "bytes=90000-",
    "bytes=-0",
    "bytes=99999999999999999999-",
    "bytes=5-2",
    "bytes=a-b",
    "bytes=",
    "bytes=1-2-3",
    "items=0-9",
];

const IF_RANGES: &[&str] = &["", "{tag}", "W/{tag}", "\"x\"", THEN, BEFORE, AFTER];

const CODINGS: &[&str] = &[
    "gzip",
    "GZIP",
    "x-gzip",
    "gzip, deflate",
    "deflate, gzip;q=1.0",
    "gzip;q=0",
    "gzip;q=0.000",
    "gzip;q=0.5",
    "gzip;q=0.001",
    "gzip;q=0.2, identity;q=0.9",
    "identity",
    "identity;q=0, gzip",
    "*",
    "*;q=0, identity",
    "gzip;q=0, *",
    "deflate",
    "xgzip",
    "",
    "br",
    "gzip, deflate, br, zstd",
];

const METHODS: &[&str] = &["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "FOO"];

const PATHS: &[&str] = &[
    "/",
    "/docs/",
    "/docs",
    "/docs?q",
    "/about",
    "/about.html",
    "/nothing",
    "/nothing/",
    "/text.txt?q",
    "/%74ext.txt",
    "//text.txt",
    "/text.txt/",
    "/docs/index.html",
];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |method, path, lists: &[&[(&'static str, &'static str)]]| {
        let fields = lists.concat();
        let fields = fields
            .into_iter()
            .filter(|(name, value)| !value.is_empty() || *name == "accept-encoding");
        cases.push(Case {
            method,
            path,
            fields: fields.collect(),
        });
    };
    let codings: [&[(&str, &str)]; 3] = [
        &[],
        &[("accept-encoding", "gzip")],
        &[("accept-encoding", "identity")],
    ];
    for method in ["GET", "HEAD"] {
        for coding in codings {
            for condition in CONDITIONS {
                add(method, "/text.txt", &[coding, condition]);
            }
        }
        for condition in CONDITIONS {
            add(method, "/noise.bin", &[condition]);
        }
        for range in RANGES {
            for if_range in IF_RANGES {
                let fields = [("range", *range), ("if-range", *if_range)];
                add(method, "/noise.bin", &[&fields]);
                add(method, "/text.txt", &[&fields, codings[1]]);
            }
            for condition in [CONDITIONS[1], CONDITIONS[7], CONDITIONS[14]] {
                add(method, "/noise.bin", &[&[("range", *range)], condition]);
            }
        }
        for coding in CODINGS {
            for path in ["/text.txt", "/noise.bin"] {
                add(method, path, &[&[("accept-encoding", *coding)]]);
            }
        }
        for path in PATHS {
            for condition in [CONDITIONS[0], CONDITIONS[8], CONDITIONS[15], CONDITIONS[14]] {
                add(method, path, &[condition]);
            }
            add(method, path, &[&[("range", "bytes=0-3")]]);
        }
    }
    for method in METHODS {
        for path in ["/text.txt", "/docs/", "/nothing"] {
            for condition in [CONDITIONS[0], CONDITIONS[8], CONDITIONS[14]] {
                add(method, path, &[condition]);
            }
            add(method, path, &[&[("range", "bytes=0-3")]]);
        }
    }
    cases
}
