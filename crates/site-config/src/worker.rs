//! `name.toml` beside a worker: the keys of Wasm Workers Server 1.7, `[limits]` and `[worker]`.
//!
//! Keys of 1.7 that need host features this version does not have are problems, not skipped: a
//! worker that silently lacks its folders would fail on the first request instead.

use limits::LimitOverrides;
use outbound_rules::Rules;
use toml::de::DeTable;

use crate::data::{self, KvConfig};
use crate::document::{self, Findings};
use crate::vars::{self, VarValue};
use crate::worker_table::{self, BodyForm, WorkerTable};
use crate::{Placed, Problem, features, keys, limits_table};

const KNOWN_KEYS: &[&str] = &[
    "name", "version", "vars", "limits", "worker", "features", "data",
];

/// What the file of one worker says. An empty file is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerConfig {
    /// The worker's name for people; nothing depends on it.
    pub name: Option<String>,
    /// The version of the file's layout, `"1"` in files for Wasm Workers Server 1.7.
    pub version: Option<String>,
    /// The environment variables the worker sees, sorted by name, each name once.
    pub vars: Vec<(String, VarValue)>,
    /// The limits this worker chooses.
    pub limits: LimitOverrides,
    /// The calls to other servers that this worker may make.
    pub outbound: Rules,
    /// Its key-value store.
    pub kv: Option<KvConfig>,
    /// How many requests one instance answers, within [`REUSE_BOUNDS`](crate::REUSE_BOUNDS).
    /// Scripts and components of `wasi:http` 0.3 can have this.
    pub reuse: Option<Placed<u32>>,
    /// What a script gets as `request.body`. Only scripts can have this.
    pub body: Option<Placed<BodyForm>>,
}

/// The configuration in `bytes`, the content of a worker's file; `file` is only named in
/// problems.
///
/// # Errors
/// All problems of the file, in its order; never an empty list.
pub fn parse_worker_config(file: &str, bytes: &[u8]) -> Result<WorkerConfig, Vec<Problem>> {
    document::read(file, bytes, interpret).whole()
}

fn interpret(table: &DeTable<'_>, text: &str, findings: &mut Findings) -> WorkerConfig {
    let mut config = WorkerConfig::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "name" => config.name = keys::string(value, "\"hello\"", findings),
            "version" => config.version = keys::string(value, "\"1\"", findings),
            "vars" => config.vars = vars::read(value, findings),
            "limits" => config.limits = limits_table::read(value, findings),
            "worker" => {
                WorkerTable {
                    reuse: config.reuse,
                    body: config.body,
                } = worker_table::read(value, text, findings);
            }
            "features" => config.outbound = features::read(value, findings),
            "data" => config.kv = data::read(value, findings),
            "folders" => keys::unsupported(key, "[[folders]]", findings),
            _ => keys::unknown(key, "key", KNOWN_KEYS, findings),
        }
    }
    config
}

#[cfg(test)]
mod tests {
    use limits::ByteSize;
    use proptest::prelude::*;

    use super::*;
    use crate::Place;

    const ADVICE: &str = "is not supported in this version of wws; \
        remove it or leave the file out with --ignore";

    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        let problems = parse_worker_config("a.toml", text.as_bytes()).unwrap_err();
        let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn a_complete_file_is_read() {
        let text = "name = \"hello\"\nversion = \"1\"\n[vars]\nGREETING = \"hi\"\n\
            TOKEN = \"$TOKEN!\"\n[limits]\nmemory = \"1MiB\"\n\
            [worker]\nreuse = 1000\nbody = \"text\"\n[data.kv]\nnamespace = \"n\"\n\
            [features.http_requests]\nallow_http = true\n";
        let token = VarValue::Environment {
            variable: "TOKEN".to_owned(),
            required: true,
        };
        let want = WorkerConfig {
            name: Some("hello".to_owned()),
            version: Some("1".to_owned()),
            vars: vec![
                ("GREETING".to_owned(), VarValue::Literal("hi".to_owned())),
                ("TOKEN".to_owned(), token),
            ],
            limits: LimitOverrides {
                memory: Some(ByteSize(1 << 20)),
                ..LimitOverrides::default()
            },
            outbound: Rules {
                allow_http: true,
                ..Rules::default()
            },
            kv: Some(KvConfig {
                namespace: "n".to_owned(),
                retry: None,
            }),
            reuse: Some(placed(1000, 9)),
            body: Some(placed(BodyForm::Text, 10)),
        };
        assert_eq!(parse_worker_config("a.toml", text.as_bytes()), Ok(want));
    }

