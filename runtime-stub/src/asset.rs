//! Answers from stored files: RFC 9110 for a static origin.
//!
//! The steps, in order: choose a coding, check the preconditions against that coding's ETag, cut
//! ranges, add the fields that every answer owes. Stored bytes that the client accepts go out as
//! they lie in mapped memory.

use bundle_format::index::{CachePolicy, Content, StoredCoding, Variant, VariantId};
use bundle_format::{ContentHash, Damage};
use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::Body as _;
use http_semantics::{
    AssetMethod, ByteRange, Coding, MultipartLayout, RangeSet, Validators, Verdict, choose_coding,
    content_range, evaluate, if_range_allows, parse_range, unsatisfied_content_range,
};

use crate::app::App;
use crate::body::Body;
use crate::find::AssetRef;
use crate::head::{Length, RenderedHead};
use crate::refusal::Refusal;
use crate::rules::Fields;
use crate::worker_call::OfWorker;

/// Work on more bytes than this (hashing, decoding) leaves the threads that serve connections.
const INLINE_BYTES_MAX: u64 = 256 << 10;

/// Contents have at most one variant of each coding.
const CODINGS: usize = 3;

/// Why an asset could not be served as stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssetError {
    #[error(transparent)]
    Damage(#[from] Damage),
    #[error("the thread that was to decode it is gone")]
    Thread,
}

/// A representation of an asset, chosen and not yet read.
#[derive(Clone, Copy)]
pub(crate) struct Chosen {
    asset: AssetRef,
    content: Content,
    coding: Coding,
    /// Where it is stored; plain bytes may have to be decoded.
    stored: Option<(VariantId, Variant)>,
    /// Whether another client could get another coding.
    negotiated: bool,
}

/// One representation of an asset.
struct Selected<'a> {
    coding: Coding,
    etag: EntityTag,
    bytes: Bytes,
    negotiated: bool,
    /// What the site's rules do to the fields.
    fields: Option<&'a Fields>,
}

/// What a plain GET is answered with: no condition, no range.
pub(crate) struct PlainAnswer {
    pub(crate) head: RenderedHead,
    pub(crate) bytes: Bytes,
    hash: ContentHash,
}

impl PlainAnswer {
    pub(crate) fn etag(&self) -> EntityTag {
        EntityTag::new(&self.hash)
    }
}

/// Answers a plain GET: as [`respond`], with a head that was made before if there is one.
pub(crate) async fn plain(app: &App, chosen: Chosen) -> Result<PlainAnswer, AssetError> {
    let bytes = chosen.read(app).await?;
    let render = || {
        let selected = chosen.selected(app, bytes.clone())?;
        let response = with_ranges(app, chosen.asset, &selected, RangeSet::Whole);
        let length = Length::Of(bytes.len() as u64);
        Ok::<_, AssetError>(RenderedHead::new(
            response.status(),
            response.headers(),
            length,
        ))
    };
    Ok(PlainAnswer {
        head: app.heads.of(chosen.asset, chosen.coding, render)?,
        hash: chosen.hash(),
        bytes,
    })
}

/// Answers a GET, HEAD or OPTIONS for an asset.
pub(crate) async fn respond(
    app: &App,
    asset: AssetRef,
    method: AssetMethod,
    request: &HeaderMap,
) -> Result<Response<Body>, AssetError> {
    if method == AssetMethod::Options {
        return Ok(options());
    }
    let Some(selected) = select(app, asset, request).await? else {
        return Ok(not_acceptable());
    };
    let validators = Validators {
        etag: selected.etag.as_str(),
        last_modified: app.modified,
    };
    match evaluate(true, request, &validators) {
        Verdict::NotModified => return Ok(not_modified(app, asset, &selected)),
        Verdict::Failed => return Ok(Refusal::PreconditionFailed.response().map(Body::from)),
        Verdict::Proceed => {}
    }
    let ranges = match request.get(RANGE) {
        // Only GET has ranges (RFC 9110, 14.2).
        Some(value) if method == AssetMethod::Get && if_range_allows(request, &validators) => {
            parse_range(value.as_bytes(), selected.bytes.len() as u64)
        }
        _ => RangeSet::Whole,
    };
    let mut response = with_ranges(app, asset, &selected, ranges);
    if method == AssetMethod::Head {
        drop_body(&mut response);
    }
    Ok(response)
}

/// Answers with a page of the site for a path that leads nowhere, or nowhere any more; `refusal` where
/// the client accepts no coding of it.
pub(crate) async fn respond_refused(
    app: &App,
    asset: AssetRef,
    request: &HeaderMap,
    refusal: Refusal,
) -> Result<Response<Body>, AssetError> {
    let Some(selected) = select(app, asset, request).await? else {
        return Ok(refusal.response().map(Body::from));
    };
    let mut response = with_ranges(app, asset, &selected, RangeSet::Whole);
    *response.status_mut() = refusal.status();
    response.headers_mut().remove(ACCEPT_RANGES);
    Ok(response)
}

