//! From a path to what answers it: one lookup, and on a miss a few rules more.
//!
//! Order: exact worker, asset, `[id]`, `[...rest]` (exact workers and assets are in the index,
//! which holds the winner), then the same path without its slash at the end.

use bundle_format::index::{CachePolicy, ContentId, EntryId, Target};
use bundle_format::{Bundle, Damage, Meta};
use http_semantics::SitePath;

/// What answers a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The bytes of a file.
    Asset(AssetRef),
    /// The client is sent to this path, decoded, without prefix.
    Redirect(String),
    /// A worker, by its place in the meta section, with its parameters.
    Worker {
        worker: usize,
        params: Vec<(String, String)>,
    },
    /// Nothing does.
    Nothing,
}

/// An asset, as the index names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AssetRef {
    pub(crate) content: ContentId,
    pub(crate) media_type: u16,
    pub(crate) cache: CachePolicy,
}

/// Finds what answers `path`.
pub(crate) fn find(bundle: &Bundle, path: &SitePath<'_>) -> Result<Destination, Damage> {
    if let Some((_, entry)) = bundle.index().find(path.as_str())? {
        return destination(bundle, entry.target);
    }
    if let Some(destination) = find_pattern(bundle.meta(), path) {
        return Ok(destination);
    }
    without_slash(bundle, path)
}

fn destination(bundle: &Bundle, target: Target) -> Result<Destination, Damage> {
    Ok(match target {
        Target::Asset {
            content,
            media_type,
            cache,
        } => Destination::Asset(AssetRef {
            content,
            media_type,
            cache,
        }),
        Target::Redirect { to } => Destination::Redirect(entry_path(bundle, to)?),
        Target::Worker { worker } => Destination::Worker {
            worker: worker as usize,
            params: Vec::new(),
        },
    })
}

fn entry_path(bundle: &Bundle, id: EntryId) -> Result<String, Damage> {
    bundle.path(id).map(str::to_owned)
}

/// The first pattern that matches; a path with a slash at its end is sent to the one without,
/// unless the pattern takes whatever comes.
fn find_pattern(meta: &Meta, path: &SitePath<'_>) -> Option<Destination> {
    let segments: Vec<&str> = path.segments().collect();
    meta.workers
        .iter()
        .enumerate()
        .find_map(|(worker, record)| {
            let params = record.route.matches(&segments)?;
            let trimmed = path.as_str().trim_end_matches('/');
            if trimmed.len() < path.as_str().len()
                && !record.route.takes_rest()
                && !trimmed.is_empty()
            {
                return Some(Destination::Redirect(trimmed.to_owned()));
            }
            let params = params
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            Some(Destination::Worker { worker, params })
        })
}

/// `/about/` leads to `/about` if there is something.
fn without_slash(bundle: &Bundle, path: &SitePath<'_>) -> Result<Destination, Damage> {
    let trimmed = path.as_str().trim_end_matches('/');
    if trimmed.is_empty() || trimmed.len() == path.as_str().len() {
        return Ok(Destination::Nothing);
    }
    Ok(match bundle.index().find(trimmed)? {
        Some(_) => Destination::Redirect(trimmed.to_owned()),
        None => Destination::Nothing,
    })
}

/// The nearest `404.html`, from the folder of `path` upwards.
pub(crate) fn find_not_found_page(bundle: &Bundle, path: &str) -> Result<Option<AssetRef>, Damage> {
    let Some(depth_max) = bundle.meta().not_found_depth else {
        return Ok(None);
    };
    let folders: Vec<usize> = path
        .match_indices('/')
        .map(|(at, _)| at)
        .take(depth_max as usize + 1)
        .collect();
    for end in folders.into_iter().rev() {
        let page = format!("{}/404.html", &path[..end]);
        if let Some((_, entry)) = bundle.index().find(&page)?
            && let Target::Asset {
                content,
                media_type,
                cache,
            } = bundle.resolve(entry)?.target
        {
            return Ok(Some(AssetRef {
                content,
                media_type,
                cache,
            }));
        }
    }
    Ok(None)
}
