//! The plainest of requests, recognised at once: a GET for a path of the server, with no body, no
//! range, and no condition but those that browsers send when they ask again.
//!
//! The parsing is httparse's, which is what hyper parses with too, so that there is no reading of
//! HTTP/1 of our own. It lets pass more than [`Framing`](crate::Framing) does; what that would
//! refuse is not recognised here. *Invariant:* what is recognised would have passed the framing, but for
//! bytes of its target that no URI has: clients send them, and where no URI is made of the target, they
//! harm nobody.

use std::mem::MaybeUninit;

use crate::{Limits, has_plain_lines, is_host};

/// Heads with more fields are not plain.
const FIELDS_MAX: usize = 32;

/// Room for the fields of a head.
pub struct FieldRoom<'r>([MaybeUninit<httparse::Header<'r>>; FIELDS_MAX]);

impl Default for FieldRoom<'_> {
    fn default() -> Self {
        Self([const { MaybeUninit::uninit() }; FIELDS_MAX])
    }
}

/// What the bytes at the beginning of a request are.
#[derive(Debug)]
pub enum Recognised<T> {
    /// A plain request.
    Plain(T),
    /// The beginning of one, perhaps.
    Part,
    /// Anything else.
    Other,
}

/// The head of a plain request.
#[derive(Debug)]
pub struct PlainGet<'r, 'f> {
    /// Path and query as they were sent: a slash and visible ASCII, no `#`.
    pub target: &'r str,
    /// Perhaps with a port.
    pub host: &'r str,
    /// Of the head, in bytes.
    pub length: usize,
    /// Whether it has `If-None-Match` or `If-Modified-Since` (RFC 9110, 13.1).
    pub is_conditional: bool,
    fields: &'f [httparse::Header<'r>],
}