/// The answer to HEAD: what GET would say, without what it would send.
pub(crate) fn drop_body(response: &mut Response<Body>) {
    // Where GET would have no body either, a length of 0 would be a false one (RFC 9110, 8.6).
    let has_body = !matches!(response.status().as_u16(), 204 | 304);
    let is_of_worker = response.extensions().get::<OfWorker>().is_some();
    // A worker that sends nothing to HEAD may send something to GET.
    let is_known = |length: &u64| has_body && (*length > 0 || !is_of_worker);
    if let Some(length) = response.body().size_hint().exact().filter(is_known) {
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert_with(|| HeaderValue::from(length));
    }
    *response.body_mut() = Body::empty();
}

/// Chooses a coding and gets its bytes; `None` if the client accepts none.
async fn select<'a>(
    app: &'a App,
    asset: AssetRef,
    request: &HeaderMap,
) -> Result<Option<Selected<'a>>, AssetError> {
    let accepted = request.get_all(ACCEPT_ENCODING).iter();
    let Some(chosen) = choose(app, asset, accepted.map(HeaderValue::as_bytes))? else {
        return Ok(None);
    };
    let bytes = chosen.read(app).await?;
    chosen.selected(app, bytes).map(Some)
}

/// Chooses a coding by the values of `Accept-Encoding`; `None` if the client accepts none.
pub(crate) fn choose<'v>(
    app: &App,
    asset: AssetRef,
    accepted: impl Iterator<Item = &'v [u8]>,
) -> Result<Option<Chosen>, AssetError> {
    let content = app.bundle.index().content(asset.content)?;
    let mut offers = [Coding::Identity; CODINGS];
    let mut stored: [Option<(VariantId, Variant)>; CODINGS] = [None; CODINGS];
    let mut count = 0;
    for variant in app.bundle.index().variants(&content) {
        let (id, variant) = variant?;
        if let Some(coding) = wire_coding(variant.coding)
            && count < CODINGS
        {
            offers[count] = coding;
            stored[count] = Some((id, variant));
            count += 1;
        }
    }
    let Some(coding) = choose_coding(accepted, &offers[..count]) else {
        return Ok(None);
    };
    let place = offers[..count].iter().position(|offer| *offer == coding);
    Ok(Some(Chosen {
        asset,
        content,
        coding,
        stored: place.and_then(|place| stored[place]),
        negotiated: count > 0,
    }))
}

impl Chosen {
    /// Of the bytes that are sent.
    fn hash(&self) -> ContentHash {
        self.stored
            .map_or(self.content.hash, |(_, variant)| variant.hash)
    }

    async fn read(&self, app: &App) -> Result<Bytes, AssetError> {
        match self.stored {
            Some((id, variant)) => stored_bytes(app, id, variant).await,
            None => plain_bytes(app, self.asset, self.content).await,
        }
    }

    fn selected<'a>(&self, app: &'a App, bytes: Bytes) -> Result<Selected<'a>, AssetError> {
        Ok(Selected {
            coding: self.coding,
            etag: EntityTag::new(&self.hash()),
            bytes,
            negotiated: self.negotiated,
            fields: app.rules.field_set(&app.bundle, self.asset.fields)?,
        })
    }
}

fn wire_coding(stored: StoredCoding) -> Option<Coding> {
    match stored {
        StoredCoding::Raw => None,
        StoredCoding::Zstd => Some(Coding::Zstd),
        StoredCoding::Brotli => Some(Coding::Brotli),
        StoredCoding::Gzip => Some(Coding::Gzip),
    }
}

/// Stored bytes, hashed before their first use.
async fn stored_bytes(app: &App, id: VariantId, variant: Variant) -> Result<Bytes, AssetError> {
    if variant.length <= INLINE_BYTES_MAX || app.bundle.is_checked(id) {
        return Ok(app.bundle.variant_bytes(id, &variant)?);
    }
    let app = app.shared();
    let work = move || app.bundle.variant_bytes(id, &variant);
    Ok(tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| AssetError::Thread)??)
}

/// The plain bytes: raw where they are stored so, else from the cache, else decoded.
async fn plain_bytes(app: &App, asset: AssetRef, content: Content) -> Result<Bytes, AssetError> {
    let (id, variant) = app.bundle.plain_source(&content)?;
    if variant.coding == StoredCoding::Raw {
        return stored_bytes(app, id, variant).await;
    }
    if let Some(bytes) = app.decoded.cached(asset.content) {
        return Ok(bytes);
    }
    if content.length <= INLINE_BYTES_MAX {
        return Ok(app.decoded.decode(&app.bundle, asset.content, &content)?);
    }
    let app = app.shared();
    let work = move || app.decoded.decode(&app.bundle, asset.content, &content);
    Ok(tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| AssetError::Thread)??)
}

