use super::*;
use proptest::prelude::*;

/// What came of bytes: how many passed, and why the next one did not.
type Verdict = (usize, Option<Refusal>);

/// Reads pieces as a caller does that holds back what may not pass yet.
fn read(pieces: &[&[u8]]) -> (Vec<u8>, Option<Refused>) {
    let mut framing = Framing::new(Limits::default());
    let (mut passed, mut held) = (Vec::new(), Vec::new());
    for piece in pieces {
        let result = framing.push(piece);
        let passes = result.unwrap_or_else(|refused| refused.passes);
        if passes > 0 {
            passed.append(&mut held);
            passed.extend(&piece[..passes]);
        }
        if let Err(refused) = result {
            return (passed, Some(refused));
        }
        held.extend(&piece[passes..]);
    }
    (passed, None)
}

fn verdict(bytes: &[u8]) -> Verdict {
    let (passed, refused) = read(&[bytes]);
    (passed.len(), refused.map(|refused| refused.refusal))
}

/// A whole request with this in the place of its target.
fn target(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n")
}

/// A whole head with more fields.
fn fields(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n\r\n")
}

fn chunked(body: &str) -> String {
    fields("transfer-encoding: chunked") + body
}

#[track_caller]
fn passes(text: impl AsRef<[u8]>) {
    let bytes = text.as_ref();
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(verdict(bytes), (bytes.len(), None), "{text:?}");
    // And it was one message, or several: the next one is read as one.
    let next = b"GET /next HTTP/1.1\r\nhost: a\r\n\r\n";
    let both = [bytes, next].concat();
    assert_eq!(verdict(&both), (both.len(), None), "{text:?} and another");
}

#[track_caller]
fn refused(text: impl AsRef<[u8]>, refusal: Refusal) {
    let bytes = text.as_ref();
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(verdict(bytes), (0, Some(refusal)), "{text:?}");
    let before = b"GET /before HTTP/1.1\r\nhost: a\r\n\r\n";
    let both = [before, bytes].concat();
    let want = (before.len(), Some(refusal));
    assert_eq!(verdict(&both), want, "{text:?} after another");
}

