//! What may be published: each outcome once, in order, and saying what the live tables say (INV-6). It must never excuse more
//! than what tables that somebody changed by hand had decided.

use crate::oracle::{Naive, Place, Said};
use crate::world::{World, lock};

/// Checks one Kafka transaction as it becomes visible: `entries` after the one at `earlier`, for a cursor that moves from `before` to
/// `after`.
pub fn check(
    world: &World,
    partition: i32,
    earlier: Option<Place>,
    entries: &[(Place, Said)],
    before: i64,
    after: i64,
) -> Result<(), String> {
    let log = lock(&world.log);
    let whole = Naive::of(partition, &log.between(partition, 0, log.end(partition)));
    let mut last = earlier;
    for (place, said) in entries {
        if last.is_some_and(|last| *place <= last) {
            return Err(format!("entry {place:?} of partition {partition} is published again, after {last:?}"));
        }
        last = Some(*place);
        check_contents(world, partition, *place, said, &whole)?;
    }
    check_told(world, partition, &whole, before, after, &log)?;
    drop(log);
    // Tables that were changed by hand may decide with other outcomes, more or fewer; each was held against them above.
    if !lock(&world.database).was_tampered {
        let found: Vec<Place> = entries.iter().map(|(place, _)| *place).collect();
        let covered = (before, 0)..(after.max(before), 0);
        let expected: Vec<Place> = whole.said.range(covered).map(|(place, _)| *place).collect();
        if found != expected {
            return Err(format!(
                "the cursor of partition {partition} moves from {before} to {after}: expected outcomes of {expected:?}, found {found:?}"
            ));
        }
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

/// What the live tables tell other partitions stands in their logs before the cursor covers it.
fn check_told(
    world: &World,
    partition: i32,
    whole: &Naive,
    before: i64,
    after: i64,
    log: &crate::log::Log,
) -> Result<(), String> {
    // What tables that were changed by hand tell is another thing.
    if lock(&world.database).was_tampered {
        return Ok(());
    }
    for (place, told) in whole.told.range((before, 0)..(after.max(before), 0)) {
        if !log.holds(told) {
            return Err(format!(
                "the cursor of partition {partition} moves to {after}, and {told:?} of {place:?} is told nobody"
            ));
        }
    }
    Ok(())
}

fn check_contents(world: &World, partition: i32, place: Place, said: &Said, whole: &Naive) -> Result<(), String> {
    let database = lock(&world.database);
    let Some(live) = database.live_set() else { return Ok(()) };
    let Some(tables) = live.of(partition) else { return Ok(()) };
    let expected = match tables.said.get(&place) {
        Some(decided) => decided,
        // The live tables stand before it, and will decide what their log says, unless they hold what it does not say.
        None if live.tampered => return Ok(()),
        None => whole.said.get(&place).ok_or_else(|| format!("{place:?} has nothing to publish"))?,
    };
    let lost = usize::try_from(partition).ok().and_then(|partition| database.lost.get(partition)?.get(&place));
    if said == expected || lost == Some(said) {
        return Ok(());
    }
    Err(format!(
        "entry {place:?} of partition {partition} is published as {said:?}, and the live tables (generation {}) say {expected:?}",
        database.live
    ))
}
