//! What may be published: each outcome once, in order, and saying what the live tables say (INV-6). It must never excuse more
//! than what tables that somebody changed by hand had decided.

use crate::oracle::{Naive, Said};
use crate::world::{World, lock};

/// Checks one Kafka transaction as it becomes visible: `entries` after the one at offset `earlier`, for a cursor that moves
/// from `before` to `after`.
pub fn check(
    world: &World,
    partition: i32,
    earlier: Option<i64>,
    entries: &[(i64, Said)],
    before: i64,
    after: i64,
) -> Result<(), String> {
    let log = lock(&world.log);
    let whole = Naive::of(&log.between(partition, 0, log.end(partition)));
    drop(log);
    let mut last = earlier;
    for (offset, said) in entries {
        if last.is_some_and(|last| *offset <= last) {
            return Err(format!("offset {offset} of partition {partition} is published again, after {last:?}"));
        }
        last = Some(*offset);
        check_contents(world, partition, *offset, said, &whole)?;
    }
    let found: Vec<i64> = entries.iter().map(|(offset, _)| *offset).collect();
    let expected: Vec<i64> = whole.said.range(before..after.max(before)).map(|(offset, _)| *offset).collect();
    if found != expected {
        return Err(format!(
            "the cursor of partition {partition} moves from {before} to {after}: expected outcomes of {expected:?}, found {found:?}"
        ));
    }
    let database = lock(&world.database);
    let furthest = usize::try_from(partition).ok().and_then(|partition| database.folded.get(partition).copied());
    if furthest.is_some_and(|furthest| after > furthest) {
        return Err(format!(
            "the cursor of partition {partition} is {after}, and nothing was folded after {furthest:?}"
        ));
    }
    Ok(())
}

fn check_contents(world: &World, partition: i32, offset: i64, said: &Said, whole: &Naive) -> Result<(), String> {
    let database = lock(&world.database);
    let Some(live) = database.live_set() else { return Ok(()) };
    let Some(tables) = live.of(partition) else { return Ok(()) };
    let expected = match tables.said.get(&offset) {
        Some(decided) => decided,
        // The live tables stand before it, and will decide what their log says, unless they hold what it does not say.
        None if live.tampered => return Ok(()),
        None => whole.said.get(&offset).ok_or_else(|| format!("offset {offset} has nothing to publish"))?,
    };
    let lost = usize::try_from(partition).ok().and_then(|partition| database.lost.get(partition)?.get(&offset));
    if said == expected || lost == Some(said) {
        return Ok(());
    }
    Err(format!(
        "offset {offset} of partition {partition} is published as {said:?}, and the live tables (generation {}) say {expected:?}",
        database.live
    ))
}
