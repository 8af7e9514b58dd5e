//! Increments each second, by one task and by 64, in the stores that are named:
//! `cargo run --release -p kv --example increments -- memory FILE redis://…`

use std::time::{Duration, Instant};

use kv::{Location, Namespace, Store};
use tokio::task::JoinSet;

const TIME: Duration = Duration::from_secs(2);

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    for text in std::env::args().skip(1) {
        let store = Store::open(&Location::parse(&text)?).await?;
        for tasks in [1, 64] {
            let space = store.namespace("increments");
            let count = count(&space, tasks).await?;
            println!("{text}: {tasks} tasks: {count:.0}/s");
        }
    }
    Ok(())
}

async fn count(space: &Namespace, tasks: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let begin = Instant::now();
    let mut running: JoinSet<Result<u32, kv::KvError>> = JoinSet::new();
    for _ in 0..tasks {
        let space = space.clone();
        running.spawn(async move {
            let mut count = 0;
            while begin.elapsed() < TIME {
                space.increment(b"count", 1).await?;
                count += 1;
                // In memory nothing ever waits, and the others are to have their turn.
                tokio::task::yield_now().await;
            }
            Ok(count)
        });
    }
    let mut sum = 0.0;
    while let Some(count) = running.join_next().await {
        sum += f64::from(count??);
    }
    Ok(sum / begin.elapsed().as_secs_f64())
}
