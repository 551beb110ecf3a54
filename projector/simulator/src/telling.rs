//! What is appended to the log besides what clients append: what partitions tell each other, by their relays, and what the owner of an
//! order's home appends by its clock. Neither is ever part of a transaction, and either may come again, or late. It must never append
//! what nobody sent.

use std::time::Duration;

use ledger_fold::Partition;
use ledger_schema::wire::{Event, encode};
use ledger_schema::{LineDecision, LineStep, LineTarget};

use crate::ask::{Ask, HOLD_SECONDS, PRODUCTS, Step, Told};
use crate::settings::Mutant;
use crate::world::{Lost, Request, World, lock};

/// How often the owners look what is due.
const TICK: Duration = Duration::from_secs(1);
/// A line that is pending for so long is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// Appends each of these, acknowledged, in order; or some of them, when something goes wrong.
///
/// # Errors
/// [`Lost`]: nobody can say which of them stand.
pub(crate) async fn tell(world: &World, who: &str, values: Vec<Vec<u8>>) -> Result<(), Lost> {
    for value in values {
        world.step(who, "telling").await?;
        match world.request(who, "what is told").await {
            Request::Answered => append(world, &value),
            Request::Unanswered => {
                append(world, &value);
                return Err(Lost);
            }
            Request::Late => {
                lock(&world.broker).late_told.push(value);
                world.has_changed();
                return Err(Lost);
            }
            Request::Dropped => return Err(Lost),
        }
    }
    Ok(())
}

/// What the brokers do with it.
pub(crate) fn append(world: &World, value: &[u8]) {
    let mut log = lock(&world.log);
    let Some(told) = Told::read(value, &log.products) else {
        drop(log);
        return world.violated(|| format!("a relay appends what nobody knows: {}", String::from_utf8_lossy(value)));
    };
    let released = told.step == Step::Released;
    if released && world.has(Mutant::ReleasePastTheLog) {
        let name = log.products.get(told.product).cloned().unwrap_or_default();
        drop(log);
        let Ok(product) = ledger_schema::ProductId::parse(&name) else { return };
        let mut database = lock(&world.database);
        let live = database.live;
        let tables = database.sets.get_mut(&live).and_then(|set| set.partitions.get_mut(told.product / PRODUCTS));
        if let Some(tables) = tables {
            tables.add_past_the_log(&product, told.quantity);
        }
        return;
    }
    if released && world.has(Mutant::ReleaseNotTold) {
        return;
    }
    let partition = i32::try_from(told.addressee() / PRODUCTS).unwrap_or(i32::MAX);
    if !log.append_to(partition, Ask::Told(told)) {
        drop(log);
        return world.violated(|| format!("a relay appends to partition {partition}, which is not there: {told:?}"));
    }
    drop(log);
    world.note(|| format!("told: {told:?}"));
    world.has_changed();
}

/// The owners of all homes, as one: it reads the live tables, and appends what is due by its clock.
pub(crate) async fn own(world: std::sync::Arc<World>) {
    let begun = tokio::time::Instant::now();
    let mut seconds = 0_u64;
    loop {
        tokio::time::sleep(TICK).await;
        seconds += 1;
        let ask_again = seconds.is_multiple_of(ASK_AGAIN.as_secs());
        for number in 0..world.shape.partitions {
            let partition = Partition { number, count: world.shape.partitions };
            expire(&world, number, i64::try_from(begun.elapsed().as_secs()).unwrap_or(i64::MAX));
            if ask_again {
                let database = lock(&world.database);
                let tables = database.live_set().and_then(|set| set.of(number));
                let asked = tables.map(|tables| tables.asked_again(partition)).unwrap_or_default();
                drop(database);
                for entry in asked {
                    append(&world, &encode(&Event::LineTold(entry.event)));
                }
            }
        }
    }
}

/// Orders were placed when the schedule began, so their holds end [`HOLD_SECONDS`] later.
fn expire(world: &World, partition: i32, now: i64) {
    if now < HOLD_SECONDS {
        return;
    }
    let database = lock(&world.database);
    let tables = database.live_set().and_then(|set| set.of(partition));
    let held = tables.map(crate::tables::PartitionTables::open_orders).unwrap_or_default();
    drop(database);
    let mut log = lock(&world.log);
    for row in held.iter().filter(|row| row.state.stage() == ledger_fold::Stage::Held) {
        let home = log.products.iter().position(|name| name == row.order.product_id().as_str());
        let id = u32::try_from(row.order.order_id().as_uuid().as_u128() & 0xffff_ffff).unwrap_or(u32::MAX);
        if let Some(home) = home {
            log.append_to(partition, Ask::Expire { id, home, after: now });
        }
    }
    let appended = !held.is_empty();
    drop(log);
    if appended {
        world.has_changed();
    }
}

/// After a swap: every line that is taken, and that no open order wants, is reported to its home once more.
pub(crate) fn settle(world: &World) {
    let database = lock(&world.database);
    let Some(live) = database.live_set() else { return };
    let mut values = Vec::new();
    for (number, tables) in (0..).zip(&live.partitions) {
        for row in tables.unsettled() {
            let home = live.of(row.key.home_partition);
            let open = home.and_then(|home| home.stage(row.key.order_id));
            let wanted = matches!(open, Some(ledger_fold::Stage::Pending | ledger_fold::Stage::Held));
            let home_product = home.and_then(|home| home.home_product(row.key.order_id));
            let Some(home_product_id) = home_product.filter(|_| !wanted) else { continue };
            let target = LineTarget {
                order_id: row.key.order_id,
                line_no: row.key.line_no,
                home_product_id,
                product_id: row.product_id.clone(),
                quantity: row.quantity,
            };
            let cause = ledger_schema::EventId {
                cause: ledger_schema::Position { partition: number, offset: row.offset },
                index: 0,
            };
            let step = LineStep::Decided(LineDecision::Reserved);
            values.push(encode(&Event::LineTold(ledger_schema::LineEvent { cause, target, step })));
        }
    }
    drop(database);
    values.iter().for_each(|value| append(world, value));
}