    fn placed<T>(value: T, line: u32) -> Placed<T> {
        let place = Place { line, column: 1 };
        Placed { value, place }
    }

    #[test]
    fn an_empty_file_chooses_nothing() {
        assert_eq!(
            parse_worker_config("a.toml", b""),
            Ok(WorkerConfig::default())
        );
    }

    #[test]
    fn wrong_types_are_problems_at_the_value() {
        check(
            "name = true\nversion = 1\nvars = []",
            &[
                "a.toml:1:8: expected a string such as \"hello\", found a boolean",
                "a.toml:2:11: expected a string such as \"1\", found an integer",
                "a.toml:3:8: expected a table, written [vars], found an array",
            ],
        );
    }

    #[test]
    fn keys_of_1_7_without_support_are_problems_at_the_key() {
        check(
            "[[folders]]\nfrom = \"a\"\n[[folders]]\nfrom = \"b\"",
            &[&format!("a.toml:1:3: [[folders]] {ADVICE}")],
        );
    }

    #[test]
    fn unknown_keys_are_problems_with_the_known_ones() {
        let known = "known here: name, version, vars, limits, worker, features, data";
        check(
            "nmae = \"a\"\n[environment]\n[workers]",
            &[
                &format!("a.toml:1:1: unknown key \"nmae\"; did you mean \"name\"? {known}"),
                &format!("a.toml:2:2: unknown key \"environment\"; {known}"),
                &format!("a.toml:3:2: unknown key \"workers\"; did you mean \"worker\"? {known}"),
            ],
        );
        check(
            r#""a\n\u001b" = 1"#,
            &[&format!(
                "a.toml:1:1: unknown key \"a\\n\\u{{1b}}\"; {known}"
            )],
        );
    }

    #[test]
    fn syntax_errors_do_not_hide_other_problems_nor_invent_any() {
        #[track_caller]
        fn check(text: &str, want: &[u32]) {
            let problems = parse_worker_config("a.toml", text.as_bytes()).unwrap_err();
            let lines: Vec<u32> = problems.iter().map(|problem| problem.line).collect();
            assert_eq!(lines, want, "{problems:#?}");
        }
        check("name = \nversion = 1\nvars.A = \"$\"", &[1, 2, 3]);
        check("[limits]\nmemory = 16MiB\ntime = 30", &[2, 3]);
        check("name = \"a\nversion = 1", &[1, 2]);
        check("limits.time = \nlimits.queue = 6x", &[1, 2]);
        check("nmae = 1\n[limits\nmemory = \"1MiB\"\nqueue = 1.5", &[1, 2]);
        check("[limits\nmemory = 1\n[vars\nA = \"$\"", &[1, 3]);
        check("name = hello\n[vars]\nA = 1\nA = 2", &[1, 3, 4]);
        check("[worker]\nreuse = 0\nbody = text", &[2, 3]);
        check("[worker\nreuse = 0\nbody = 1", &[1]);
        check("[vars]\nA = \"\"\n[vars]\nB = \"\"", &[3]);
    }

    #[test]
    fn a_file_full_of_problems_on_one_line_is_read_in_linear_time() {
        let text = format!("vars = {{{}}}", "a=1,".repeat(50_000));
        let problems = parse_worker_config("a.toml", text.as_bytes()).unwrap_err();
        assert_eq!(problems.len(), 49_999);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(\\PC|[\\[\\]={}.\"'\n$a]|vars|limits|data|kv|features|worker|reuse){0,60}") {
            if let Err(problems) = parse_worker_config("a.toml", text.as_bytes()) {
                prop_assert!(!problems.is_empty());
            }
        }

        #[test]
        fn any_literal_is_read_back(value in "[^$\0'\\p{Cc}][^\0'\\p{Cc}]*") {
            let text = format!("vars.A = '{value}'");
            let found = parse_worker_config("a.toml", text.as_bytes()).map(|config| config.vars);
            prop_assert_eq!(found, Ok(vec![("A".to_owned(), VarValue::Literal(value))]));
        }
    }
}
