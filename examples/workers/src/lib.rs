//! The wws protocol, as a worker sees it.
//!
//! A worker is a program: it reads one JSON object, the request, from its standard input and
//! writes one, the response, to its standard output. What it writes to its standard error goes to
//! the log of the server.
//!
//! ```text
//! in:  {"url":"/a?b=1","method":"GET","headers":{"accept":"*/*"},"body":"","kv":{},"params":{}}
//! out: {"data":"hello","headers":{"content-type":"text/plain"},"status":200,"kv":{}}
//! ```
//!
//! A header that stands more than once is a list of strings, and a body that is not UTF-8 is
//! base64, with `"base64":true` beside it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{DeserializeOwned, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

/// Reads the request, lets `handle` answer it, and writes the response.
///
/// `Q` is [`Request`], or anything else that the JSON of a request can be read as.
///
/// # Errors
/// Where the input is not a `Q`, or input or output fail. `main` returns this: it is printed to
/// the log, and a worker that fails is answered for by the server.
pub fn serve<Q: DeserializeOwned>(handle: impl FnOnce(Q) -> Response) -> io::Result<()> {
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input)?;
    let response = handle(serde_json::from_slice(&input)?);
    let output = serde_json::to_vec(&response)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&output)?;
    stdout.flush()
}

/// What a client asked for.
#[derive(Debug, Deserialize)]
#[serde(try_from = "RequestJson")]
pub struct Request {
    /// Path and query, as the client sent them.
    pub url: String,
    /// In capitals.
    pub method: String,
    /// By their names in lower case.
    pub headers: BTreeMap<String, HeaderValues>,
    /// All of it; base64 is already decoded.
    pub body: Vec<u8>,
    /// What the parts in brackets of the worker's file name stand for, decoded.
    pub params: BTreeMap<String, String>,
}

impl Request {
    /// The first value of the header `name`, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.headers.get(name)? {
            HeaderValues::One(value) => Some(value),
            HeaderValues::Many(values) => values.first().map(String::as_str),
        }
    }

    /// The first value of the parameter `name` in the query of the URL, decoded.
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, query) = self.url.split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The part `name` in brackets of the worker's file name; empty where there is none.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

/// A worker's answer.
#[derive(Debug, Serialize)]
pub struct Response {
    data: String,
    headers: BTreeMap<String, HeaderValues>,
    status: u16,
    /// Empty: these workers store nothing.
    kv: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    base64: bool,
}

impl Response {
    /// Plain text, with status 200.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(text.into(), "text/plain; charset=utf-8")
    }

    /// `value` as JSON on several lines, with status 200.
    ///
    /// # Panics
    /// Where a map in `value` has keys that are not strings.
    pub fn json(value: &impl Serialize) -> Self {
        let text = serde_json::to_string_pretty(value).expect("the keys of its maps are strings");
        Self::of(text + "\n", "application/json")
    }

    /// Any bytes, with status 200.
    pub fn bytes(bytes: &[u8], content_type: &str) -> Self {
        let mut response = Self::of(BASE64.encode(bytes), content_type);
        response.base64 = true;
        response
    }

    /// The same with another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with one header more, beside those of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let value = value.to_owned();
        let values = match self.headers.remove(name) {
            None => HeaderValues::One(value),
            Some(HeaderValues::One(first)) => HeaderValues::Many(vec![first, value]),
            Some(HeaderValues::Many(mut values)) => {
                values.push(value);
                HeaderValues::Many(values)
            }
        };
        self.headers.insert(name.to_owned(), values);
        self
    }

    fn of(data: String, content_type: &str) -> Self {
        let response = Self {
            data,
            headers: BTreeMap::new(),
            status: 200,
            kv: BTreeMap::new(),
            base64: false,
        };
        response.header("content-type", content_type)
    }
}

/// The values of one header.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum HeaderValues {
    /// It stands once.
    One(String),
    /// It stands more than once, as `set-cookie` may.
    Many(Vec<String>),
}

// By hand, since a derived untagged enum adds 10 KB to a worker.
impl<'de> Deserialize<'de> for HeaderValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringOrList;

        impl<'de> Visitor<'de> for StringOrList {
            type Value = HeaderValues;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string or a list of strings")
            }

            fn visit_str<E>(self, value: &str) -> Result<HeaderValues, E> {
                Ok(HeaderValues::One(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<HeaderValues, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                }
                Ok(HeaderValues::Many(values))
            }
        }

        deserializer.deserialize_any(StringOrList)
    }
}

/// A request before its body is decoded. Other keys, `kv` among them, are skipped.
#[derive(Deserialize)]
struct RequestJson {
    url: String,
    method: String,
    headers: BTreeMap<String, HeaderValues>,
    body: String,
    #[serde(default)]
    base64: bool,
    #[serde(default)]
    params: BTreeMap<String, String>,
}

impl TryFrom<RequestJson> for Request {
    type Error = base64::DecodeError;

    fn try_from(json: RequestJson) -> Result<Self, Self::Error> {
        let body = match json.base64 {
            true => BASE64.decode(json.body)?,
            false => json.body.into_bytes(),
        };
        Ok(Self {
            url: json.url,
            method: json.method,
            headers: json.headers,
            body,
            params: json.params,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn request(body: &str) -> Request {
        let json = format!(
            r#"{{"url":"/a?x=1&name=A%20b+c","method":"GET","kv":{{}},"params":{{"id":"7"}},
            "headers":{{"accept":"*/*","cookie":["a=1","b=2"]}},{body}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_request_is_read() {
        let request = request(r#""body":"text""#);
        assert_eq!(request.query("name").as_deref(), Some("A b c"));
        assert_eq!(request.query("nam"), None);
        assert_eq!(request.param("id"), "7");
        assert_eq!(request.header("accept"), Some("*/*"));
        assert_eq!(request.header("cookie"), Some("a=1"));
        assert_eq!(request.body, b"text");
    }

    #[test]
    fn a_body_in_base64_is_decoded() {
        let request = request(r#""body":"/wD+","base64":true"#);
        assert_eq!(request.body, [0xff, 0, 0xfe]);
    }

    #[test]
    fn a_header_given_twice_is_a_list() {
        let response = Response::bytes(&[0xff, 0, 0xfe], "image/png")
            .status(201)
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2");
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"data":"/wD+","headers":{"content-type":"image/png","set-cookie":["a=1","b=2"]},"status":201,"kv":{},"base64":true}"#
        );
    }
}
