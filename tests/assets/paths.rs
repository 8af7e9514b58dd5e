//! Which file a path gives, or where it leads.

use super::{CODINGS, decoded, named, text};
use crate::support::{RunningApp, TestSite};

/// What a path gives: a file by its contents, or an address to go on to.
enum Gives {
    File(&'static str),
    Way(&'static str),
    Nothing,
}
use Gives::{File, Nothing, Way};

#[track_caller]
fn check_path(app: &RunningApp, path: &str, want: &Gives) {
    let answer = app.get(path);
    match want {
        File(contents) => assert_eq!(answer.assert_status(200).text(), *contents, "{path}"),
        Way(to) => assert_eq!(
            answer.assert_status(307).field("location"),
            Some(*to),
            "{path}"
        ),
        Nothing => assert_eq!(answer.status, 404, "{path}"),
    }
}

#[test]
fn pages_have_clean_urls() {
    let site = TestSite::new()
        .file("index.html", "home")
        .file("about.html", "about")
        .file("docs/index.html", "docs")
        .file("docs/guide.html", "guide")
        .file("twice.html", "page")
        .file("twice/index.html", "folder")
        .file("both", "file")
        .file("both.html", "page of the file")
        .file("a b/index.html", "spaced")
        .file("v1.2/notes.html", "notes")
        .file("files/only.txt", "text");
    site.both_ways(|app| {
        for (path, want) in [
            ("/", File("home")),
            ("/index.html", Way("/")),
            ("/index", Nothing),
            ("/about", File("about")),
            ("/about?q=1", File("about")),
            ("/about.html", Way("/about")),
            ("/about.html?a=1&b=%20?c", Way("/about?a=1&b=%20?c")),
            ("/about.html?", Way("/about?")),
            ("/about/", Way("/about")),
            ("/about//", Way("/about")),
            ("/docs", Way("/docs/")),
            ("/docs?q=x", Way("/docs/?q=x")),
            ("/docs/", File("docs")),
            ("/docs/index.html", Way("/docs/")),
            ("/docs/index.html/", Way("/docs/index.html")),
            ("/docs/guide", File("guide")),
            ("/docs/guide.html", Way("/docs/guide")),
            ("/twice", File("page")),
            ("/twice/", File("folder")),
            ("/twice.html", Way("/twice")),
            ("/twice/index.html", Way("/twice/")),
            ("/both", File("file")),
            ("/both.html", File("page of the file")),
            ("/a%20b", Way("/a%20b/")),
            ("/a%20b/", File("spaced")),
            ("/v1.2/notes", File("notes")),
            ("/files/only.txt", File("text")),
            ("/files/only.txt/", Way("/files/only.txt")),
            ("/files/", Nothing),
            ("/files", Nothing),
            // Never to another host.
            ("//docs", Way("/docs/")),
            ("//about.html", Way("/about")),
            ("/%61bout", File("about")),
            ("/about.htm", Nothing),
        ] {
            check_path(app, path, &want);
        }
    });
}

#[test]
fn redirects_keep_the_method_and_are_not_for_ever() {
    let app = TestSite::with_index()
        .file("docs/index.html", "docs")
        .bundle()
        .start(&[]);
    for method in ["GET", "HEAD", "POST"] {
        let answer = app.request(method, "/docs", &[], b"");
        answer.assert_status(307);
        assert_eq!(answer.field("content-length"), Some("0"));
    }
}

#[test]
fn the_nearest_404_page_upwards_answers() {
    let site = TestSite::with_index()
        .file("404.html", text(3000))
        .file("docs/404.html", "docs 404")
        .file("docs/a/b/c/page.html", "page");
    let root = String::from_utf8(text(3000)).unwrap();
    let check = |app: &RunningApp, path: &str, want: &str| {
        let answer = app.get(path);
        assert_eq!(answer.assert_status(404).text(), want, "{path}");
        assert_eq!(
            answer.field("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert_eq!(answer.field("cache-control"), Some("no-cache"));
    };
    site.both_ways(|app| {
        check(app, "/x", &root);
        check(app, "/x/y/z", &root);
        check(app, "/docs", &root);
        check(app, "/docsx/y", &root);
        check(app, "/docs/x", "docs 404");
        check(app, "/docs/", "docs 404");
        check(app, "/docs/a/b/c/d", "docs 404");
        check(app, "/docs/x/", "docs 404");
        for coding in CODINGS {
            let fields = [
                ("accept-encoding", coding),
                ("range", "bytes=0-9"),
                ("if-none-match", "*"),
            ];
            let answer = app.get_with("/x", &fields);
            assert_eq!(
                answer.assert_status(404).field("content-encoding"),
                named(coding)
            );
            assert!(decoded(&answer, 3000) == text(3000));
        }
        let head = app.request("HEAD", "/x", &[], b"");
        assert_eq!(
            head.assert_status(404).field("content-length"),
            Some("3000")
        );
    });
}

#[test]
fn without_a_404_page_there_is_a_built_in_one() {
    let app = TestSite::with_index().bundle().start(&[]);
    let answer = app.get("/%3Cscript%3E");
    answer.assert_status(404);
    assert_eq!(
        answer.field("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert!(answer.text().contains("404") && !answer.text().contains("script"));
}

#[test]
fn dot_files_are_not_served_but_the_well_known_are() {
    let site = TestSite::with_index()
        .file(".env", "SECRET=1")
        .file(".git/config", "SECRET=1")
        .file("docs/.htaccess", "SECRET=1")
        .file("docs/.well-known/x", "SECRET=1")
        .file(".well-known/security.txt", "well known")
        .file(".well-known/acme-challenge/Token_1-2", "token");
    site.both_ways(|app| {
        for path in [
            "/.env",
            "/.git/config",
            "/docs/.htaccess",
            "/docs/.well-known/x",
            "/%2eenv",
        ] {
            check_path(app, path, &Nothing);
        }
        check_path(app, "/.well-known/security.txt", &File("well known"));
        check_path(app, "/.well-known/acme-challenge/Token_1-2", &File("token"));
    });
}

/// All bytes encoded that may be, slashes aside.
fn percent_encoded(name: &str) -> String {
    let encoded = name.bytes().map(|byte| match byte {
        b'/' => "/".to_owned(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    encoded.collect()
}

const NAMES: &str = "a b.txt| leading|trailing |ü.txt|日本語/ページ.txt|🦀.txt|e\u{301}.txt|é.txt|\
    100%.txt|%41.txt|%2e%2e|%|what?.txt|a#b.txt|line\nbreak.txt|tab\t|\u{1}|a+b.txt|a&b=c;d.txt|\
    quote\"'`.txt|<b>.txt|[x]{y}^~|a:b@c|.well-known/...|.well-known/..a|a..|C:|~user|con";

#[test]
fn any_name_is_served_under_its_percent_encoded_path() {
    let long = format!("{}.txt", "long".repeat(49));
    let deep = format!("{}deep.txt", "folder/".repeat(60));
    let names: Vec<&str> = NAMES.split('|').chain([&*long, &*deep]).collect();
    let site = names
        .iter()
        .fold(TestSite::with_index(), |site, name| site.file(name, name));
    site.both_ways(|app| {
        let mut connection = app.connect();
        for name in &names {
            let path = format!("/{}", percent_encoded(name));
            let lower = path.replace("%2E", "%2e").replace("%C3", "%c3");
            for path in [&path, &lower] {
                let answer = connection.request("GET", path, &[], b"");
                assert_eq!(answer.assert_status(200).text(), *name, "{path}");
            }
            let answer = connection.request("GET", &format!("{path}/"), &[], b"");
            let location = answer.assert_status(307).field("location").unwrap();
            assert_eq!(
                connection.request("GET", location, &[], b"").text(),
                *name,
                "{location}"
            );
        }
        // Decoded once, and only once.
        check_path(app, "/A.txt", &Nothing);
        check_path(app, "/%2541.txt", &File("%41.txt"));
    });
}

#[test]
fn case_is_kept() {
    let site = TestSite::with_index()
        .file("Read.TXT", "upper")
        .file("read.txt", "lower");
    site.both_ways(|app| {
        check_path(app, "/Read.TXT", &File("upper"));
        check_path(app, "/read.txt", &File("lower"));
        check_path(app, "/READ.TXT", &Nothing);
        check_path(app, "/INDEX.HTML", &Nothing);
    });
}

#[test]
fn all_paths_begin_with_the_prefix() {
    fn check_prefix(app: &RunningApp, prefix: &str) {
        let at = |path: &str| format!("{prefix}{path}");
        let way = |path: &str, to: &str| {
            let answer = app.get(&at(path));
            assert_eq!(
                answer.assert_status(307).field("location"),
                Some(&*at(to)),
                "{path}"
            );
        };
        way("", "/");
        way("?q=1", "/?q=1");
        way("/docs", "/docs/");
        way("/about.html?x", "/about?x");
        way("/about/", "/about");
        check_path(app, &at("/"), &File("<h1>Home</h1>"));
        check_path(app, &at("/about"), &File("about"));
        check_path(app, &at("about"), &Nothing);
        check_path(app, "/", &Nothing);
        check_path(app, "/about", &Nothing);
        assert_eq!(
            app.get(&at("/docs/x")).assert_status(404).text(),
            "docs 404"
        );
        assert_eq!(app.get(&at("/x")).assert_status(404).text(), "root 404");
        assert_eq!(app.get("/elsewhere").assert_status(404).text(), "root 404");
    }
    let site = TestSite::with_index()
        .file("about.html", "about")
        .file("docs/index.html", "docs")
        .file("docs/404.html", "docs 404")
        .file("404.html", "root 404");
    let bundled = site.bundle_with(&["--prefix", "/p"]);
    check_prefix(&bundled.start(&[]), "/p");
    check_prefix(&bundled.start(&["--prefix", "/other/q/"]), "/other/q");
    check_prefix(&bundled.start(&["--prefix", "/a%20b"]), "/a%20b");
    check_prefix(&site.serve(&["--prefix", "p"]), "/p");
    check_path(&bundled.start(&["--prefix", "/"]), "/about", &File("about"));
}

#[test]
fn a_path_that_only_begins_like_the_prefix_gets_the_404_page_of_the_root() {
    let site = TestSite::with_index()
        .file("404.html", "root 404")
        .file("docs/404.html", "docs 404");
    let app = site.bundle_with(&["--prefix", "/p"]).start(&[]);
    for path in ["/px", "/px/y", "/pdocs/x", "/docs/x"] {
        assert_eq!(
            app.get(path).assert_status(404).text(),
            "root 404",
            "{path}"
        );
    }
}

#[test]
fn a_served_folder_says_what_it_found_and_where_it_listens() {
    let site = TestSite::with_index()
        .file("a.txt", "a")
        .worker("api/hello", "hello");
    let app = site.serve(&["--prefix", "/p"]);
    let output = app.output();
    let has = |parts: &[&str]| {
        assert!(
            output
                .lines()
                .any(|line| parts.iter().all(|part| line.contains(part))),
            "{output}"
        );
    };
    has(&["/p/api/hello", "api/hello.wasm"]);
    has(&["/p/", "2 assets"]);
    has(&[&format!("Listening on http://127.0.0.1:{}", app.port())]);
    app.get("/p/a.txt").assert_status(200);
}
