//! Servers that answer in every way they can.

mod answers;
mod exchanges;
mod lookups;
mod message;
mod server;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::Started;
use super::failure::Failure;
use super::hosts::Hosts;
use super::settings::Settings;

/// Long enough for an answer on a busy machine, short enough to wait for one that never comes.
const SHORT: Duration = Duration::from_millis(300);

/// Asks these servers, once each.
fn asking(servers: &[SocketAddr]) -> Settings {
    Settings {
        servers: servers.to_vec(),
        attempts: 1,
        ..Settings::asking(servers[0])
    }
}

fn started(settings: Settings) -> Started {
    Started::new(settings, Hosts::default())
}

async fn addresses(started: &Started, name: &str) -> Result<Vec<String>, Failure> {
    let found = started.addresses(name).await?;
    Ok(found.iter().map(IpAddr::to_string).collect())
}

/// Why there is none, in words.
async fn failure(started: &Started, name: &str) -> String {
    started.addresses(name).await.unwrap_err().to_string()
}
