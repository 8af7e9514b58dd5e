//! `[cors]`: which other origins may read answers.

use site_rules::{Cors, Origins, check_header_name, check_method, parse_origin};

use crate::document::Findings;
use crate::keys::{self, Value};

const KNOWN_KEYS: &[&str] = &["origins", "methods", "headers", "credentials"];

/// The most entries of a list.
const ENTRIES_MAX: usize = 100;

pub(crate) fn read(value: &Value<'_>, findings: &mut Findings) -> Option<Cors> {
    let table = keys::table(value, "[cors]", findings)?;
    let mut cors = Cors::of(Origins::Listed(Vec::new()));
    let mut origins = None;
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "origins" => origins = Some(read_origins(value, findings)),
            "methods" => cors.methods = list(value, "\"GET\"", findings, method),
            "headers" => cors.headers = Some(list(value, "\"Authorization\"", findings, header)),
            "credentials" => cors.credentials = keys::boolean(value, findings).unwrap_or_default(),
            _ => keys::unknown(key, "key", KNOWN_KEYS, findings),
        }
    }
    let Some(origins) = origins else {
        let message = "[cors] needs origins, such as origins = [\"https://app.example.com\"]";
        findings.add(value.span().start, message.to_owned());
        return None;
    };
    cors.origins = origins?;
    if let Err(error) = cors.check() {
        findings.add(value.span().start, error.to_string());
        return None;
    }
    Some(cors)
}

/// At least one, or `"*"`.
fn read_origins(value: &Value<'_>, findings: &mut Findings) -> Option<Origins> {
    let example = "\"https://app.example.com\"";
    let list = list(value, example, findings, |text| {
        parse_origin(text).map_err(|error| error.to_string())
    });
    match Origins::of_list(list) {
        Ok(origins) => Some(origins),
        Err(error) => {
            findings.add(value.span().start, error.to_string());
            None
        }
    }
}

fn method(text: &str) -> Result<String, String> {
    match check_method(text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "expected a method, in capital letters, such as \"GET\", found \"{}\"",
            text.escape_debug()
        )),
    }
}

fn header(text: &str) -> Result<String, String> {
    match check_header_name(text) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(format!(
            "expected the name of a field, such as \"Authorization\", found \"{}\"",
            text.escape_debug()
        )),
    }
}

/// Entries that `parse` accepts; what it says of another is a problem.
fn list(
    value: &Value<'_>,
    example: &str,
    findings: &mut Findings,
    parse: impl Fn(&str) -> Result<String, String>,
) -> Vec<String> {
    let Some(array) = keys::array(value, &format!("[{example}]"), findings) else {
        return Vec::new();
    };
    if array.is_empty() || array.len() > ENTRIES_MAX {
        let message = format!("a list here has 1 to {ENTRIES_MAX} entries, such as {example}");
        findings.add(value.span().start, message);
        return Vec::new();
    }
    let entries = array.iter().filter_map(|value| {
        let text = keys::string(value, example, findings)?;
        parse(&text)
            .map_err(|message| findings.add(value.span().start, message))
            .ok()
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<Option<Cors>, &[&str]>) {
        let found = crate::parse_site_config("wws.toml", text.as_bytes()).whole();
        let found = found
            .map(|config| config.cors)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        let want =
            want.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found, want);
    }

    #[test]
    fn origins_are_needed_and_the_rest_has_defaults() {
        let listed = Origins::Listed(vec!["https://a.example".to_owned()]);
        check("", Ok(None));
        check("[cors]\norigins = ['*']", Ok(Some(Cors::of(Origins::Any))));
        check(
            "[cors]\norigins = ['https://A.example']\nmethods = ['GET', 'PURGE']\n\
             headers = ['X-Token']\ncredentials = true",
            Ok(Some(Cors {
                origins: listed,
                methods: vec!["GET".to_owned(), "PURGE".to_owned()],
                headers: Some(vec!["x-token".to_owned()]),
                credentials: true,
            })),
        );
    }

    #[test]
    fn what_browsers_would_refuse_is_refused() {
        check(
            "[cors]",
            Err(&[
                "wws.toml:1:1: [cors] needs origins, such as origins = [\"https://app.example.com\"]",
            ]),
        );
        check(
            "[cors]\norigins = ['*']\ncredentials = true",
            Err(&[
                "wws.toml:1:1: \"*\" with credentials would let every site read what users see here; \
                 list the origins",
            ]),
        );
        check(
            "[cors]\norigins = ['*', 'https://a.example']\nmethods = ['get']\nheaders = ['a b']\norigin = 1",
            Err(&[
                "wws.toml:2:11: \"*\" stands for every origin; write it alone, or list the origins without it",
                "wws.toml:3:12: expected a method, in capital letters, such as \"GET\", found \"get\"",
                "wws.toml:4:12: expected the name of a field, such as \"Authorization\", found \"a b\"",
                "wws.toml:5:1: unknown key \"origin\"; did you mean \"origins\"? known here: origins, \
                 methods, headers, credentials",
            ]),
        );
        check(
            "[cors]\norigins = ['https://a.example/', 'null']",
            Err(&[
                "wws.toml:2:12: \"https://a.example/\" has more than scheme, host and port; write \
                 https://a.example",
                "wws.toml:2:34: \"null\" is what every sandboxed page of every site is called; list real \
                 origins",
            ]),
        );
        check(
            "[cors]\norigins = []",
            Err(&[
                "wws.toml:2:11: a list here has 1 to 100 entries, such as \"https://app.example.com\"",
            ]),
        );
    }
}
