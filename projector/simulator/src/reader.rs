//! Somebody who reads the live tables, as the services do: one statement that also looks how far these tables ever were. It
//! must never be shown an older state than it has seen (INV-13).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::settings::Mutant;
use crate::world::{World, lock};

/// Between two readings.
const PAUSE: Duration = Duration::from_millis(150);

/// Reads for as long as the schedule lasts.
pub async fn read(world: Arc<World>) {
    let (mut seen, mut losses) = (BTreeMap::new(), 0);
    loop {
        tokio::time::sleep(PAUSE).await;
        let database = lock(&world.database);
        if database.losses != losses {
            // How far the tables were is lost with them.
            losses = database.losses;
            seen.clear();
        }
        if database.renaming {
            continue;
        }
        let positions = database.live_set().map(crate::tables::TableSet::positions).unwrap_or_default();
        let furthest = database.furthest.clone();
        drop(database);
        for ((partition, position), furthest) in positions.into_iter().zip(furthest) {
            if position < furthest && !world.has(Mutant::ReaderForgets) {
                // 503: the tables stand before what somebody may have observed.
                continue;
            }
            let before = seen.insert(partition, position).unwrap_or(0);
            if position < before {
                world.violated(|| {
                    format!("a reader is shown partition {partition} at position {position}, and has seen {before}")
                });
            }
        }
    }
}
