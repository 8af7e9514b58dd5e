//! What `wws bundle` refuses, and in which words.

use super::check_refusal;
use crate::support::{TestSite, guest};

#[test]
fn an_import_that_nothing_offers_is_named_with_what_there_is() {
    let missing = ["env", "missing_function", "wasi_snapshot_preview1"];
    #[track_caller]
    fn check(of_guest: &str, want: &[&str]) {
        let site = TestSite::new().worker("api/w", of_guest);
        check_refusal(&site, &[&["api/w.wasm"], want].concat());
    }
    check("imports_wasi_and_env", &missing);
    check(
        "component_imports",
        &["example:storage/shelf@1.2.3", "wasi:cli", "wasi:http"],
    );
    // In a project every module is meant to be a worker, whatever it imports.
    check("imports_env", &missing);
}

#[test]
fn a_file_that_is_no_worker_is_refused_with_what_to_do() {
    #[track_caller]
    fn check(wasm: &[u8], want: &[&str]) {
        let site = TestSite::new()
            .file("api/w.wasm", wasm)
            .worker("api/good", "hello");
        check_refusal(&site, &[&["api/w.wasm"], want].concat());
    }
    let hello = guest("hello");
    let advice = "--ignore";
    check(
        &guest("no_start"),
        &["_start", "wasi:cli/run", "public/", advice],
    );
    check(b"<html>", &["no WebAssembly", advice]);
    check(b"", &["no WebAssembly", advice]);
    check(&hello[..hello.len() / 2], &["damaged", advice]);
    check(&hello[..hello.len() - 1], &["damaged", advice]);
    check(
        &guest("component_http"),
        &["wasi:http/incoming-handler", "does not have", "`handle`"],
    );
    // Whole in its sections, but its code is not valid: it leaves nothing where it has to leave i32.
    let invalid = b"\0asm\x01\0\0\0\x01\x08\x02\x60\0\0\x60\0\x01\x7f\x03\x03\x02\0\x01\
        \x07\x0a\x01\x06_start\0\0\x0a\x07\x02\x02\0\x0b\x02\0\x0b";
    check(invalid, &["does not compile"]);
}

#[test]
fn two_workers_that_would_answer_the_same_paths_are_named() {
    #[track_caller]
    fn check(a: &str, b: &str) {
        let site = TestSite::new().worker(a, "hello").worker(b, "hello");
        check_refusal(
            &site,
            &[&format!("{a}.wasm"), &format!("{b}.wasm"), "rename"],
        );
    }
    check("a", "a/index");
    check("[a]", "[b]");
    check("[a]", "[b]/index");
    check("x/[...a]", "x/[...b]");
    check("[a]/x", "[b]/x");
    check("[a]/x", "y/[b]");
}

#[test]
fn a_name_that_is_no_route_is_refused() {
    #[track_caller]
    fn check(name: &str, want: &[&str]) {
        let site = TestSite::new().worker(name, "hello");
        check_refusal(&site, &[&[format!("{name}.wasm").as_str()], want].concat());
    }
    check("x[a]", &["[name]"]);
    check("[]", &["[name]"]);
    check("[...a]/b", &["[...a]"]);
    check("[a]/[a]", &["[a]", "twice"]);
}

#[test]
fn a_mistake_in_toml_is_named_with_line_and_column() {
    #[track_caller]
    fn check(toml: &str, want: &[&str]) {
        let site = TestSite::new()
            .worker("api/w", "hello")
            .file("api/w.toml", toml);
        check_refusal(&site, want);
    }
    check("name = \"a\"\nversion = \n", &["api/w.toml:2:"]);
    check("[limits\n", &["api/w.toml:1:"]);
    check(
        "name = 'a'\nnmae = 1\n",
        &["api/w.toml:2:1:", "\"nmae\"", "\"name\""],
    );
    check(
        "[limits]\n  tme = '1s'\n",
        &["api/w.toml:2:3:", "\"tme\"", "\"time\""],
    );
    check(
        "[limits]\ntime = 30\n",
        &["api/w.toml:2:8:", "\"30s\"", "integer"],
    );
    check("[limits]\ntime = '30'\n", &["api/w.toml:2:8:", "unit"]);
    check(
        "[limits]\nmemory = '1B'\n",
        &["api/w.toml:2:10:", "64KiB", "4GiB"],
    );
    check(
        "[limits]\nqueue = '1'\n",
        &["api/w.toml:2:9:", "integer", "string"],
    );
    check("[vars]\nA = 1\n", &["api/w.toml:2:5:", "string", "integer"]);
    check("vars = 'x'\n", &["api/w.toml:1:8:", "table", "[vars]"]);
    check("[vars]\nA = '$not a name'\n", &["api/w.toml:2:5:", "$NAME"]);
    let later = "not supported in this version";
    check(
        "[[folders]]\nfrom = 'a'\nto = '/a'\n",
        &["api/w.toml:1:3:", "[[folders]]", later],
    );
    check(
        "[features.wasi_nn]\n",
        &["api/w.toml:1:11:", "[features.wasi_nn]", later],
    );
    check(
        "[data.kv]\nretry = true\n",
        &["api/w.toml:1:1:", "[data.kv]", "namespace ="],
    );
    check(
        "[data.kv]\nnamespace = ''\n",
        &["api/w.toml:2:13:", "1 to 128 bytes"],
    );
    check(
        "limits.outbound_time = '2h'\n",
        &["api/w.toml:1:24:", "\"h\"", "ms, s, m"],
    );
    check(
        "limits.kv_snapshot = '65MiB'\n",
        &["api/w.toml:1:22:", "kv_snapshot", "64MiB"],
    );
    check(
        "[worker]\nreuse = 2\n",
        &["api/w.toml:2:1:", "wasi:http 0.3", "remove reuse"],
    );
    check(
        "[worker]\nbody = 'text'\n",
        &["api/w.toml:2:1:", "script", "remove it"],
    );
}

