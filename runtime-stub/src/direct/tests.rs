use http1_framing::{Framing, Limits};
use proptest::prelude::*;

use super::*;

/// What `recognise` asks of a head before it looks for what answers it: its length if it is plain.
fn plain_length(head: &[u8]) -> Option<usize> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut fields);
    let Ok(httparse::Status::Complete(length)) = request.parse(head) else {
        return None;
    };
    let is_origin_form = request.path?.starts_with('/') && !request.path?.contains('#');
    let is_plain = request.version == Some(1)
        && is_origin_form
        && is_framed_strictly(&head[..length])
        && plain_fields(request.headers).is_some();
    is_plain.then_some(length)
}

fn passes(head: &[u8]) -> bool {
    Framing::new(Limits::default()).push(head) == Ok(head.len())
}

#[test]
fn a_plain_head_is_plain() {
    for more in [
        "",
        "accept: */*\r\nx: a  b \r\n",
        "connection: keep-alive\r\n",
    ] {
        let head = format!("GET /a?b HTTP/1.1\r\nHost: a.example:80\r\n{more}\r\n");
        assert_eq!(plain_length(head.as_bytes()), Some(head.len()));
    }
}

#[test]
fn what_is_framed_in_two_ways_is_not_recognised() {
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
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        assert_eq!(plain_length(head.as_bytes()), None, "{head:?}");
    }
}

proptest! {
    /// There is no second reading of HTTP on the short way.
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
            prop_assert!(passes(&head[..length]), "{:?}", String::from_utf8_lossy(&head));
        }
    }
}