#[test]
fn valid_requests_pass() {
    passes("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    passes("GET / HTTP/1.0\r\n\r\n");
    passes("\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n");
    passes("m!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nhost: a\r\n\r\n");
    passes("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n");
    passes("CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443\r\n\r\n");
    passes(fields("a:b\r\nB:\r\nc: \t x y \t\r\nd: \u{e4}\u{20ac}"));
    passes(fields("content-length: 0"));
    passes(fields("content-length:  005 ") + "12345");
    passes(fields("Content-Length: 5") + "\r\n\n\r\0");
    passes(fields(
        "x-content-length: 5, 5\r\nhosts: a\r\ntransfer-encodings: x",
    ));
    passes(fields(&format!("{}: x", "n".repeat(5000))));
}

#[test]
fn targets_have_four_forms() {
    for good in [
        "/",
        "/a?b",
        "/%zz",
        "//a",
        "/a\\b",
        "/\u{e4}",
        "/\u{20ac}?\u{1f980}\u{e4}",
        // What browsers leave as it is, and more.
        "/!\"$%&'()*+,-.:;=@[\\]^_{|}~",
        "/?!$%&'()*+,-./:;=?@[\\]^_`{|}~",
        "http://a",
        "HTTP://A/",
        "https://a.example:8080/b?c",
        "http://a?b",
        "http://[::1]/",
    ] {
        passes(target(good));
    }
    for bad in [
        "",
        "*",
        "a",
        "a/b",
        "?a",
        "../a",
        "http:/a",
        "http:a",
        "http//a",
        "file:///a",
        "ftp://a/",
        "1http://a/",
        "/a#b",
        "/a\u{7f}",
        "/a\tb",
        "/\0",
        "a:80",
        "http://a#b",
        "://a",
        "#",
    ] {
        refused(target(bad), Refusal::Target);
    }
    for bad in [
        "http://",
        "http:///a",
        "http://?a",
        "http://u@a/",
        "http://a:b/",
        "http://a b/",
    ] {
        let refusal = match bad.contains(' ') {
            true => Refusal::RequestLine,
            false => Refusal::Host,
        };
        refused(target(bad), refusal);
    }
    refused(target("http://a%20b/"), Refusal::Host);
    refused("CONNECT a%20b:443 HTTP/1.1\r\n", Refusal::Host);
    passes("GET / HTTP/1.1\r\nhost: a%20b\r\n\r\n");
    for bad in [
        "/<",
        "/a>b",
        "/`",
        "/a`?b",
        "/?\"",
        "/?a=<b>",
        "/a??\"",
        "http://a/<",
        "http://a?\"",
    ] {
        refused(target(bad), Refusal::TargetBytes);
    }
    refused("OPTIONS *a HTTP/1.1\r\n", Refusal::Target);
    refused("CONNECT / HTTP/1.1\r\n", Refusal::Host);
    refused("CONNECT a:1/ HTTP/1.1\r\n", Refusal::Target);
}

#[test]
fn targets_beyond_ascii_are_utf_8() {
    for bad in [
        &b"\xe9"[..],
        b"\xff",
        b"a\x80",
        b"\xc3?\xa4",
        b"\xc3/",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf0\x9f\xa6",
        b"\xf4\x90\x80\x80",
        b"\xc3\xa4\xa4",
        b"?\xe2\x82",
    ] {
        for before in [
            "GET /",
            "GET /?",
            "GET /long-enough-for-a-run",
            "GET http://a/",
        ] {
            let line = [before.as_bytes(), bad, b" HTTP/1.1\r\n"].concat();
            refused(line, Refusal::TargetBytes);
        }
    }
}

#[test]
fn a_request_line_is_three_words_and_two_blanks() {
    refused("GET  / HTTP/1.1\r\n", Refusal::Target);
    refused("GET\t/ HTTP/1.1\r\n", Refusal::Method);
    refused("GET /  HTTP/1.1\r\n", Refusal::RequestLine);
    refused("GET /\tHTTP/1.1\r\n", Refusal::Target);
    refused("GET / HTTP/1.1 \r\n", Refusal::RequestLine);
    refused(" GET / HTTP/1.1\r\n", Refusal::Method);
    refused("GET /a b HTTP/1.1\r\n", Refusal::RequestLine);
    refused("GET /\r\n", Refusal::Target);
    refused("GET\r\n", Refusal::Method);
    refused("G(T / HTTP/1.1\r\n", Refusal::Method);
    refused("\0\0\0\0", Refusal::Method);
    refused(b"\x16\x03\x01 a TLS client hello", Refusal::Method);
    refused(
        format!("{} / HTTP/1.1\r\n", "M".repeat(300)),
        Refusal::Method,
    );
    refused("GET / http/1.1\r\n", Refusal::RequestLine);
    refused("GET / HTTP/1.\r\n", Refusal::RequestLine);
    refused("GET / HTTP/1.1x\r\n", Refusal::RequestLine);
    refused("GET / HTTP/1.10\r\n", Refusal::RequestLine);
    refused("GET / HTTP /1.1\r\n", Refusal::RequestLine);
    refused("GET / HTTX/1.1\r\n", Refusal::RequestLine);
    for version in ["0.9", "1.2", "2.0", "9.9", "0.0", "3.1"] {
        refused(format!("GET / HTTP/{version}\r\n"), Refusal::Version);
    }
}

#[test]
fn lines_end_with_cr_lf() {
    refused("GET / HTTP/1.1\nhost: a\n\n", Refusal::BareLf);
    refused("GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n", Refusal::BareLf);
    refused("GET / HTTP/1.1\r\nhost: a\r\nx: y\n\r\n", Refusal::BareLf);
    refused("GET / HTTP/1.1\r\nhost: a\r\n\n", Refusal::BareLf);
    refused("GET /\n", Refusal::BareLf);
    refused("\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", Refusal::BareLf);
    refused("GET / HTTP/1.1\rhost: a\r\n\r\n", Refusal::BareCr);
    refused("GET / HTTP/1.1\r\r\nhost: a\r\n\r\n", Refusal::BareCr);
    refused("GET / HTTP/1.1\r\nhost: a\rx: y\r\n\r\n", Refusal::BareCr);
    refused("GET / HTTP/1.1\r\nhost: a\r\r\n\r\n", Refusal::BareCr);
    refused("GET / HTTP/1.1\r\nhost: a\r\n\rx\n", Refusal::BareCr);
    refused("\rGET / HTTP/1.1\r\n", Refusal::BareCr);
    refused("\r\n\r\nGET / HTTP/1.1\r\n", Refusal::EmptyLines);
    refused("\r\n\nGET / HTTP/1.1\r\n", Refusal::EmptyLines);
}

#[test]
fn fields_are_names_and_values() {
    refused(fields("a : b"), Refusal::BlankBeforeColon);
    refused(fields("a\t: b"), Refusal::BlankBeforeColon);
    refused(
        fields("transfer-encoding : chunked"),
        Refusal::BlankBeforeColon,
    );
    refused(fields("a: b\r\n c"), Refusal::Fold);
    refused(fields("a: b\r\n\tc: d"), Refusal::Fold);
    refused("GET / HTTP/1.1\r\n host: a\r\n\r\n", Refusal::Fold);
    for name in [
        ":",
        ": b",
        "no colon",
        "a(b: c",
        "a\0b: c",
        "\u{e4}: c",
        "a;b: c",
        "\"a\": b",
        "a/b: c",
    ] {
        let refusal = match name == "no colon" {
            true => Refusal::BlankBeforeColon,
            false => Refusal::FieldName,
        };
        refused(fields(name), refusal);
    }
    refused(fields("nocolon"), Refusal::FieldName);
    for value in ["\0", "a\0b", "\u{1}", "a\u{b}b", "\u{7f}", "a\u{1b}[0m"] {
        refused(fields(&format!("a: {value}")), Refusal::FieldValue);
    }
}

#[test]
fn there_is_one_host() {
    refused("GET / HTTP/1.1\r\n\r\n", Refusal::Hosts);
    refused("GET http://a/ HTTP/1.1\r\n\r\n", Refusal::Hosts);
    refused(
        "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
        Refusal::Hosts,
    );
    refused(
        "GET / HTTP/1.1\r\nhost: a\r\nx: y\r\nHost: b\r\n\r\n",
        Refusal::Hosts,
    );
    refused(
        "GET / HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n",
        Refusal::Hosts,
    );
    for host in ["", " ", "a b", "a/b", "u@a", "a:b", "a\u{e4}"] {
        refused(
            format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"),
            Refusal::Host,
        );
        refused(
            format!("GET / HTTP/1.0\r\nhost:{host}\r\n\r\n"),
            Refusal::Host,
        );
    }
    let long = "a".repeat(300);
    refused(
        format!("GET / HTTP/1.1\r\nhost: {long}\r\n\r\n"),
        Refusal::Host,
    );
    refused(
        format!("GET http://{long}/ HTTP/1.1\r\nhost: a\r\n\r\n"),
        Refusal::Host,
    );
}

#[test]
fn the_length_of_a_body_is_said_in_one_way() {
    for length in [
        "",
        "+5",
        "-5",
        "5 5",
        "0x5",
        "5.0",
        "5,",
        "5, 5",
        "5,6",
        "1e3",
        "five",
        "\u{665}",
        "18446744073709551616",
        "99999999999999999999999999",
    ] {
        refused(
            fields(&format!("content-length: {length}")),
            Refusal::Length,
        );
    }
    let many_zeros = "0".repeat(300);
    refused(
        fields(&format!("content-length: {many_zeros}")),
        Refusal::Length,
    );
    let twice = |second: &str| fields(&format!("content-length: 5\r\nContent-Length: {second}"));
    refused(twice("5"), Refusal::Lengths);
    refused(twice("6"), Refusal::Lengths);
    refused(twice("x"), Refusal::Lengths);
    for coding in [
        "",
        "gzip",
        "identity",
        "chunked, identity",
        "gzip, chunked",
        "chunked, chunked",
        "xchunked",
        "chunkedx",
        "chunked;q=1",
        "\"chunked\"",
        "chunked,",
        ",chunked",
    ] {
        let line = format!("transfer-encoding: {coding}");
        refused(fields(&line), Refusal::TransferEncoding);
    }
    refused(
        fields("transfer-encoding:\u{b}chunked"),
        Refusal::FieldValue,
    );
    refused(
        fields("transfer-encoding: chunked\r\ntransfer-encoding: chunked"),
        Refusal::TransferEncoding,
    );
    refused(
        fields("transfer-encoding: chunked\r\ntransfer-encoding: identity"),
        Refusal::TransferEncoding,
    );
    refused(
        fields("content-length: 5\r\ntransfer-encoding: chunked"),
        Refusal::TwoFramings,
    );
    refused(
        fields("transfer-encoding: chunked\r\ncontent-length: 5"),
        Refusal::TwoFramings,
    );
    refused(
        "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
        Refusal::TransferEncodingIn10,
    );
    passes(fields("transfer-encoding:CHUNKED ") + "0\r\n\r\n");
    refused(
        fields("transfer-encoding: chunked\t"),
        Refusal::TransferEncoding,
    );
    refused(fields("content-length:\t5"), Refusal::Length);
    refused("GET / HTTP/1.1\r\nhost:\ta\r\n\r\n", Refusal::Host);
}

#[test]
fn chunks_end_where_they_say() {
    passes(chunked("5\r\n12345\r\n0\r\n\r\n"));
    passes(chunked("0005\r\n12345\r\na\r\n0123456789\r\n00\r\n\r\n"));
    passes(chunked("9\r\n\r\n0\r\n\r\n0\n\r\n0\r\n\r\n"));
    passes(chunked("1;a=b; c=\"d;e\"\r\nx\r\n0;last\r\n\r\n"));
    passes(chunked("0\r\nx-trailer: a\r\nb:\r\n\r\n"));
    let size = |text: &str| refused(chunked(text), Refusal::ChunkSize);
    for text in [
        "\r\n",
        "zz\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x0\r\n",
        " 0\r\n",
        "0 \r\n",
        "0\t;a\r\n",
        ";a\r\n",
        "g\r\n",
        "1_0\r\n",
        "00000000000000000\r\n",
        "fffffffffffffffff\r\n",
        "5\0\r\n",
    ] {
        size(text);
    }
    refused(chunked("0\n\r\n"), Refusal::BareLf);
    refused(chunked("\n"), Refusal::BareLf);
    refused(chunked("0;a\n\r\n"), Refusal::BareLf);
    refused(chunked("0\r\r\n"), Refusal::BareCr);
    refused(chunked("0\r\n\n"), Refusal::BareLf);
    refused(chunked("0\r\n\r\r\n"), Refusal::BareCr);
    refused(chunked("0;a\0\r\n"), Refusal::ChunkExtension);
    refused(
        chunked(&format!("0;{}\r\n", "a".repeat(257))),
        Refusal::ChunkExtension,
    );
    passes(chunked(&format!("0;{}\r\n\r\n", "a".repeat(256))));
    refused(chunked("5\r\n123456\r\n0\r\n\r\n"), Refusal::ChunkEnd);
    refused(chunked("5\r\n12345\n0\r\n\r\n"), Refusal::ChunkEnd);
    refused(chunked("5\r\n12345\r0\r\n\r\n"), Refusal::ChunkEnd);
    refused(chunked("5\r\n123450\r\n\r\n"), Refusal::ChunkEnd);
    refused(
        chunked("0\r\nGET / HTTP/1.1\r\n\r\n"),
        Refusal::BlankBeforeColon,
    );
    for name in ["content-length: 5", "Transfer-Encoding: chunked", "host: a"] {
        refused(chunked(&format!("0\r\n{name}\r\n\r\n")), Refusal::Trailer);
    }
    refused(chunked("0\r\na: b\r\n c\r\n\r\n"), Refusal::Fold);
}

#[test]
fn heads_and_trailers_have_a_size() {
    let limits = Limits {
        head_bytes: 60,
        fields: 3,
        target_bytes: 20,
    };
    let check = |text: String, want: Result<usize, Refusal>| {
        let got = Framing::new(limits).push(text.as_bytes());
        assert_eq!(got.map_err(|refused| refused.refusal), want, "{text:?}");
    };
    // 29 bytes without the value.
    let head = |value: usize| {
        format!(
            "GET / HTTP/1.1\r\nhost: a\r\nx:{}\r\n\r\n",
            "v".repeat(value)
        )
    };
    check(head(29), Ok(60));
    check(head(30), Err(Refusal::FieldsTooLarge));
    check(head(40_000), Err(Refusal::FieldsTooLarge));
    let many = |count: usize| {
        format!(
            "GET / HTTP/1.1\r\nhost: a\r\n{}\r\n",
            "x:y\r\n".repeat(count)
        )
    };
    check(many(2), Ok(37));
    check(many(3), Err(Refusal::TooManyFields));
    let target = |bytes: usize| format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "p".repeat(bytes));
    check(target(19), Ok(46));
    check(target(20), Err(Refusal::TargetTooLong));
    check(target(1000), Err(Refusal::TargetTooLong));
    let chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let trailer = |bytes: usize| format!("{chunked}0\r\nx:{}\r\n\r\n", "v".repeat(bytes));
    check(trailer(54), Ok(chunked.len() + 3 + 60));
    check(trailer(55), Err(Refusal::FieldsTooLarge));
    check(
        format!("{chunked}0\r\n{}\r\n", "x:y\r\n".repeat(4)),
        Err(Refusal::TooManyFields),
    );
}