#[test]
fn calls_that_cannot_be_allowed_as_written_are_named_with_the_right_form() {
    #[track_caller]
    fn check(rules: &str, want: &[&str]) {
        let site = TestSite::new()
            .worker("api/w", "hello")
            .file("api/w.toml", format!("[features.http_requests]\n{rules}\n"));
        check_refusal(&site, want);
    }
    check(
        "allowed_hosts = ['a.example', 'http://b.example/path']",
        &[
            "api/w.toml:2:31:",
            "\"http://b.example/path\"",
            "write the host alone: \"b.example\"",
        ],
    );
    check(
        "allowed_hosts = 'a.example'",
        &["api/w.toml:2:17:", "[\"api.example.com\"]"],
    );
    check(
        "allowed_methods = ['GET', 'a b']",
        &["api/w.toml:2:27:", "\"a b\"", "\"GET\""],
    );
    check(
        "allow_private = 'yes'",
        &["api/w.toml:2:17:", "true or false"],
    );
    check("allow_https = true", &["api/w.toml:2:1:", "\"allow_http\""]);
}

#[test]
fn a_key_of_the_site_that_is_none_is_named() {
    #[track_caller]
    fn check(toml: &str, want: &[&str]) {
        check_refusal(&TestSite::with_index().file("wws.toml", toml), want);
    }
    check(
        "[sites]\nspa = true\n",
        &["wws.toml:1:2:", "did you mean \"site\"?"],
    );
    check(
        "[limits]\n[cors]\norigins = []\n",
        &["wws.toml:3:11:", "a list here has 1 to 100 entries"],
    );
    check("[sight]\n", &["wws.toml:1:2:", "\"sight\"", "limits"]);
    check("[limits]\ntime = 'soon'\n", &["wws.toml:2:8:"]);
}

#[test]
fn what_other_hosts_and_older_versions_do_is_refused_where_it_is_not_done() {
    #[track_caller]
    fn check(site: TestSite, file: &str) {
        let site = site.file(file, "x");
        check_refusal(&site, &[file, "in this version of wws", "--ignore"]);
        // What is advised helps.
        site.bundle_with(&["--ignore", file]);
    }
    let project = || TestSite::new().worker("api/hello", "hello");
    check(project(), ".wws.toml");
    for extension in ["py", "rb"] {
        check(project(), &format!("api/script.{extension}"));
    }
    // In a site a script is an asset.
    let app = TestSite::with_index()
        .file("api/script.js", "x")
        .file("api/script.py", "y")
        .bundle()
        .start(&[]);
    assert_eq!(app.get("/api/script.js").assert_status(200).text(), "x");
    assert_eq!(app.get("/api/script.py").assert_status(200).text(), "y");
}

#[test]
fn all_problems_of_a_site_are_in_one_report() {
    let site = TestSite::new()
        .worker("a", "hello")
        .file("a.toml", "nmae = 1\n[limits]\ntime = 30\n")
        .worker("b", "hello")
        .file("b.toml", "name = \n")
        .file("c.wasm", "junk")
        .worker("d", "no_start")
        .file("e.js", "")
        .file("wws.toml", "[cors]\n")
        .file("public/_headers", "X-A: 1\n");
    check_refusal(
        &site,
        &[
            "8 problems",
            "a.toml:1:1:",
            "a.toml:3:8:",
            "b.toml:1:",
            "c.wasm:",
            "d.wasm:",
            "e.js:",
            "wws.toml:1:1:",
            "public/_headers:1:",
        ],
    );
}

#[test]
fn conflicts_and_imports_are_in_the_same_report_as_all_else() {
    let site = TestSite::new()
        .worker("a", "hello")
        .file("a.toml", "nmae = 1\n")
        .worker("[b]", "hello")
        .worker("[c]", "hello")
        .worker("d", "imports_wasi_and_env");
    check_refusal(
        &site,
        &[
            "a.toml:1:1:",
            "[b].wasm",
            "[c].wasm",
            "d.wasm",
            "missing_function",
        ],
    );
}
