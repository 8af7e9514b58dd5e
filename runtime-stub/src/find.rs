//! From a path to what answers it: one lookup, and on a miss a few rules more.
//!
//! Order: exact worker, asset, `[id]`, `[...rest]` (exact workers and assets are in the index,
//! which holds the winner), then the same path without its slash at the end. A rule of `_redirects`
//! holds where none of them does, or before all of them if it says so.

use bundle_format::index::{CachePolicy, ContentId, EntryId, FieldSetId, Target};
use bundle_format::{Bundle, Damage, Meta};
use http_semantics::{SitePath, encode_path};
use site_rules::{Effect, Found, HtmlMode};

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
        /// What it is told instead of the target of the request, if a rule has rewritten it.
        url: Option<String>,
    },
    /// A rule sends the client on.
    Sent { status: u16, location: String },
    /// A rule shows a page with this status; without one, there is none.
    Page {
        status: u16,
        asset: Option<AssetRef>,
    },
    /// Nothing does.
    Nothing,
}

/// An asset, as the index names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AssetRef {
    pub(crate) content: ContentId,
    pub(crate) media_type: u16,
    pub(crate) cache: CachePolicy,
    pub(crate) fields: Option<FieldSetId>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'r> {
    /// With the prefix.
    pub(crate) path: &'r SitePath<'r>,
    pub(crate) query: Option<&'r str>,
    /// Perhaps with a port.
    pub(crate) host: Option<&'r str>,
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
        Target::Asset { .. } => match asset(target) {
            Some(asset) => Destination::Asset(asset),
            None => Destination::Nothing,
        },
        Target::Redirect { to } => Destination::Redirect(entry_path(bundle, to)?),
        Target::Worker { worker } => Destination::Worker {
            worker: worker as usize,
            params: Vec::new(),
            url: None,
        },
    })
}

fn asset(target: Target) -> Option<AssetRef> {
    match target {
        Target::Asset {
            content,
            media_type,
            cache,
            fields,
        } => Some(AssetRef {
            content,
            media_type,
            cache,
            fields,
        }),
        Target::Redirect { .. } | Target::Worker { .. } => None,
    }
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
            Some(Destination::Worker {
                worker,
                params,
                url: None,
            })
        })
}

/// `/about/` leads to `/about` if there is something.
fn without_slash(bundle: &Bundle, path: &SitePath<'_>) -> Result<Destination, Damage> {
    let trimmed = path.as_str().trim_end_matches('/');
    if trimmed.is_empty() || trimmed.len() == path.as_str().len() {
        return Ok(Destination::Nothing);
    }
    // Where every file has its own name only, nothing else leads to it.
    let is_wanted = |target| {
        bundle.meta().site.html != HtmlMode::None || matches!(target, Target::Worker { .. })
    };
    Ok(match bundle.index().find(trimmed)? {
        Some((_, entry)) if is_wanted(entry.target) => Destination::Redirect(trimmed.to_owned()),
        _ => Destination::Nothing,
    })
}

/// What a rule leads to, below `prefix`.
pub(crate) fn follow(
    bundle: &Bundle,
    found: &Found<'_>,
    prefix: &str,
    query: Option<&str>,
) -> Result<Destination, Damage> {
    match found.rule.effect {
        Effect::Send(status) => Ok(match found.location(prefix, query) {
            Some(location) => Destination::Sent { status, location },
            None => Destination::Nothing,
        }),
        Effect::Rewrite => rewrite(bundle, found, prefix, query),
        Effect::Page(status) => {
            let path = found.rewritten().map(|to| to.path);
            let path = path.as_deref().and_then(|path| SitePath::parse(path).ok());
            let asset = match path {
                Some(path) => find_page(bundle, path.as_str())?,
                None => None,
            };
            Ok(Destination::Page { status, asset })
        }
    }
}

/// What is at the path that a rule gives, without any rule.
fn rewrite(
    bundle: &Bundle,
    found: &Found<'_>,
    prefix: &str,
    query: Option<&str>,
) -> Result<Destination, Damage> {
    let Some(to) = found.rewritten() else {
        return Ok(Destination::Nothing);
    };
    let Ok(path) = SitePath::parse(&to.path) else {
        return Ok(Destination::Nothing);
    };
    let mut destination = find(bundle, &path)?;
    // Nobody is sent from a page to its own path: it is answered here.
    if let Destination::Redirect(path) = &destination {
        let encoded = encode_path(path);
        destination = match SitePath::parse(&encoded) {
            Ok(path) => find(bundle, &path)?,
            Err(_) => Destination::Nothing,
        };
    }
    if let Destination::Worker { url, .. } = &mut destination {
        let mut text = format!("{}{}", encode_path(prefix), to.path);
        if let Some(query) = to.query.as_deref().or(query) {
            text.push('?');
            text.push_str(query);
        }
        *url = Some(text);
    }
    Ok(destination)
}

/// The page at a path, or at the one that it leads to.
pub(crate) fn find_page(bundle: &Bundle, path: &str) -> Result<Option<AssetRef>, Damage> {
    match bundle.index().find(path)? {
        Some((_, entry)) => Ok(asset(bundle.resolve(entry)?.target)),
        None => Ok(None),
    }
}

/// Whether a path may be one of an app in the browser: one that names a file which is no page is not.
pub(crate) fn may_be_view(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    match last.rsplit_once('.') {
        Some((_, extension)) => matches!(extension, "html" | "htm"),
        None => true,
    }
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
        if let Some(page) = find_page(bundle, &page)? {
            return Ok(Some(page));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_file_is_no_view_of_an_app() {
        for path in ["/", "/users/7", "/users/", "/a.b/c", "/page.html", "/v1.2/"] {
            assert!(may_be_view(path), "{path}");
        }
        for path in [
            "/app.js",
            "/a/b.css",
            "/img/x.min.png",
            "/.well-known/x.json",
            "/users/john.doe",
        ] {
            assert!(!may_be_view(path), "{path}");
        }
    }
}
