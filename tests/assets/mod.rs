//! Static answers: codings, validators, ranges, methods, paths and their fields.

mod codings;
mod conditions;
mod lint;
mod methods;
mod nginx_matrix;
mod paths;
mod ranges;

use std::io::Read;

use crate::support::{Answer, RunningApp, TestSite};

/// Text that shrinks in every coding.
fn text(bytes: usize) -> Vec<u8> {
    let lines =
        (0_u64..).flat_map(|n| format!("Line {n} of a text that says little.\n").into_bytes());
    lines.take(bytes).collect()
}

/// Bytes that shrink in none.
fn noise(bytes: usize) -> Vec<u8> {
    let mut noise = vec![0; bytes];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    noise
}

/// A site with a text of 20,000 bytes, stored in every coding, and noise of as many, stored raw.
fn site() -> TestSite {
    TestSite::with_index()
        .file("text.txt", text(20_000))
        .file("noise.bin", noise(20_000))
}

const CODINGS: [&str; 4] = ["zstd", "br", "gzip", "identity"];

/// What stands in `content-encoding` when a coding was asked for.
fn named(coding: &str) -> Option<&str> {
    Some(coding).filter(|coding| *coding != "identity")
}

fn decoded(answer: &Answer, plain_length: usize) -> Vec<u8> {
    let body = &answer.body[..];
    match answer.field("content-encoding") {
        None => body.to_vec(),
        Some("zstd") => zstd::decode_all(body).unwrap(),
        Some("br") => {
            let mut plain = Vec::new();
            brotlic::DecompressorReader::new(body)
                .read_to_end(&mut plain)
                .unwrap();
            plain
        }
        Some("gzip") => {
            let mut plain = vec![0; plain_length];
            let length = libdeflater::Decompressor::new().gzip_decompress(body, &mut plain);
            assert_eq!(length.unwrap(), plain_length);
            plain
        }
        Some(coding) => panic!("nobody asked for {coding}"),
    }
}

#[track_caller]
fn etag(app: &RunningApp, path: &str, coding: &str) -> String {
    let answer = app.get_with(path, &[("accept-encoding", coding)]);
    answer.assert_status(200).field("etag").unwrap().to_owned()
}
