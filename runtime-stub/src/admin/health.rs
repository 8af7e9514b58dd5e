//! Whether the app is ready: who sends requests to several of them asks before.

use std::time::Duration;

use crate::app::App;

/// How long the store may take to answer.
const PROBE_TIME_MAX: Duration = Duration::from_secs(2);

/// Why the app is not ready; nothing if it is.
pub(super) async fn obstacles(app: &App) -> Vec<String> {
    let mut obstacles = Vec::new();
    if app.watch.is_draining() {
        obstacles.push("it ends".to_owned());
    }
    if !app.watch.is_loaded() {
        obstacles.push("its workers are being loaded".to_owned());
    }
    match tokio::time::timeout(PROBE_TIME_MAX, app.surroundings.probe_store()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => obstacles.push(error.to_string()),
        Err(_) => obstacles.push("the key-value store does not answer".to_owned()),
    }
    obstacles
}
