//! Any bytes as what a client sends on an HTTP/1 connection.
#![no_main]

use http1_framing::{Framing, Limits};
use libfuzzer_sys::fuzz_target;

/// What passes, and whether anything is refused.
fn read<'b>(pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<u8>, bool) {
    let mut framing = Framing::new(Limits::default());
    let (mut passed, mut held) = (Vec::new(), Vec::new());
    for piece in pieces {
        let result = framing.push(piece);
        let passes = result.unwrap_or_else(|refused| refused.passes);
        if passes > 0 {
            passed.append(&mut held);
            passed.extend(&piece[..passes]);
        }
        if result.is_err() {
            return (passed, true);
        }
        held.extend(&piece[passes..]);
    }
    (passed, false)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let (passed, is_refused) = read(std::iter::once(bytes));
    assert!(bytes.starts_with(&passed));
    // However it is cut, the verdict is the same, and no less passes.
    let (in_pieces, is_refused_in_pieces) = read(bytes.chunks(usize::from(size) + 1));
    assert_eq!(is_refused, is_refused_in_pieces);
    assert!(in_pieces.starts_with(&passed) && (is_refused || in_pieces == passed));
    // A first head that passes is one to hyper's parser too, and ends with whole lines. It asks for
    // UTF-8 in targets.
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(&passed) {
        Ok(httparse::Status::Complete(length)) => {
            let has_tabs = passed[..length].contains(&b'\t');
            assert!(has_tabs || http1_framing::has_plain_lines(&passed[..length]));
        }
        Ok(httparse::Status::Partial) => assert!(passed.is_empty()),
        Err(error) => assert!(!passed.is_ascii(), "{error}"),
    }
});
