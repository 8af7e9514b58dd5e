//! What an asset is and how long it may be kept, told by its name.

use bundle_format::index::CachePolicy;

/// The `Content-Type` of a file; text that is UTF-8 says so, other text leaves it to the file.
pub fn media_type(name: &str, is_utf8: bool) -> String {
    let extension = extension(name);
    let base = match extension.as_str() {
        // mime_guess knows older names, or none.
        "js" | "mjs" | "cjs" => "text/javascript".to_owned(),
        "wasm" => "application/wasm".to_owned(),
        "webmanifest" => "application/manifest+json".to_owned(),
        "md" => "text/markdown".to_owned(),
        "map" => "application/json".to_owned(),
        "ico" => "image/x-icon".to_owned(),
        _ => mime_guess::from_ext(&extension)
            .first_or_octet_stream()
            .essence_str()
            .to_owned(),
    };
    let is_text = base.starts_with("text/")
        || matches!(
            base.as_str(),
            "application/json" | "application/manifest+json" | "image/svg+xml"
        )
        || base.ends_with("/xml");
    if is_text && is_utf8 {
        format!("{base}; charset=utf-8")
    } else {
        base
    }
}

/// How long a client may keep a file without asking.
pub fn cache_policy(name: &str) -> CachePolicy {
    let extension = extension(name);
    if matches!(extension.as_str(), "html" | "htm") {
        CachePolicy::NoCache
    } else if has_content_hash(name) {
        CachePolicy::Immutable
    } else if extension == "json" {
        CachePolicy::NoCache
    } else {
        CachePolicy::Revalidate
    }
}

fn extension(name: &str) -> String {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.rsplit_once('.')
        .map_or(String::new(), |(_, extension)| {
            extension.to_ascii_lowercase()
        })
}

/// Folders into which build tools only write files with hashed names.
const HASHED_FOLDERS: [&str; 4] = ["assets/", "_astro/", "_app/immutable/", "_next/static/"];

/// Whether a build tool put a hash of the contents into the name: `app.3f9c2b1a.js`, or, where
/// such tools write, `assets/index-BkX3q9Qz.js`.
///
/// A wrong yes pins an old file for a year, so a date (`report-20240115.pdf`) and a word are none.
fn has_content_hash(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let Some((stem, _)) = file.rsplit_once('.') else {
        return false;
    };
    // The first part is the name itself.
    let is_hex = stem.split(['.', '-', '_']).skip(1).any(is_hex_hash);
    let in_hashed_folder = HASHED_FOLDERS
        .iter()
        .any(|f| name.starts_with(f) || name.contains(&format!("/{f}")));
    let tail = stem.len().checked_sub(9).and_then(|at| stem.get(at..));
    is_hex || (in_hashed_folder && tail.is_some_and(is_base64_hash))
}

fn is_hex_hash(part: &str) -> bool {
    (8..=64).contains(&part.len())
        && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && part.bytes().any(|b| b.is_ascii_digit())
        && part.bytes().any(|b| b.is_ascii_lowercase())
}

/// A separator and eight digits of base64url, with capitals or digits where no word has them.
fn is_base64_hash(tail: &str) -> bool {
    let Some(digits) = tail.strip_prefix(['-', '.']) else {
        return false;
    };
    digits
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && digits.bytes().any(|b| b.is_ascii_lowercase())
        && digits
            .bytes()
            .skip(1)
            .any(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_the_registered_ones_with_charset_for_text() {
        #[track_caller]
        fn check(name: &str, want: &str) {
            assert_eq!(media_type(name, true), want);
        }
        check("index.html", "text/html; charset=utf-8");
        check("a/APP.JS", "text/javascript; charset=utf-8");
        check("a.mjs", "text/javascript; charset=utf-8");
        check("style.css", "text/css; charset=utf-8");
        check("a.json", "application/json; charset=utf-8");
        check("feed.xml", "text/xml; charset=utf-8");
        check("logo.svg", "image/svg+xml; charset=utf-8");
        check("a.wasm", "application/wasm");
        check("a.woff2", "font/woff2");
        check("photo.png", "image/png");
        check(
            "site.webmanifest",
            "application/manifest+json; charset=utf-8",
        );
        check("LICENSE", "application/octet-stream");
        check("a.b/c", "application/octet-stream");
        assert_eq!(media_type("latin1.html", false), "text/html");
    }

    #[test]
    fn only_hashed_names_are_kept_for_ever() {
        #[track_caller]
        fn check(name: &str, want: CachePolicy) {
            assert_eq!(cache_policy(name), want, "{name}");
        }
        check("index.html", CachePolicy::NoCache);
        check("data.json", CachePolicy::NoCache);
        check("page.3f9c2b1a.html", CachePolicy::NoCache);
        check("style.css", CachePolicy::Revalidate);
        check("app.3f9c2b1a.js", CachePolicy::Immutable);
        check("a/rustdoc-84e720fa.css", CachePolicy::Immutable);
        check("data.3f9c2b1a.json", CachePolicy::Immutable);
        check("assets/index-BkX3q9Qz.js", CachePolicy::Immutable);
        check("shop/_astro/about.Dw_3kTq9.css", CachePolicy::Immutable);
        check("index-BkX3q9Qz.js", CachePolicy::Revalidate);
        check("report-20240115.pdf", CachePolicy::Revalidate);
        check("assets/my-document.pdf", CachePolicy::Revalidate);
        check("3f9c2b1a.js", CachePolicy::Revalidate);
        check("deadbeef", CachePolicy::Revalidate);
    }
}