#[test]
fn nothing_passes_of_a_head_before_its_end_has_come() {
    let mut framing = Framing::new(Limits::default());
    assert_eq!(framing.push(b"GET / HTTP/1.1\r\nhost: a\r\n"), Ok(0));
    assert_eq!(framing.push(b"\r"), Ok(0));
    assert_eq!(framing.push(b"\nGET /b"), Ok(1));
    assert_eq!(framing.push(b" HTTP/1.1\r\nhost: a\r\nhost"), Ok(0));
    let refused = Refused {
        passes: 0,
        place: Place::Message,
        refusal: Refusal::Hosts,
    };
    assert_eq!(framing.push(b": b\r\n\r\n"), Err(refused));
    assert_eq!(
        framing.push(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
        Err(refused)
    );
}

#[test]
fn a_body_that_is_refused_takes_its_head_along_if_that_has_not_passed() {
    let head = chunked("");
    let whole = head.clone() + "5\r\n12345\r\nx";
    let mut framing = Framing::new(Limits::default());
    let refused = framing.push(whole.as_bytes()).unwrap_err();
    assert_eq!((refused.passes, refused.place), (0, Place::Message));

    let mut framing = Framing::new(Limits::default());
    assert_eq!(framing.push(head.as_bytes()), Ok(head.len()));
    assert!(framing.is_in_body());
    let refused = framing.push(b"5\r\n12345\r\nx").unwrap_err();
    assert_eq!((refused.passes, refused.place), (10, Place::Body));
}

#[test]
fn a_head_is_scanned_for_bare_line_ends_and_tabs() {
    for good in ["", "\r\n", "a\r\nb\r\n\r\n"] {
        assert!(crate::has_plain_lines(good.as_bytes()), "{good:?}");
    }
    for bad in [
        "\n",
        "a\n",
        "a\r\n\n",
        "\n\r\n",
        "a\r\nb\nc\r\n",
        "a\tb\r\n",
    ] {
        assert!(!crate::has_plain_lines(bad.as_bytes()), "{bad:?}");
    }
}

/// Requests as clients may send them, with what follows from one to the next.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = "[A-Z]{1,8}|[!#$%&'*+.^_`|~a-z0-9-]{1,9}";
    let target = "/[!\"$-;=@-_a-~\u{e4}\u{20ac}\u{1f980}]{0,40}(\\?[!$-;=?-~\u{e4}]{0,20})?|https?://[a-z0-9.-]{1,20}(:[0-9]{1,4})?/[a-z?]{0,9}";
    let host = "[a-z0-9._-]{1,20}(:[0-9]{1,4})?|\\[::[0-9a-f]{1,4}\\]";
    let field = (
        "x-[!#$%&'*+.^_`|~0-9a-zA-Z-]{0,20}",
        "[ -~\t\u{80}-\u{ff}]{0,40}",
    );
    let fields = prop::collection::vec(field, 0..6);
    (method, target, host, fields, body(), any::<bool>()).prop_map(
        |(method, target, host, fields, (framing, body), empty_line)| {
            let method = method.replace("CONNECT", "GET");
            let mut head = format!("{method} {target} HTTP/1.1\r\nHost:{host}\r\n{framing}");
            for (name, value) in fields {
                head += &format!("{name}:{value}\r\n");
            }
            let before: &[u8] = if empty_line { b"\r\n" } else { b"" };
            [before, head.as_bytes(), b"\r\n", &body].concat()
        },
    )
}

