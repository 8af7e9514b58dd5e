//! Heads of answers over HTTP/1.1 as the short way sends them.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::DATE;
use http::{HeaderMap, StatusCode};

use crate::request_id::{RequestId, X_REQUEST_ID};

/// How a client finds the end of a body (RFC 9112, 6.3).
#[derive(Clone, Copy)]
pub(crate) enum Length {
    Of(u64),
    Chunked,
    /// The status says that there is none.
    NoBody,
}

/// A head without what each answer has of its own. Cheap to clone.
#[derive(Clone)]
pub(crate) struct RenderedHead {
    lines: Bytes,
    has_date: bool,
}

impl RenderedHead {
    pub(crate) fn new(status: StatusCode, fields: &HeaderMap, length: Length) -> Self {
        let mut lines = Vec::with_capacity(512);
        write_lines(status, fields, length, &mut lines);
        Self {
            lines: lines.into(),
            has_date: fields.contains_key(DATE),
        }
    }

    /// How many bytes it holds.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.len()
    }

    /// Writes the whole head of an answer in place of what `head` holds.
    pub(crate) fn write(&self, id: &RequestId, head: &mut Vec<u8>) {
        head.clear();
        head.extend_from_slice(&self.lines);
        write_end(self.has_date, id, head);
    }
}

/// Writes the whole head of an answer in place of what `head` holds.
pub(crate) fn write_head(
    status: StatusCode,
    fields: &HeaderMap,
    length: Length,
    id: &RequestId,
    head: &mut Vec<u8>,
) {
    head.clear();
    write_lines(status, fields, length, head);
    write_end(fields.contains_key(DATE), id, head);
}

/// The status line, the fields, and what says how long the body is.
fn write_lines(status: StatusCode, fields: &HeaderMap, length: Length, head: &mut Vec<u8>) {
    head.extend_from_slice(b"HTTP/1.1 ");
    head.extend_from_slice(status.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    head.extend_from_slice(b"\r\n");
    // A worker's own would be a second one.
    for (name, value) in fields.iter().filter(|(name, _)| **name != X_REQUEST_ID) {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    match length {
        Length::Of(bytes) => {
            head.extend_from_slice(b"content-length: ");
            write_number(bytes, head);
            head.extend_from_slice(b"\r\n");
        }
        Length::Chunked => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Length::NoBody => {}
    }
}

/// What every answer has of its own, and the empty line.
fn write_end(has_date: bool, id: &RequestId, head: &mut Vec<u8>) {
    head.extend_from_slice(b"x-request-id: ");
    head.extend_from_slice(id.as_bytes());
    if !has_date {
        head.extend_from_slice(b"\r\ndate: ");
        write_date(head);
    }
    head.extend_from_slice(b"\r\n\r\n");
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let begin = out.len();
    loop {
        out.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[begin..].reverse();
}

/// The date (RFC 9110, 6.6.1), made anew once a second.
fn write_date(out: &mut Vec<u8>) {
    thread_local! {
        static LAST: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.unwrap_or(Duration::ZERO).as_secs();
    LAST.with_borrow_mut(|(of, text)| {
        if *of != seconds {
            let date = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            *text = httpdate::fmt_http_date(date);
            *of = seconds;
        }
        out.extend_from_slice(text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::ETAG;

    use super::*;

    #[test]
    fn a_rendered_head_is_the_head() {
        for has_date in [false, true] {
            let mut fields = HeaderMap::new();
            fields.insert(ETAG, HeaderValue::from_static("\"a\""));
            fields.insert(X_REQUEST_ID, HeaderValue::from_static("of a rule"));
            if has_date {
                fields.insert(
                    DATE,
                    HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"),
                );
            }
            let id = RequestId::next();
            let (mut at_once, mut rendered) = (Vec::new(), b"before".to_vec());
            write_head(StatusCode::OK, &fields, Length::Of(1203), &id, &mut at_once);
            let head = RenderedHead::new(StatusCode::OK, &fields, Length::Of(1203));
            head.write(&id, &mut rendered);
            let text = String::from_utf8(rendered).unwrap();
            assert_eq!(text.as_bytes(), at_once);
            assert!(
                text.starts_with("HTTP/1.1 200 OK\r\netag: \"a\"\r\n"),
                "{text}"
            );
            assert!(text.contains("\r\ncontent-length: 1203\r\n"), "{text}");
            assert!(text.ends_with(" GMT\r\n\r\n") || has_date, "{text}");
            assert_eq!(text.matches("date: ").count(), 1, "{text}");
            assert_eq!(text.matches("x-request-id: ").count(), 1, "{text}");
        }
    }
}