impl<'r, 'f> PlainGet<'r, 'f> {
    /// Looks at what has been received since the last request. Total on any bytes; allocates nothing.
    pub fn recognise(
        received: &'r [u8],
        room: &'f mut FieldRoom<'r>,
        limits: &Limits,
    ) -> Recognised<Self> {
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(received, &mut room.0) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Recognised::Part,
            Err(_) => return Recognised::Other,
        };
        let (method, version, target) = (request.method, request.version, request.path);
        let fields: &'f [httparse::Header<'r>] = request.headers;
        if method != Some("GET") || version != Some(1) || !is_framed_strictly(&received[..length]) {
            return Recognised::Other;
        }
        let (Some(target), Some(asked)) = (
            target.filter(|target| is_path_and_query(target)),
            Asked::by(fields),
        ) else {
            return Recognised::Other;
        };
        if length > limits.head_bytes
            || fields.len() > limits.fields
            || target.len() > limits.target_bytes
        {
            return Recognised::Other;
        }
        Recognised::Plain(Self {
            target,
            host: asked.host,
            length,
            is_conditional: asked.is_conditional,
            fields,
        })
    }

    /// All fields, in their order.
    pub fn fields(
        &self,
    ) -> impl ExactSizeIterator<Item = (&'r str, &'r [u8])> + Clone + use<'r, 'f> {
        self.fields.iter().map(|field| (field.name, field.value))
    }

    /// The values of all fields of that name.
    pub fn values<'n>(
        &self,
        name: &'n str,
    ) -> impl Iterator<Item = &'r [u8]> + Clone + use<'r, 'f, 'n> {
        self.fields()
            .filter(move |(of, _)| of.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// What httparse does not ask of a head: no empty line before it, and plain lines.
fn is_framed_strictly(head: &[u8]) -> bool {
    head.first() != Some(&b'\r') && has_plain_lines(head)
}

/// Whether a target is path and query (RFC 9112, 3.2.1), of bytes that all parsers take.
fn is_path_and_query(target: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    target.starts_with('/') && target.bytes().all(fits)
}

/// What the fields of a plain request ask for.
struct Asked<'r> {
    host: &'r str,
    is_conditional: bool,
}

impl<'r> Asked<'r> {
    /// `None` if there is no host, or a field that asks for more than a plain answer.
    fn by(fields: &[httparse::Header<'r>]) -> Option<Self> {
        let (mut host, mut is_conditional) = (None, false);
        for field in fields {
            let name = field.name.as_bytes();
            let is = |of: &str| name.eq_ignore_ascii_case(of.as_bytes());
            match name.first()?.to_ascii_lowercase() {
                b'h' if is("host") => {
                    if host.is_some() || !is_host(field.value) {
                        return None;
                    }
                    host = std::str::from_utf8(field.value).ok();
                }
                b'c' if is("connection") && !field.value.eq_ignore_ascii_case(b"keep-alive") => {
                    return None;
                }
                b'i' if is("if-none-match") || is("if-modified-since") => is_conditional = true,
                // Each has a meaning that is not for here.
                b'c' if is("content-length") => return None,
                b'e' if is("expect") => return None,
                b'h' if is("http2-settings") => return None,
                b'i' if name.get(2) == Some(&b'-') => return None,
                b'r' if is("range") => return None,
                b't' if is("te") || is("transfer-encoding") || is("trailer") => return None,
                b'u' if is("upgrade") => return None,
                _ => {}
            }
        }
        Some(Self {
            host: host?,
            is_conditional,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Framing;

    /// The length of a head if it is plain.
    fn plain_length(head: &[u8]) -> Option<usize> {
        match PlainGet::recognise(head, &mut FieldRoom::default(), &Limits::default()) {
            Recognised::Plain(plain) => Some(plain.length),
            Recognised::Part | Recognised::Other => None,
        }
    }

    #[test]
    fn a_plain_head_is_plain() {
        for more in [
            "",
            "accept: */*\r\nx: a  b \r\n",
            "connection: keep-alive\r\n",
        ] {
            let head = format!("GET /a?b HTTP/1.1\r\nHost: a.example:80\r\n{more}\r\n");
            let mut room = FieldRoom::default();
            let limits = Limits::default();
            let Recognised::Plain(plain) = PlainGet::recognise(head.as_bytes(), &mut room, &limits)
            else {
                panic!("{head:?} is plain");
            };
            assert_eq!(
                (plain.target, plain.host, plain.length),
                ("/a?b", "a.example:80", head.len())
            );
            assert_eq!(plain.fields().len(), 1 + more.matches('\n').count());
        }
    }

    #[test]
    fn a_plain_target_has_any_byte_that_can_be_seen_but_the_sign_of_a_fragment() {
        for byte in 0..=255_u8 {
            let head = [b"GET /?", &[byte][..], b" HTTP/1.1\r\nhost: a\r\n\r\n"].concat();
            let want = byte.is_ascii_graphic() && byte != b'#';
            assert_eq!(plain_length(&head).is_some(), want, "{byte:#x}");
        }
    }

    #[test]
    fn a_condition_of_a_browser_is_noticed() {
        for (more, want) in [
            ("", false),
            ("If-None-Match: \"a\"\r\n", true),
            ("if-modified-since: Thu, 01 Jan 1970 00:00:00 GMT\r\n", true),
        ] {
            let head = format!("GET / HTTP/1.1\r\nhost: a\r\n{more}\r\n");
            let mut room = FieldRoom::default();
            let limits = Limits::default();
            let plain = PlainGet::recognise(head.as_bytes(), &mut room, &limits);
            assert!(
                matches!(&plain, Recognised::Plain(plain) if plain.is_conditional == want),
                "{plain:?}"
            );
        }
    }

    #[test]
    fn values_are_those_of_all_fields_of_a_name() {
        let head = "GET / HTTP/1.1\r\nhost: a\r\nX-A: 1\r\ny: 2\r\nx-a: 3\r\n\r\n";
        let mut room = FieldRoom::default();
        let Recognised::Plain(plain) =
            PlainGet::recognise(head.as_bytes(), &mut room, &Limits::default())
        else {
            panic!("{head:?} is plain");
        };
        assert_eq!(plain.values("x-a").collect::<Vec<_>>(), [b"1", b"3"]);
    }

    #[test]
    fn half_a_head_is_a_part() {
        let head = b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n";
        for length in 0..head.len() {
            let mut room = FieldRoom::default();
            let part = PlainGet::recognise(&head[..length], &mut room, &Limits::default());
            assert!(matches!(part, Recognised::Part), "{length}: {part:?}");
        }
    }

    #[test]
    fn what_is_framed_in_two_ways_or_asks_for_more_is_not_recognised() {
        for head in [
            "GET / HTTP/1.1\nhost: a\n\n",
            "GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\n",
            "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost:\ta\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: u@a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
            "GET / HTTP/1.1\r\nhost:\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nx: a\r\n\r\n",
            "GET / HTTP/1.0\r\nhost: a\r\n\r\n",
            "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /#a HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nif-match: *\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nif-range: \"a\"\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nif-unmodified-since: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\nrange: bytes=0-\r\n\r\n",
        ] {
            assert_eq!(plain_length(head.as_bytes()), None, "{head:?}");
        }
    }

    #[test]
    fn what_is_beyond_a_limit_is_not_recognised() {
        let head = b"GET /abc HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\n";
        let fits = Limits {
            head_bytes: head.len(),
            fields: 2,
            target_bytes: 4,
        };
        let is_plain = |limits: Limits| {
            let mut room = FieldRoom::default();
            matches!(
                PlainGet::recognise(head, &mut room, &limits),
                Recognised::Plain(_)
            )
        };
        assert!(is_plain(fits));
        assert!(!is_plain(Limits {
            head_bytes: head.len() - 1,
            ..fits
        }));
        assert!(!is_plain(Limits { fields: 1, ..fits }));
        assert!(!is_plain(Limits {
            target_bytes: 3,
            ..fits
        }));
    }

    proptest! {
        #[test]
        fn what_is_recognised_would_have_passed_the_framing(
            fields in prop::collection::vec("[a-z-]{1,9}:[ -~\t]{0,12}", 0..4),
            changes in prop::collection::vec((any::<prop::sample::Index>(), "[\r\n\t \0-\x7f]"), 0..4),
        ) {
            let fields = fields.join("\r\n") + "\r\n";
            let mut head = format!("GET /a HTTP/1.1\r\nhost: a\r\n{fields}\r\n").into_bytes();
            for (at, with) in changes {
                let at = at.index(head.len());
                head.splice(at..at, with.bytes());
            }
            if let Some(length) = plain_length(&head) {
                for byte in head.iter_mut().filter(|byte| b"\"<>`".contains(byte)) {
                    *byte = b'x';
                }
                let framed = Framing::new(Limits::default()).push(&head[..length]);
                prop_assert_eq!(framed, Ok(length), "{:?}", String::from_utf8_lossy(&head));
            }
        }
    }
}