fn with_ranges(
    app: &App,
    asset: AssetRef,
    selected: &Selected<'_>,
    ranges: RangeSet,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let (bytes, length) = (&selected.bytes, selected.bytes.len() as u64);
    if ranges == RangeSet::Unsatisfiable {
        *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        let headers = response.headers_mut();
        fields_of_not_modified(app, asset, selected, headers);
        headers.insert(CONTENT_RANGE, text(unsatisfied_content_range(length)));
        // No cache may give this to a client that asked for something else.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return response;
    }
    representation_fields(app, asset, selected, response.headers_mut());
    match ranges {
        RangeSet::One(range) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            response
                .headers_mut()
                .insert(CONTENT_RANGE, text(content_range(range, length)));
            *response.body_mut() = slice(bytes, range).into();
        }
        RangeSet::Many(ranges) => multipart(selected, ranges, &mut response),
        RangeSet::Whole | RangeSet::Unsatisfiable => {
            *response.body_mut() = bytes.clone().into();
        }
    }
    response
}

/// Ranges lie inside the bytes that they were parsed for.
fn slice(bytes: &Bytes, range: ByteRange) -> Bytes {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(place(range.start())..place(range.end()))
}

fn multipart(selected: &Selected<'_>, ranges: Vec<ByteRange>, response: &mut Response<Body>) {
    // 128 bits of a hash of the content: as unlikely to stand in it as to be guessed.
    let boundary = format!("wws-{}", selected.etag.token());
    // That of the whole, which a rule may have chosen, is that of its parts.
    let media_type = response.headers().get(CONTENT_TYPE).cloned();
    let media_type = media_type.as_ref().and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or("application/octet-stream");
    let length = selected.bytes.len() as u64;
    let layout = MultipartLayout::new(ranges, length, media_type, &boundary);
    let mut parts = std::collections::VecDeque::new();
    for (head, range) in layout.parts() {
        parts.push_back(Bytes::from(head));
        parts.push_back(slice(&selected.bytes, range));
    }
    parts.push_back(Bytes::from(layout.closing()));
    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, text(layout.content_type()));
    *response.body_mut() = Body::parts(parts);
}

/// The fields of a 200 or 206.
fn representation_fields(
    app: &App,
    asset: AssetRef,
    selected: &Selected<'_>,
    headers: &mut HeaderMap,
) {
    headers.reserve(10);
    headers.insert(CONTENT_TYPE, app.media_type(asset.media_type));
    common_fields(app, asset, selected, headers);
    if selected.coding != Coding::Identity {
        headers.insert(
            CONTENT_ENCODING,
            HeaderValue::from_static(selected.coding.token()),
        );
    }
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(fields) = selected.fields {
        fields.apply(headers);
    }
}

/// The fields of an answer that repeats what a 200 would say of the representation, and no more.
fn fields_of_not_modified(
    app: &App,
    asset: AssetRef,
    selected: &Selected<'_>,
    headers: &mut HeaderMap,
) {
    common_fields(app, asset, selected, headers);
    if let Some(fields) = selected.fields {
        fields.apply_to_not_modified(headers);
    }
}

/// The fields that a 304 repeats too (RFC 9110, 15.4.5).
fn common_fields(app: &App, asset: AssetRef, selected: &Selected<'_>, headers: &mut HeaderMap) {
    headers.insert(ETAG, selected.etag.header());
    headers.insert(CACHE_CONTROL, cache_control(asset.cache));
    if selected.negotiated {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    if let Some(date) = &app.modified_header {
        headers.insert(LAST_MODIFIED, date.clone());
    }
}

fn cache_control(policy: CachePolicy) -> HeaderValue {
    HeaderValue::from_static(match policy {
        CachePolicy::NoCache => "no-cache",
        CachePolicy::Revalidate => "public, max-age=0, must-revalidate",
        CachePolicy::Immutable => "public, max-age=31536000, immutable",
    })
}

fn not_modified(app: &App, asset: AssetRef, selected: &Selected<'_>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    fields_of_not_modified(app, asset, selected, response.headers_mut());
    response
}

fn not_acceptable() -> Response<Body> {
    let mut response = Refusal::NotAcceptable.response().map(Body::from);
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

/// What an asset answers to OPTIONS.
pub(crate) fn options() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(http_semantics::ALLOW));
    response
}

fn text(value: String) -> HeaderValue {
    // Digits, and media types that were header values before.
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""))
}

/// A strong entity tag: the hash of the bytes that are sent, in base64url, in quotes.
pub(crate) struct EntityTag([u8; Self::BYTES]);

impl EntityTag {
    /// 128 bits in digits of 6, and two quotes.
    pub(crate) const BYTES: usize = 24;

    fn new(hash: &ContentHash) -> Self {
        const DIGITS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = [b'"'; Self::BYTES];
        let number = u128::from_be_bytes(hash.0);
        for (place, digit) in text[1..Self::BYTES - 1].iter_mut().enumerate() {
            *digit = DIGITS[((number >> (6 * place)) & 63) as usize];
        }
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn token(&self) -> &str {
        self.as_str().trim_matches('"')
    }

    fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static("\"\""))
    }
}
