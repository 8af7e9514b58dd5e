//! The wws protocol: how a request enters a worker and its answer leaves it.
//!
//! A worker reads one JSON object from its standard input and writes one to its standard output:
//!
//! ```text
//! in:  {"url":"/a?b=1","method":"GET","headers":{"accept":"*/*"},"body":"","kv":{},"params":{}}
//! out: {"data":"hello","headers":{"content-type":"text/plain"},"status":200,"kv":{}}
//! ```
//!
//! The shape is that of Wasm Workers Server 1.7, with two additions that lose nothing: a header
//! that stands more than once is a list of strings, and a body that is not UTF-8 is base64 with
//! `"base64":true` beside it. A header value that is not UTF-8 is read as ISO 8859-1, which was
//! the character set of HTTP fields (RFC 9110, 5.5). Of an answer, `data` has to be there;
//! `status` is 200 and `headers` are empty if they are not.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::exchange::{
    BadResponse, FIELDS_MAX, WorkerBody, WorkerRequest, WorkerResponse, check_status,
};

/// The JSON that a worker reads.
pub(crate) fn encode_request(request: &WorkerRequest, kv: &BTreeMap<Bytes, Bytes>) -> Vec<u8> {
    let (body, base64) = match std::str::from_utf8(&request.body) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (Cow::Owned(BASE64.encode(&request.body)), true),
    };
    let input = Input {
        url: &request.url,
        method: request.method.as_str(),
        headers: HeadersOut(&request.headers),
        body,
        base64,
        kv: KvOut(kv),
        params: ParamsOut(&request.params),
    };
    // Maps with string keys over strings: there is nothing that could not be written.
    serde_json::to_vec(&input).unwrap_or_default()
}

/// An answer, and the state of its namespace that the worker wants.
pub(crate) struct Output {
    pub(crate) response: WorkerResponse,
    /// `None`: it is to stay as it is.
    pub(crate) kv: Option<BTreeMap<String, String>>,
}

/// Reads what a worker wrote, with the state of its namespace. Never panics, whatever the bytes.
pub(crate) fn parse_output(bytes: &[u8]) -> Result<Output, BadResponse> {
    let (response, kv) = parse(bytes)?;
    let kv = kv.map(|kv| serde_json::from_str(kv.get())).transpose();
    Ok(Output {
        response,
        kv: kv.map_err(BadResponse::Kv)?,
    })
}

/// Reads the answer that a worker wrote. Never panics, whatever the bytes.
pub fn parse_response(bytes: &[u8]) -> Result<WorkerResponse, BadResponse> {
    parse(bytes).map(|(response, _)| response)
}

fn parse(bytes: &[u8]) -> Result<(WorkerResponse, Option<&RawValue>), BadResponse> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(BadResponse::Empty);
    }
    let output: Written<'_> = serde_json::from_slice(bytes)?;
    let status = check_status(output.status)?;
    let found = output.headers.0.len();
    if found > FIELDS_MAX {
        return Err(BadResponse::TooManyFields { found });
    }
    let mut headers = HeaderMap::with_capacity(found + 4);
    for (name, value) in &output.headers.0 {
        let bad = || BadResponse::Header {
            name: name.clone().into_owned(),
        };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| bad())?;
        headers.append(key, value);
    }
    let body = match output.base64 {
        true => BASE64.decode(output.data.as_bytes())?.into(),
        false => Bytes::from(output.data.into_owned()),
    };
    let response = WorkerResponse {
        status,
        headers,
        body: WorkerBody::Whole(body),
    };
    Ok((response, output.kv))
}

#[derive(Serialize)]
struct Input<'r> {
    url: &'r str,
    method: &'r str,
    headers: HeadersOut<'r>,
    body: Cow<'r, str>,
    #[serde(skip_serializing_if = "is_false")]
    base64: bool,
    kv: KvOut<'r>,
    params: ParamsOut<'r>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

/// What is text of a namespace: JSON has nothing else.
struct KvOut<'r>(&'r BTreeMap<Bytes, Bytes>);

impl Serialize for KvOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().filter_map(|(key, value)| {
            Some((
                std::str::from_utf8(key).ok()?,
                std::str::from_utf8(value).ok()?,
            ))
        }))
    }
}

struct HeadersOut<'r>(&'r HeaderMap);

impl Serialize for HeadersOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.keys_len()))?;
        for name in self.0.keys() {
            let mut values = self.0.get_all(name).iter().map(header_text);
            match (values.next(), values.next()) {
                (Some(only), None) => map.serialize_entry(name.as_str(), &only)?,
                _ => {
                    let all: Vec<_> = self.0.get_all(name).iter().map(header_text).collect();
                    map.serialize_entry(name.as_str(), &all)?;
                }
            }
        }
        map.end()
    }
}

fn header_text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(
            value
                .as_bytes()
                .iter()
                .map(|&byte| char::from(byte))
                .collect(),
        ),
    }
}

pub(crate) struct ParamsOut<'r>(pub(crate) &'r [(String, String)]);

impl Serialize for ParamsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Unknown keys are passed over, and so is `kv` where there is no namespace: kits for wws 1.7
/// always write it.
#[derive(Deserialize)]
struct Written<'o> {
    #[serde(borrow)]
    data: Cow<'o, str>,
    #[serde(borrow, default)]
    headers: HeadersIn<'o>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    base64: bool,
    #[serde(borrow, default)]
    kv: Option<&'o RawValue>,
}

