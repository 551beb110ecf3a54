//! How a moment of the servers is shown to whoever reads a schedule. It must never change anything.

use crate::world::{World, lock};

/// Positions of all generations, and the cursors.
pub fn positions(world: &World) -> String {
    let database = lock(&world.database);
    let set = |(number, set): (&i32, &crate::tables::TableSet)| {
        let live = if *number == database.live { " (live)" } else { "" };
        let positions: Vec<String> = set.partitions.iter().map(|tables| tables.position.to_string()).collect();
        format!("generation {number}{live} at {}", positions.join(" "))
    };
    let sets: Vec<String> = database.sets.iter().map(set).collect();
    sets.join(", ")
}
