//! How pages get their paths: `html` of `[site]`.

use serde::{Deserialize, Serialize};

/// How the paths of HTML files are made from their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HtmlMode {
    /// `about.html` at `/about`, `docs/index.html` at `/docs/`.
    #[default]
    Auto,
    /// Both with a slash at the end.
    ForceSlash,
    /// Both without.
    DropSlash,
    /// Every file at its own name only.
    None,
}

impl HtmlMode {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Auto, Self::ForceSlash, Self::DropSlash, Self::None];

    /// As it is written in `wws.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ForceSlash => "force-slash",
            Self::DropSlash => "drop-slash",
            Self::None => "none",
        }
    }

    /// The mode of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}
