//! `[features]`: what a worker may do beyond answering requests.
//!
//! Not here: what an entry of `allowed_hosts` means, and which calls pass (`outbound-rules`).

use outbound_rules::{HostPattern, Rules};

use crate::document::Findings;
use crate::keys::{self, Value};

const KNOWN_FEATURES: &[&str] = &["http_requests"];
const KNOWN_KEYS: &[&str] = &[
    "allowed_hosts",
    "allowed_methods",
    "allow_http",
    "allow_private",
];

/// The longest name of a method.
const METHOD_BYTES_MAX: usize = 32;

pub(crate) fn read(value: &Value<'_>, findings: &mut Findings) -> Rules {
    let mut rules = Rules::default();
    let Some(table) = keys::table(value, "[features]", findings) else {
        return rules;
    };
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "http_requests" => rules = http_requests(value, findings),
            // A feature of Wasm Workers Server 1.7.
            "wasi_nn" => keys::unsupported(key, "[features.wasi_nn]", findings),
            _ => keys::unknown(key, "feature", KNOWN_FEATURES, findings),
        }
    }
    rules
}

fn http_requests(value: &Value<'_>, findings: &mut Findings) -> Rules {
    let mut rules = Rules::default();
    let Some(table) = keys::table(value, "[features.http_requests]", findings) else {
        return rules;
    };
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "allowed_hosts" => {
                rules.hosts = list(value, "\"api.example.com\"", host, findings);
            }
            "allowed_methods" => {
                refuse_empty(value, findings);
                rules.methods = Some(list(value, "\"GET\"", method, findings));
            }
            "allow_http" => rules.allow_http = keys::boolean(value, findings).unwrap_or_default(),
            "allow_private" => {
                rules.allow_private = keys::boolean(value, findings).unwrap_or_default();
            }
            _ => keys::unknown(key, "key", KNOWN_KEYS, findings),
        }
    }
    rules
}

/// No hosts are how calls are turned off; no methods would do the same without saying so.
fn refuse_empty(methods: &Value<'_>, findings: &mut Findings) {
    if methods
        .get_ref()
        .as_array()
        .is_some_and(|array| array.is_empty())
    {
        let message = "no method is given; leave the key out to allow all of them, or write \
            allowed_hosts = [] to allow no calls";
        findings.add(methods.span().start, message.to_owned());
    }
}

/// The entries of an array of strings that are understood; the others are problems.
fn list<T>(
    value: &Value<'_>,
    example: &str,
    parse: fn(&str) -> Result<T, String>,
    findings: &mut Findings,
) -> Vec<T> {
    let Some(array) = keys::array(value, &format!("[{example}]"), findings) else {
        return Vec::new();
    };
    let mut entries = Vec::with_capacity(array.len());
    for value in array {
        let Some(text) = keys::string(value, example, findings) else {
            continue;
        };
        match parse(&text) {
            Ok(entry) => entries.push(entry),
            Err(message) => findings.add(value.span().start, message),
        }
    }
    entries
}

fn host(text: &str) -> Result<HostPattern, String> {
    HostPattern::parse(text).map_err(|error| error.to_string())
}

