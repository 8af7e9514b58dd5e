//! `--cors`: which other origins may read what this app answers.

use clap::Args;
use site_rules::{CorsError, OriginError, Origins, parse_origin};

/// Flags for other origins.
#[derive(Args, Debug, Clone)]
pub(super) struct CorsArgs {
    /// An origin whose pages may read what this app answers, such as https://app.example.com, or * for
    /// all; may be given several times, or with commas between
    #[arg(
        long,
        env = "WWS_CORS",
        value_delimiter = ',',
        value_parser = origin_or_nothing,
        value_name = "ORIGIN"
    )]
    cors: Vec<String>,
}

/// A variable that is set to nothing says nothing.
fn origin_or_nothing(text: &str) -> Result<String, OriginError> {
    match text.trim() {
        "" => Ok(String::new()),
        text => parse_origin(text),
    }
}

impl CorsArgs {
    /// In place of what the site says; `None` if nothing was given.
    pub(super) fn settle(mut self) -> Result<Option<Origins>, CorsError> {
        self.cors.retain(|origin| !origin.is_empty());
        match self.cors.is_empty() {
            true => Ok(None),
            false => Origins::of_list(self.cors).map(Some),
        }
    }
}
