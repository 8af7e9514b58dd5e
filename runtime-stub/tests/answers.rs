//! Requests answered without a socket, from a bundle made in memory; and what an answer costs.

#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests may fail as tests do"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use bundle_format::header::{HEADER_BYTES, Header, Section};
use bundle_format::index::{
    CachePolicy, IndexBuilder, StoredCoding, Target, Variant, block_hashes,
};
use bundle_format::meta::{self, EngineFingerprint, Meta};
use bundle_format::{ContentHash, PAGE, SiteRules};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use runtime_stub::{App, AppOptions, Body, Edge};

/// Counts the allocations of the thread that asks.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[expect(
    unsafe_code,
    reason = "an allocator that counts is the only way to count allocations"
)]
// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PAGE_HTML: &str = "/page";

fn text() -> Vec<u8> {
    "All work and no play makes Jack a dull boy. "
        .repeat(120)
        .into_bytes()
}

/// A bundle with one page, stored as zstd, and a redirect to it.
fn bundle() -> Vec<u8> {
    let plain = text();
    let stored = zstd::bulk::compress(&plain, 3).unwrap();
    let mut bytes = vec![0; HEADER_BYTES];
    let mut index = IndexBuilder::default();
    let variant = Variant {
        offset: bytes.len() as u64,
        length: stored.len() as u64,
        hash: ContentHash::of(&stored),
        coding: StoredCoding::Zstd,
    };
    bytes.extend(&stored);
    let contents = Section::of_hashed_parts(HEADER_BYTES as u64, stored.len() as u64);
    let content = index
        .add_content(plain.len() as u64, ContentHash::of(&plain), &[variant])
        .unwrap();
    let path = index.add_path("/page.html").unwrap();
    let asset = Target::Asset {
        content,
        media_type: 0,
        cache: CachePolicy::NoCache,
        fields: None,
    };
    let page = index
        .add_entry(path.prefix(PAGE_HTML.len()), asset)
        .unwrap();
    index
        .add_entry(path, Target::Redirect { to: page })
        .unwrap();
    let (tables, shape) = index.build().unwrap();
    let meta = Meta {
        wws_version: "test".to_owned(),
        engine: EngineFingerprint {
            wasmtime: String::new(),
            settings: 0,
            target: String::new(),
            cpu: String::new(),
            concurrency: false,
        },
        layout: meta::Layout::Site,
        layout_reason: String::new(),
        prefix: String::new(),
        modified: None,
        media_types: vec!["text/html; charset=utf-8".to_owned()],
        not_found_depth: None,
        site: meta::SiteRecord::default(),
        asset_files: 1,
        index: shape,
        script_engine: None,
        workers: Vec::new(),
    };
    let mut section = |part: &[u8]| {
        let offset = bytes.len() as u64;
        bytes.extend(part);
        Section {
            offset,
            length: part.len() as u64,
            hash: ContentHash::of(part),
        }
    };
    let code = section(b"");
    let tables_section = section(&tables);
    let hashes = section(&block_hashes(&tables));
    let meta = section(&meta.encode().unwrap());
    let rules = section(&SiteRules::default().encode().unwrap());
    let header = Header::new(
        bytes.len() as u64,
        [contents, code, tables_section, hashes, meta, rules],
    )
    .encode();
    bytes[..HEADER_BYTES].copy_from_slice(&header);
    assert!(HEADER_BYTES as u64 <= PAGE);
    bytes
}

async fn edge_over(bundle: Vec<u8>) -> Edge {
    let options = AppOptions {
        prefix: None,
        cors: None,
        limits: limits::LimitOverrides::default(),
        store: Default::default(),
        outbound: Default::default(),
        body_timeout: Duration::from_secs(1),
        admission: Default::default(),
        watch: Default::default(),
    };
    Edge::new(App::open(bundle.leak(), options).await.unwrap())
}

fn request(path: &str, fields: &[(&str, &str)]) -> Request<Empty<Bytes>> {
    let mut request = Request::get(path).header("host", "localhost");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(Empty::new()).unwrap()
}

async fn bytes_of(response: Response<Body>) -> Bytes {
    match response.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_page_is_answered_in_the_stored_coding_or_decoded() {
    let edge = edge_over(bundle()).await;
    let response = edge
        .ask(request(PAGE_HTML, &[("accept-encoding", "zstd")]))
        .await;
    assert_eq!(response.headers()["content-encoding"], "zstd");
    let body = bytes_of(response).await;
    assert_eq!(zstd::bulk::decompress(&body, text().len()).unwrap(), text());
    let response = edge.ask(request(PAGE_HTML, &[])).await;
    assert!(!response.headers().contains_key("content-encoding"));
    assert_eq!(bytes_of(response).await, text());
    let response = edge.ask(request("/page.html?q=1", &[])).await;
    assert_eq!(response.headers()["location"], "/page?q=1");
}

/// Every byte of a bundle matters: with one bit flipped it does not open, or answers with the right
/// bytes, or with 500. (Bytes between sections, which nothing reads, may be anything.)
#[tokio::test]
async fn a_flipped_bit_never_changes_what_is_served() {
    let good = bundle();
    let options = || AppOptions {
        prefix: None,
        cors: None,
        limits: limits::LimitOverrides::default(),
        store: Default::default(),
        outbound: Default::default(),
        body_timeout: Duration::from_secs(1),
        admission: Default::default(),
        watch: Default::default(),
    };
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        let Ok(app) = App::open(bad.leak(), options()).await else {
            continue;
        };
        let edge = Edge::new(app);
        for accept in ["zstd", "identity"] {
            let response = edge
                .ask(request(PAGE_HTML, &[("accept-encoding", accept)]))
                .await;
            if response.status() == 500 {
                continue;
            }
            assert_eq!(response.status(), 200, "byte {at}");
            let body = bytes_of(response).await;
            let plain = match accept {
                "zstd" => zstd::bulk::decompress(&body, text().len()).unwrap(),
                _ => body.to_vec(),
            };
            assert_eq!(plain, text(), "byte {at}");
        }
    }
}

/// What an answer may cost, once the page has been asked for before.
#[tokio::test]
async fn an_asset_costs_a_fixed_number_of_allocations_and_no_copy() {
    let edge = edge_over(bundle()).await;
    for fields in [&[("accept-encoding", "zstd")][..], &[]] {
        drop(edge.ask(request(PAGE_HTML, fields)).await);
        let asked = request(PAGE_HTML, fields);
        let before = ALLOCATIONS.get();
        let response = edge.ask(asked).await;
        let cost = ALLOCATIONS.get() - before;
        assert_eq!(response.status(), 200);
        // The two tables of the header map, the ETag, and the id of the request.
        assert!(cost <= 4, "{cost} allocations with {fields:?}");
    }
}
