//! `wws.toml` at the site root: what holds for the whole site.

use limits::LimitOverrides;
use site_rules::{Cors, Parsed};
use toml::de::DeTable;

use crate::document::{self, Findings};
use crate::script_patterns::{self, ScriptPattern};
use crate::site_table::{self, SiteTable};
use crate::{Problem, cors_table, keys, limits_table};

const KNOWN_KEYS: &[&str] = &["site", "cors", "workers", "limits"];

/// What `wws.toml` says. An empty file is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteConfig {
    /// How paths lead to files, and what answers say.
    pub site: SiteTable,
    /// Which other origins may read answers.
    pub cors: Option<Cors>,
    /// The limits of every worker that does not choose its own.
    pub limits: LimitOverrides,
    /// Which scripts are workers, in the order written; empty where the file does not say.
    pub scripts: Vec<ScriptPattern>,
}

/// The configuration in `bytes`, the content of `wws.toml`, and all problems of the file; `file` is
/// only named in them. A file whose syntax is wrong is as good as empty.
pub fn parse_site_config(file: &str, bytes: &[u8]) -> Parsed<SiteConfig, Problem> {
    document::read(file, bytes, interpret)
}

fn interpret(table: &DeTable<'_>, text: &str, findings: &mut Findings) -> SiteConfig {
    let mut config = SiteConfig::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "site" => config.site = site_table::read(value, text, findings),
            "cors" => config.cors = cors_table::read(value, findings),
            "limits" => config.limits = limits_table::read(value, findings),
            "workers" => config.scripts = script_patterns::read(value, text, findings),
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

    #[test]
    fn an_empty_file_chooses_nothing() {
        assert_eq!(
            parse_site_config("wws.toml", b"").whole(),
            Ok(SiteConfig::default())
        );
        assert_eq!(
            parse_site_config("wws.toml", b"# later\n[limits]\n[workers]").whole(),
            Ok(SiteConfig::default())
        );
    }

    #[test]
    fn chosen_limits_are_read_and_the_rest_left() {
        let limits = LimitOverrides {
            memory: Some(ByteSize(1 << 20)),
            ..LimitOverrides::default()
        };
        let found = parse_site_config("wws.toml", b"[limits]\nmemory = \"1MiB\"").whole();
        let want = SiteConfig {
            limits,
            ..SiteConfig::default()
        };
        assert_eq!(found, Ok(want));
    }

    #[test]
    fn other_keys_are_problems_at_the_key() {
        #[track_caller]
        fn check(text: &str, want: &[&str]) {
            let problems = parse_site_config("wws.toml", text.as_bytes()).problems;
            let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(found, want);
        }
        let known = "known here: site, cors, workers, limits";
        check(
            "[limit]\n[vars]\n[worker]\n[sit]",
            &[
                &format!("wws.toml:1:2: unknown key \"limit\"; did you mean \"limits\"? {known}"),
                &format!("wws.toml:2:2: unknown key \"vars\"; did you mean \"cors\"? {known}"),
                &format!("wws.toml:3:2: unknown key \"worker\"; did you mean \"workers\"? {known}"),
                &format!("wws.toml:4:2: unknown key \"sit\"; did you mean \"site\"? {known}"),
            ],
        );
    }

    #[test]
    fn what_is_right_is_read_beside_what_is_wrong_unless_the_syntax_is() {
        #[track_caller]
        fn check(text: &str, problems: usize, not_found: Option<&str>) {
            let found = parse_site_config("wws.toml", text.as_bytes());
            assert_eq!(found.problems.len(), problems, "{:?}", found.problems);
            let page = found.value.site.not_found.map(|page| page.value);
            assert_eq!(page.as_deref(), not_found);
        }
        let site = "[site]\nnot_found = '/none.html'\n";
        check(site, 0, Some("/none.html"));
        let wrong_value = format!("{site}html = 'pretty'\n[cors]\norigins = ['x']\n");
        check(&wrong_value, 2, Some("/none.html"));
        check(&format!("{site}html = \n"), 1, None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = parse_site_config("wws.toml", &bytes);
        }

        #[test]
        fn any_limits_that_are_printed_are_read_back(kib in 64_u64..1 << 20, queue in 0_u32..1000) {
            let limits = LimitOverrides {
                memory: Some(ByteSize(kib << 10)),
                queue: Some(queue),
                ..LimitOverrides::default()
            };
            let text = format!("[limits]\nmemory = \"{}\"\nqueue = {queue}", ByteSize(kib << 10));
            let found = parse_site_config("a", text.as_bytes()).whole();
            let found = found.map(|config| config.limits);
            prop_assert_eq!(found, Ok(limits));
        }
    }
}