/// A method in upper case (RFC 9110, 9.1: a token).
fn method(text: &str) -> Result<String, String> {
    let is_letter = |byte: u8| byte.is_ascii_alphabetic() || b"-_".contains(&byte);
    match !text.is_empty() && text.len() <= METHOD_BYTES_MAX && text.bytes().all(is_letter) {
        true => Ok(text.to_ascii_uppercase()),
        false => Err(format!(
            "\"{}\" is no method; write one such as \"GET\"",
            text.escape_debug()
        )),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<Rules, &[&str]>) {
        let found = crate::parse_worker_config("a.toml", text.as_bytes());
        let found = found
            .map(|config| config.outbound)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        let want =
            want.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found, want);
    }

    #[test]
    fn nothing_is_allowed_unless_it_is_written() {
        check("", Ok(Rules::default()));
        check("[features]", Ok(Rules::default()));
        check("[features.http_requests]", Ok(Rules::default()));
        check(
            "features.http_requests.allowed_hosts = []",
            Ok(Rules::default()),
        );
    }

    #[test]
    fn every_rule_is_read() {
        let text = "[features.http_requests]\nallowed_hosts = [\"a.example:8443\", \"*.b.example\"]\n\
            allowed_methods = [\"get\", \"M-SEARCH\"]\nallow_http = true\nallow_private = true";
        let host = |text| HostPattern::parse(text).unwrap();
        let want = Rules {
            hosts: vec![host("a.example:8443"), host("*.b.example")],
            methods: Some(vec!["GET".to_owned(), "M-SEARCH".to_owned()]),
            allow_http: true,
            allow_private: true,
        };
        check(text, Ok(want));
    }

    #[test]
    fn a_url_among_the_hosts_is_a_problem_at_the_entry_with_the_right_form() {
        let text =
            "[features.http_requests]\nallowed_hosts = [\"a.example\", \"http://b.example/path\"]";
        let problems = crate::parse_worker_config("a.toml", text.as_bytes()).unwrap_err();
        let [problem] = &problems[..] else {
            panic!("{problems:?}");
        };
        assert_eq!((problem.line, problem.column), (2, 31));
        assert!(problem.message.contains("\"b.example\""), "{problem}");
    }

    #[test]
    fn what_is_no_rule_is_a_problem() {
        check(
            "[features.http_requests]\nallowed_hosts = \"a\"\nallowed_methods = [1, \"a b\", \"\"]\n\
             allow_http = 1\nallow_https = true\n[features.wasi_nn]\n[features.x]",
            Err(&[
                "a.toml:2:17: expected an array such as [\"api.example.com\"], found a string",
                "a.toml:3:20: expected a string such as \"GET\", found an integer",
                "a.toml:3:23: \"a b\" is no method; write one such as \"GET\"",
                "a.toml:3:30: \"\" is no method; write one such as \"GET\"",
                "a.toml:4:14: expected true or false, found an integer",
                "a.toml:5:1: unknown key \"allow_https\"; did you mean \"allow_http\"? known here: \
                 allowed_hosts, allowed_methods, allow_http, allow_private",
                "a.toml:6:11: [features.wasi_nn] is not supported in this version of wws; remove it \
                 or leave the file out with --ignore",
                "a.toml:7:11: unknown feature \"x\"; known here: http_requests",
            ]),
        );
    }

    #[test]
    fn no_method_at_all_is_a_problem() {
        check(
            "features.http_requests.allowed_methods = []",
            Err(&[
                "a.toml:1:42: no method is given; leave the key out to allow all of them, or \
                 write allowed_hosts = [] to allow no calls",
            ]),
        );
    }

    #[test]
    fn wrong_types_are_problems_at_the_value() {
        check(
            "features = 1",
            Err(&["a.toml:1:12: expected a table, written [features], found an integer"]),
        );
        check(
            "features.http_requests = true",
            Err(&[
                "a.toml:1:26: expected a table, written [features.http_requests], found a boolean",
            ]),
        );
    }

    #[test]
    fn many_bad_hosts_on_one_line_are_located_in_linear_time() {
        let entries = "'a/b',".repeat(100_000);
        let text = format!("features.http_requests.allowed_hosts = [{entries}]");
        let problems = crate::parse_worker_config("a.toml", text.as_bytes()).unwrap_err();
        assert_eq!(problems.len(), 100_000);
    }

    proptest! {
        #[test]
        fn a_host_is_taken_or_refused_as_the_rules_say(
            text in "[^'\\p{Cc}]{0,20}|[a-z0-9.*:\\[\\]/@-]{0,20}",
        ) {
            let toml = format!("features.http_requests.allowed_hosts = ['{text}']");
            let found = crate::parse_worker_config("a.toml", toml.as_bytes());
            match HostPattern::parse(&text) {
                Ok(pattern) => {
                    prop_assert_eq!(found.map(|it| it.outbound.hosts), Ok(vec![pattern]));
                }
                Err(error) => {
                    let problems = found.unwrap_err();
                    prop_assert_eq!(problems.len(), 1);
                    prop_assert_eq!(problems[0].to_string(), format!("a.toml:1:41: {error}"));
                }
            }
        }
    }
}
