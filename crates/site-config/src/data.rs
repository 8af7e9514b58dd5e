//! `[data]`: what a worker keeps from one request to the next.

use crate::document::Findings;
use crate::keys::{self, Value};

const KNOWN_STORES: &[&str] = &["kv"];
const KNOWN_KEYS: &[&str] = &["namespace", "retry"];

/// The longest name of a namespace.
const NAMESPACE_BYTES_MAX: usize = 128;

/// The key-value store of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvConfig {
    /// Workers with the same one share their data; 1 to 128 bytes without control characters.
    pub namespace: String,
    /// Whether a request is run again when another one has changed what it was given. `None`: only
    /// where it may not call other servers.
    pub retry: Option<bool>,
}

pub(crate) fn read(value: &Value<'_>, findings: &mut Findings) -> Option<KvConfig> {
    let mut kv = None;
    for (key, value) in keys::table(value, "[data]", findings)? {
        match key.get_ref().as_ref() {
            "kv" => kv = store(value, findings),
            _ => keys::unknown(key, "kind of data", KNOWN_STORES, findings),
        }
    }
    kv
}

fn store(value: &Value<'_>, findings: &mut Findings) -> Option<KvConfig> {
    let table = keys::table(value, "[data.kv]", findings)?;
    let (mut namespace, mut retry) = (None, None);
    for (key, value) in table {
        match key.get_ref().as_ref() {
            "namespace" => namespace = Some(name(value, findings)),
            "retry" => retry = keys::boolean(value, findings),
            _ => keys::unknown(key, "key", KNOWN_KEYS, findings),
        }
    }
    if namespace.is_none() {
        let message = "[data.kv] needs a namespace, such as namespace = \"counters\"";
        findings.add(value.span().start, message.to_owned());
    }
    Some(KvConfig {
        namespace: namespace.flatten()?,
        retry,
    })
}

fn name(value: &Value<'_>, findings: &mut Findings) -> Option<String> {
    let name = keys::string(value, "\"counters\"", findings)?;
    let is_good =
        !name.is_empty() && name.len() <= NAMESPACE_BYTES_MAX && !name.contains(char::is_control);
    if !is_good {
        let message = format!(
            "a namespace has 1 to {NAMESPACE_BYTES_MAX} bytes and no control characters, found \"{}\"",
            name.escape_debug()
        );
        findings.add(value.span().start, message);
        return None;
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<Option<KvConfig>, &[&str]>) {
        let found = crate::parse_worker_config("a.toml", text.as_bytes());
        let found = found
            .map(|config| config.kv)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        let want =
            want.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(found, want);
    }

    #[test]
    fn a_namespace_is_read_with_its_wishes() {
        let kv = |retry| {
            let namespace = "a b/ä".to_owned();
            Ok(Some(KvConfig { namespace, retry }))
        };
        check("", Ok(None));
        check("[data]", Ok(None));
        check("data.kv.namespace = 'a b/ä'", kv(None));
        check(
            "[data.kv]\nnamespace = 'a b/ä'\nretry = true",
            kv(Some(true)),
        );
        check(
            "[data.kv]\nnamespace = 'a b/ä'\nretry = false",
            kv(Some(false)),
        );
    }

    #[test]
    fn what_is_no_namespace_is_a_problem() {
        let long = "a".repeat(129);
        for name in ["", "a\\n", &long] {
            let text = format!("data.kv.namespace = \"{name}\"");
            let want = format!(
                "a.toml:1:21: a namespace has 1 to 128 bytes and no control characters, found \"{name}\""
            );
            check(&text, Err(&[&want]));
        }
        check(
            "[data.kv]\nretry = 1\nname = \"a\"\n[data.sql]",
            Err(&[
                "a.toml:1:1: [data.kv] needs a namespace, such as namespace = \"counters\"",
                "a.toml:2:9: expected true or false, found an integer",
                "a.toml:3:1: unknown key \"name\"; known here: namespace, retry",
                "a.toml:4:7: unknown kind of data \"sql\"; known here: kv",
            ]),
        );
        check(
            "data = 1",
            Err(&["a.toml:1:8: expected a table, written [data], found an integer"]),
        );
    }
}
