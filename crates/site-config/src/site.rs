//! `wws.toml` at the site root: what holds for all workers of the site.

use limits::LimitOverrides;
use toml::de::DeTable;

use crate::document::{self, Findings};
use crate::{Problem, keys, limits_table};

const KNOWN_KEYS: &[&str] = &["limits"];
const LATER_KEYS: &[&str] = &["site", "cors", "workers"];

/// What `wws.toml` says. An empty file is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteConfig {
    /// The limits of every worker that does not choose its own.
    pub limits: LimitOverrides,
}

/// The configuration in `bytes`, the content of `wws.toml`; `file` is only named in problems.
///
/// # Errors
/// All problems of the file, in its order; never an empty list.
pub fn parse_site_config(file: &str, bytes: &[u8]) -> Result<SiteConfig, Vec<Problem>> {
    document::read(file, bytes, interpret)
}

fn interpret(table: &DeTable<'_>, findings: &mut Findings) -> SiteConfig {
    let mut config = SiteConfig::default();
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "limits" => config.limits = limits_table::read(value, findings),
            name if LATER_KEYS.contains(&name) => {
                keys::unsupported(key, &format!("[{name}]"), findings);
            }
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
            parse_site_config("wws.toml", b""),
            Ok(SiteConfig::default())
        );
        assert_eq!(
            parse_site_config("wws.toml", b"# later\n[limits]"),
            Ok(SiteConfig::default())
        );
    }

    #[test]
    fn chosen_limits_are_read_and_the_rest_left() {
        let limits = LimitOverrides {
            memory: Some(ByteSize(1 << 20)),
            ..LimitOverrides::default()
        };
        let found = parse_site_config("wws.toml", b"[limits]\nmemory = \"1MiB\"");
        assert_eq!(found, Ok(SiteConfig { limits }));
    }

    #[test]
    fn other_keys_are_problems_at_the_key() {
        #[track_caller]
        fn check(text: &str, want: &[&str]) {
            let problems = parse_site_config("wws.toml", text.as_bytes()).unwrap_err();
            let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(found, want);
        }
        let advice = "is not supported in this version of wws; \
            remove it or leave the file out with --ignore";
        check(
            "[site]\nname = 1",
            &[&format!("wws.toml:1:2: [site] {advice}")],
        );
        check("[cors]", &[&format!("wws.toml:1:2: [cors] {advice}")]);
        check(
            "\n[workers.\"api/a\"]",
            &[&format!("wws.toml:2:2: [workers] {advice}")],
        );
        check(
            "[limit]\n[vars]",
            &[
                "wws.toml:1:2: unknown key \"limit\"; did you mean \"limits\"? known here: limits",
                "wws.toml:2:2: unknown key \"vars\"; known here: limits",
            ],
        );
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
            prop_assert_eq!(parse_site_config("a", text.as_bytes()), Ok(SiteConfig { limits }));
        }
    }
}
