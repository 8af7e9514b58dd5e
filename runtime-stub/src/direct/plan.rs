//! What is done for a plain request.

use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Uri, Version};
use http_semantics::{SitePath, X_FORWARDED_HOST};
use http1_framing::PlainGet;

use crate::asset::{self, Chosen};
use crate::edge::{Edge, origin};
use crate::find::{Asked, AssetRef, Destination};
use crate::peer::Peer;
use crate::watch::{Head, Seen};
use crate::worker_call::WorkerTarget;

/// What is done for a plain request.
pub(super) struct Plan<'r> {
    pub(super) target: Target<'r>,
    /// Of the head, in bytes.
    pub(super) length: usize,
    pub(super) seen: Seen,
}

/// What answers it.
pub(super) enum Target<'r> {
    /// An asset in the coding that the client likes best.
    Asset { chosen: Chosen, path: SitePath<'r> },
    /// An asset, for a client with a condition, or to whom more matters.
    AssetFor {
        asset: AssetRef,
        path: SitePath<'r>,
        fields: HeaderMap,
    },
    Worker {
        target: WorkerTarget,
        fields: HeaderMap,
    },
}

/// `None` if that is for the general way.
pub(super) fn plan<'r>(get: &PlainGet<'r, '_>, edge: &Edge, peer: &Peer) -> Option<Plan<'r>> {
    let uri = get.target;
    let (path, query) = match uri.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (uri, None),
    };
    let path = SitePath::parse(path).ok()?;
    // What a host has to do with it, only rules say.
    let has_rules = edge.app().rules.has_redirects();
    if has_rules && says_host(get) && edge.watch().trusts(peer) {
        // That of the client is known once the request is seen to begin, which it can be once only.
        return None;
    }
    let asked = Asked {
        path: &path,
        query,
        host: has_rules.then_some(get.host),
    };
    let begin = |fields: &HeaderMap| {
        let head = Head {
            method: &Method::GET,
            uri,
            version: Version::HTTP_11,
            fields,
        };
        edge.watch().begin(&head, peer)
    };
    let (target, seen) = match edge.find(asked).ok()? {
        Destination::Asset(asset) => {
            let chosen = match get.is_conditional || edge.looks_at_clients() {
                true => None,
                // What is damaged, or not acceptable, the other way says.
                false => asset::choose(edge.app(), asset, get.values("accept-encoding"))
                    .ok()
                    .flatten(),
            };
            let fields = match chosen.is_none() || edge.watch().wants_fields(peer) {
                true => all_fields(get)?,
                false => HeaderMap::new(),
            };
            let seen = begin(&fields);
            let target = match chosen {
                Some(chosen) => Target::Asset { chosen, path },
                None => Target::AssetFor {
                    asset,
                    path,
                    fields,
                },
            };
            (target, seen)
        }
        Destination::Worker {
            worker,
            params,
            url: rewritten,
        } => {
            // The http crate has an opinion of its own on targets.
            let url = uri.parse::<PathAndQuery>().ok()?;
            let mut fields = all_fields(get)?;
            let seen = begin(&fields);
            let client = &seen.introduction.client;
            client.set_host(&mut Uri::default(), &mut fields);
            seen.introduction.write(&mut fields);
            let target = WorkerTarget {
                worker,
                origin: origin(client.scheme(), None, &fields),
                url: rewritten.unwrap_or_else(|| url.as_str().to_owned()),
                params,
            };
            (Target::Worker { target, fields }, seen)
        }
        Destination::Redirect(_)
        | Destination::Sent { .. }
        | Destination::Page { .. }
        | Destination::Nothing => return None,
    };
    Some(Plan {
        target,
        length: get.length,
        seen,
    })
}

/// Whether a request says which host its client asked, in a way that a proxy may be believed.
fn says_host(get: &PlainGet<'_, '_>) -> bool {
    let names = [X_FORWARDED_HOST, FORWARDED];
    let is_one = |name: &str| {
        names
            .iter()
            .any(|of| name.eq_ignore_ascii_case(of.as_str()))
    };
    get.fields().any(|(name, _)| is_one(name))
}

fn all_fields(get: &PlainGet<'_, '_>) -> Option<HeaderMap> {
    let fields = get.fields();
    let mut map = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(map)
}