/// The field that says how long it is, and the body.
fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let counted = bytes().prop_map(|body| (format!("Content-Length: {}\r\n", body.len()), body));
    let chunk = (bytes(), "(;[ -:<-~]{0,20}){0,2}").prop_map(|(data, extension)| {
        let size = format!("{:x}{extension}\r\n", data.len());
        match data.is_empty() {
            true => Vec::new(),
            false => [size.as_bytes(), &data, b"\r\n"].concat(),
        }
    });
    let trailers = "(x-[a-z]{1,9}:[ -~]{0,20}\r\n){0,3}";
    let chunks = (prop::collection::vec(chunk, 0..4), trailers);
    let chunked = chunks.prop_map(|(chunks, trailers)| {
        let end = format!("0\r\n{trailers}\r\n").into_bytes();
        let body = [chunks.concat(), end].concat();
        ("transfer-encoding: chunked\r\n".to_owned(), body)
    });
    prop_oneof![Just((String::new(), Vec::new())), counted, chunked]
}

/// Valid bytes, some of them changed.
fn nearly_valid() -> impl Strategy<Value = Vec<u8>> {
    let requests = prop::collection::vec(request(), 1..3).prop_map(|requests| requests.concat());
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (requests, changes).prop_map(|(mut bytes, changes)| {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

proptest! {
    #[test]
    fn a_valid_request_always_passes(requests in prop::collection::vec(request(), 1..4)) {
        let bytes = requests.concat();
        prop_assert_eq!(verdict(&bytes), (bytes.len(), None));
        let mut framing = Framing::new(Limits::default());
        for request in requests {
            prop_assert_eq!(framing.push(&request), Ok(request.len()));
            prop_assert_eq!(framing.state, State::Between);
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_verdict(bytes in nearly_valid(), sizes in prop::collection::vec(1..40_usize, 1..20)) {
        let (whole, refused) = read(&[&bytes]);
        let mut rest = &bytes[..];
        let mut pieces = Vec::new();
        for size in sizes.iter().cycle() {
            let (piece, after) = rest.split_at((*size).min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let (passed, refused_in_pieces) = read(&pieces);
        prop_assert_eq!(refused.map(|r| r.refusal), refused_in_pieces.map(|r| r.refusal));
        // A head may have passed before its body was refused.
        prop_assert!(passed.starts_with(&whole));
        if refused.is_none() {
            prop_assert_eq!(passed, whole);
        }
    }

    #[test]
    fn any_bytes_have_a_verdict(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (passed, _) = read(&[&bytes]);
        prop_assert!(bytes.starts_with(&passed));
    }
}
