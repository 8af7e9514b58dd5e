//! `[site.cache]`: how long files are kept.

use super::{get, site};

#[test]
fn the_first_pattern_that_matches_a_file_says_how_long_it_is_kept() {
    let config = "[site.cache]\n\
        \"/assets/private/**\" = \"no-store\"\n\
        \"/assets/**\" = \"public, max-age=31536000, immutable\"\n\
        \"/*.html\" = \"public, max-age=300\"\n\
        \"/*.css\" = \"max-age=1\"\n";
    let site = site()
        .file("assets/a.js", "a")
        .file("assets/private/b.js", "b")
        .file("b.css", "b {}")
        .file("_headers", "/b.css\n  Cache-Control: max-age=2\n")
        .file("wws.toml", config);
    site.both_ways(|app| {
        for (path, want) in [
            ("/assets/a.js", "public, max-age=31536000, immutable"),
            ("/assets/private/b.js", "no-store"),
            // By the name of the file, whatever its path.
            ("/about", "public, max-age=300"),
            ("/", "public, max-age=300"),
            ("/docs/", "no-cache"),
            ("/a.css", "max-age=1"),
            // A rule of `_headers` is stronger.
            ("/b.css", "max-age=2"),
        ] {
            let answer = get(app, path, &[]);
            assert_eq!(
                answer.assert_status(200).field("cache-control"),
                Some(want),
                "{path}"
            );
        }
    });
}
