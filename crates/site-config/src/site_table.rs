//! `[site]`: how paths lead to files, and what every answer says.
//!
//! Not here: whether the files that are named exist, and what a glob matches (the bundler, which has the
//! [`Place`](crate::Place) of each).

use site_rules::{HtmlMode, check_value};

use crate::document::{Findings, Places};
use crate::keys::{self, Value};
use crate::{Place, Placed};

const KNOWN_KEYS: &[&str] = &["spa", "html", "not_found", "cache", "security_headers"];

/// The most cache rules of a site.
const CACHE_RULES_MAX: usize = 1000;

/// `[site]`. An empty table is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SiteTable {
    /// Whether navigations that lead nowhere get the page of the root.
    pub spa: Option<Placed<bool>>,
    /// How pages get their paths.
    pub html: HtmlMode,
    /// The page for whatever leads nowhere; begins with a slash.
    pub not_found: Option<Placed<String>>,
    /// In the order written; the first that matches a file counts.
    pub cache: Vec<CacheRule>,
    /// Whether answers have the usual security fields.
    pub security_headers: bool,
}

/// A line of `[site.cache]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheRule {
    /// As written: begins with a slash. It may still be no glob pattern.
    pub glob: String,
    /// The value of `Cache-Control`.
    pub value: String,
    /// Where the pattern stands.
    pub place: Place,
}

pub(crate) fn read(value: &Value<'_>, text: &str, findings: &mut Findings) -> SiteTable {
    let mut site = SiteTable::default();
    let Some(table) = keys::table(value, "[site]", findings) else {
        return site;
    };
    for (key, value) in table {
        let place = || Places::of(text).find(key.span().start);
        match key.get_ref().as_ref() {
            "spa" => {
                let value = keys::boolean(value, findings);
                site.spa = value.map(|value| Placed {
                    value,
                    place: place(),
                });
            }
            "html" => site.html = html(value, findings).unwrap_or_default(),
            "not_found" => {
                let value = page(value, findings);
                site.not_found = value.map(|value| Placed {
                    value,
                    place: place(),
                });
            }
            "cache" => site.cache = cache(value, text, findings),
            "security_headers" => {
                site.security_headers = keys::boolean(value, findings).unwrap_or_default();
            }
            _ => keys::unknown(key, "key", KNOWN_KEYS, findings),
        }
    }
    site
}

fn html(value: &Value<'_>, findings: &mut Findings) -> Option<HtmlMode> {
    let text = keys::string(value, "\"auto\"", findings)?;
    let mode = HtmlMode::parse(&text);
    if mode.is_none() {
        let names = HtmlMode::ALL
            .map(|mode| format!("{:?}", mode.name()))
            .join(", ");
        let message = format!(
            "html must be one of {names}, found \"{}\"",
            text.escape_debug()
        );
        findings.add(value.span().start, message);
    }
    mode
}

fn page(value: &Value<'_>, findings: &mut Findings) -> Option<String> {
    let page = keys::string(value, "\"/missing.html\"", findings)?;
    if page.starts_with('/') {
        return Some(page);
    }
    let message = format!(
        "not_found is the path of a page, such as \"/missing.html\", found \"{}\"",
        page.escape_debug()
    );
    findings.add(value.span().start, message);
    None
}

fn cache(value: &Value<'_>, text: &str, findings: &mut Findings) -> Vec<CacheRule> {
    let Some(table) = keys::table(value, "[site.cache]", findings) else {
        return Vec::new();
    };
    // The table is sorted by name, and the order of the file is what counts.
    let mut lines: Vec<_> = table.iter().collect();
    lines.sort_by_key(|(key, _)| key.span().start);
    if lines.len() > CACHE_RULES_MAX {
        let message = format!("there are more than {CACHE_RULES_MAX} cache rules");
        findings.add(value.span().start, message);
        return Vec::new();
    }
    let mut places = Places::of(text);
    let rules = lines.into_iter().filter_map(|(key, value)| {
        let glob = key.get_ref().as_ref();
        let place = places.find(key.span().start);
        if !glob.starts_with('/') {
            let message = format!(
                "the pattern \"{}\" does not begin with \"/\"; patterns match the path of a file, as in \
                 \"/assets/**\"",
                glob.escape_debug()
            );
            findings.add(key.span().start, message);
            return None;
        }
        let text = keys::string(value, "\"public, max-age=3600\"", findings)?;
        if let Err(error) = check_value("cache-control", &text) {
            findings.add(value.span().start, error.to_string());
            return None;
        }
        Some(CacheRule {
            glob: glob.to_owned(),
            value: text,
            place,
        })
    });
    rules.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<SiteTable, &[&str]>) {
        let found = crate::parse_site_config("wws.toml", text.as_bytes()).whole();
        let found = found
            .map(|config| config.site)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        let want =
            want.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found, want);
    }

    #[test]
    fn a_site_is_read_with_the_places_of_what_it_names() {
        check("[site]", Ok(SiteTable::default()));
        let rule = |glob: &str, value: &str, line| CacheRule {
            glob: glob.to_owned(),
            value: value.to_owned(),
            place: Place { line, column: 1 },
        };
        check(
            "[site]\nspa = true\nhtml = 'drop-slash'\nnot_found = '/gone.html'\n\
             security_headers = true\n[site.cache]\n'/z/**' = 'no-store'\n\"/a/*\" = 'max-age=60'",
            Ok(SiteTable {
                spa: Some(Placed {
                    value: true,
                    place: Place { line: 2, column: 1 },
                }),
                html: HtmlMode::DropSlash,
                not_found: Some(Placed {
                    value: "/gone.html".to_owned(),
                    place: Place { line: 4, column: 1 },
                }),
                cache: vec![rule("/z/**", "no-store", 7), rule("/a/*", "max-age=60", 8)],
                security_headers: true,
            }),
        );
    }

    #[test]
    fn what_is_wrong_is_said_where_it_stands() {
        check(
            "[site]\nspa = 1\nhtml = \"slash\"\nnot_found = \"404.html\"\nsecurity_headers = \"on\"\n\
             cash = 1\n[site.cache]\n\"*.js\" = \"no-store\"\n\"/a\" = \"\"\n\"/b\" = \"\u{fc}\"\n\"/c\" = 1",
            Err(&[
                "wws.toml:2:7: expected true or false, found an integer",
                "wws.toml:3:8: html must be one of \"auto\", \"force-slash\", \"drop-slash\", \"none\", \
                 found \"slash\"",
                "wws.toml:4:13: not_found is the path of a page, such as \"/missing.html\", found \
                 \"404.html\"",
                "wws.toml:5:20: expected true or false, found a string",
                "wws.toml:6:1: unknown key \"cash\"; did you mean \"cache\"? known here: spa, html, \
                 not_found, cache, security_headers",
                "wws.toml:8:1: the pattern \"*.js\" does not begin with \"/\"; patterns match the path of a \
                 file, as in \"/assets/**\"",
                "wws.toml:9:8: cache-control has no value; to take a field away, write: ! cache-control",
                "wws.toml:10:8: the value of cache-control holds 'ü'; it may have ASCII characters only",
                "wws.toml:11:8: expected a string such as \"public, max-age=3600\", found an integer",
            ]),
        );
    }
}
