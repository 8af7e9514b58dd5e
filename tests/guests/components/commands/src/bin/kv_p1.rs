//! A worker of the wws protocol that counts in the key-value store.
//!
//! It adds one to `n` and answers with the new value. The query asks for something else:
//! `?set=KEY:VALUE` sets a key, `?del=KEY` leaves one out, `?get=KEY` answers with the value of one,
//! and `?keys` with the number of keys that it was given. It gives the whole store back, but not for
//! `?silent`, where the answer has no `kv`.

use std::io::{self, Read, Write};

use serde_json::{Map, Value, json};

fn main() -> io::Result<()> {
    let mut input = String::new();
    io::stdin().lock().read_to_string(&mut input)?;
    let mut request: Value = serde_json::from_str(&input)?;
    let mut kv = match request["kv"].take() {
        Value::Object(kv) => kv,
        _ => Map::new(),
    };
    let query = request["url"]
        .as_str()
        .and_then(|url| url.split_once('?'))
        .map(|(_, query)| query);
    let answer = match query.unwrap_or_default().split_once('=') {
        None if query == Some("silent") => return write(&json!({"data": "silent"})),
        None if query == Some("keys") => kv.len().to_string(),
        Some(("get", key)) => kv
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or("(none)")
            .to_owned(),
        Some(("set", pair)) => set(&mut kv, pair),
        Some(("del", key)) => kv.remove(key).is_some().to_string(),
        _ => increment(&mut kv),
    };
    write(&json!({"data": answer, "status": 200, "kv": kv}))
}

fn write(response: &Value) -> io::Result<()> {
    io::stdout().write_all(&serde_json::to_vec(response)?)
}

fn set(kv: &mut Map<String, Value>, pair: &str) -> String {
    let (key, value) = pair.split_once(':').unwrap_or((pair, ""));
    kv.insert(key.to_owned(), value.into());
    value.to_owned()
}

fn increment(kv: &mut Map<String, Value>) -> String {
    let before: i64 = kv
        .get("n")
        .and_then(Value::as_str)
        .map_or(0, |n| n.parse().unwrap_or(0));
    let after = (before + 1).to_string();
    kv.insert("n".to_owned(), after.clone().into());
    after
}