fn ok() -> u16 {
    200
}

/// Names and values; a list of values has become several pairs.
#[derive(Default)]
struct HeadersIn<'o>(Vec<(Cow<'o, str>, Cow<'o, str>)>);

impl<'de: 'o, 'o> Deserialize<'de> for HeadersIn<'o> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeadersVisitor)
    }
}

struct HeadersVisitor;

impl<'de> Visitor<'de> for HeadersVisitor {
    type Value = HeadersIn<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of header names and values")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut pairs = Vec::new();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            for value in map.next_value::<Values<'de>>()?.0 {
                pairs.push((name.0.clone(), value));
            }
        }
        Ok(HeadersIn(pairs))
    }
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'o>(#[serde(borrow)] Cow<'o, str>);

/// A string or a list of strings.
struct Values<'o>(Vec<Cow<'o, str>>);

impl<'de> Deserialize<'de> for Values<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Values(vec![Cow::Borrowed(text)]))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Values(vec![Cow::Owned(text.to_owned())]))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<Text<'de>>()? {
            values.push(value.0);
        }
        Ok(Values(values))
    }
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};
    use proptest::prelude::*;

    use super::*;

    fn request(headers: &[(&str, &[u8])], body: &[u8]) -> WorkerRequest {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        WorkerRequest {
            origin: "http://localhost".to_owned(),
            method: Method::POST,
            url: "/a?b=%20".to_owned(),
            headers: map,
            body: Bytes::copy_from_slice(body),
            params: vec![("id".to_owned(), "7 \"x\"".to_owned())],
        }
    }

    #[test]
    fn a_request_has_the_shape_of_wws_1_7() {
        let json = encode_request(&request(&[("x-a", b"1")], b"text"), &BTreeMap::new());
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#"{"url":"/a?b=%20","method":"POST","headers":{"x-a":"1"},"body":"text","kv":{},"params":{"id":"7 \"x\""}}"#
        );
    }

    #[test]
    fn nothing_of_a_request_is_lost() {
        let request = request(
            &[
                ("x-a", b"1"),
                ("x-b", "ä".as_bytes()),
                ("x-a", b"2"),
                ("x-c", b"\xe4"),
            ],
            b"\xff\x00",
        );
        let kv = [(&b"n"[..], &b"7"[..]), (b"\xff", b"1"), (b"m", b"\xff")];
        let kv = kv.map(|(key, value)| (Bytes::from_static(key), Bytes::from_static(value)));
        let json = encode_request(&request, &kv.into());
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["headers"]["x-a"], serde_json::json!(["1", "2"]));
        assert_eq!(value["headers"]["x-b"], "ä");
        assert_eq!(value["headers"]["x-c"], "ä");
        assert_eq!(value["body"], "/wA=");
        assert_eq!(value["base64"], true);
        // What is no text cannot be said in JSON, and is not shown.
        assert_eq!(value["kv"], serde_json::json!({"n": "7"}));
    }

    #[test]
    fn an_answer_keeps_its_headers_and_bytes() {
        let answer = parse_response(
            br#"{"data":"AP8=","base64":true,"status":418,"kv":{"a":"b"},"other":[1],
                "headers":{"X_under-Score":"a","set-cookie":["a=1","b=2"],"set-cookie":"c=3"}}"#,
        )
        .unwrap();
        assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
        assert_eq!(&answer.body.whole().unwrap()[..], b"\0\xff");
        assert_eq!(answer.headers["x_under-score"], "a");
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2", "c=3"]);
    }

    #[test]
    fn what_is_no_answer_is_refused_in_words() {
        #[track_caller]
        fn check(output: &str, want: &str) {
            let message = parse_response(output.as_bytes()).unwrap_err().to_string();
            assert!(message.contains(want), "{message}");
        }
        check("", "wrote nothing");
        check(" \n", "wrote nothing");
        check("hello", "not the JSON");
        check("{}", "missing field `data`");
        check(r#"{"data":"x"} trailing"#, "trailing characters");
        check(r#"{"data":"x","status":99}"#, "status 99");
        check(r#"{"data":"x","status":101}"#, "status 101");
        check(r#"{"data":"x","status":70000}"#, "not the JSON");
        check(r#"{"data":"x","headers":{"a b":"c"}}"#, "\"a b\"");
        check(
            r#"{"data":"x","headers":{"a":"b\r\nc: d"}}"#,
            "no valid field",
        );
        check(
            r#"{"data":"x","headers":{"a":1}}"#,
            "a string or a list of strings",
        );
        check(r#"{"data":"?","base64":true}"#, "not base64");
    }

    proptest! {
        #[test]
        fn any_output_is_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_response(&bytes);
        }

        #[test]
        fn any_text_comes_back_whole(data in ".*", value in "[ -~]{0,20}") {
            let json = serde_json::json!({"data": data, "headers": {"x-a": [value.clone(), value]}});
            let answer = parse_response(json.to_string().as_bytes()).unwrap();
            prop_assert_eq!(&answer.body.whole().unwrap()[..], data.as_bytes());
            prop_assert_eq!(answer.headers.get_all("x-a").iter().count(), 2);
        }
    }
}
