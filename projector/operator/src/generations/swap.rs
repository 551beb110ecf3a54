//! The swap: one RENAME TABLE puts all tables of a generation in the place of the live ones, which keep theirs under their own
//! number. It is one atomic statement, also when the server dies. Used in both directions: a rebuild swaps a new generation
//! in, a rollback an old one.
//!
//! No projector needs a message: its next compare-and-set misses, since the generation is another, and it continues from the
//! positions that were swapped in. What it must never do is to swap in tables of another log, of another shape, or that
//! are not whole; all of that is checked before.

use std::time::{Duration, Instant};

use ledger_database::Tables;
use ledger_database::{Fault, Watched, fault_of, number_of};
use ledger_failpoints::FailPoint;
use ledger_fold::log_safety::{LogIdentity, LogRefusal, check_identity};
use ledger_schema::LineEvent;
use ledger_store::generations::Live;
use ledger_store::log_check::{LogCheckError, check_complete};
use ledger_store::positions::{self, MoveStatements, PositionStatements, StoredPosition};
use sqlx::{AssertSqlSafe, Executor};

use super::error::{GenerationsError, sql};
use super::guard::Guard;
use super::record::{self, New};
use super::settle::{SettledLog, settle};
use super::shadow;

/// The number under which tables go whose positions never named a generation.
const NOTHING_FOLDED: i32 = 0;
/// Longest that the RENAME is waited for. It waits for locks as long as it is told, and then takes milliseconds; the server gives the
/// guard of a holder that is cut off away after twice this.
const RENAME_LIMIT: Duration = Duration::from_secs(60);
/// MariaDB's numbers of a lock that was not got in time, and of a deadlock: both pass.
const LOCK_WAIT_TIMEOUT: u16 = 1205;
const DEADLOCK: u16 = 1213;

/// How long others may hold the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Attempts, each of which makes new statements on the tables queue up.
    pub attempts: u32,
    /// Longest wait of one attempt.
    pub wait_seconds: u32,
    /// Between attempts, so that what queued up during one gets through; grows to four times this.
    pub pause: Duration,
}

impl Patience {
    /// After an attempt that failed, counted from 1.
    pub fn pause_after(&self, attempt: u32) -> Duration {
        self.pause * attempt.min(4)
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 40, wait_seconds: 1, pause: Duration::from_millis(500) }
    }
}

/// What to swap in.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The log that the tables are a fold of.
    pub topic: &'a str,
    pub identity: &'a LogIdentity,
    /// The generation that is to be live.
    pub target: i32,
    /// Longest wait for whoever holds the tables.
    pub wait_seconds: u32,
}

/// What a swap came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swapped {
    /// `old` is kept under its number; `None` where nothing had been folded.
    Now { old: Option<i32>, took: Duration },
    /// The target was live already: an earlier run did it.
    Before,
}

/// Swaps a generation in, or says that others hold the tables ([`GenerationsError::Busy`]): the caller decides how often it is
/// tried. Relays must not publish meanwhile ([`super::barrier`]).
///
/// Dying just after the RENAME does no harm: the next call finds the target live. [`follow_up`] is to be called in either case.
///
/// # Errors
/// [`GenerationsError`]; the live tables are untouched, but where [`GenerationsError::may_have_swapped`].
pub async fn swap(guard: &mut Guard, plan: &Plan<'_>) -> Result<Swapped, GenerationsError> {
    let connection = guard.connection();
    let live = ledger_store::generations::live(connection, plan.topic).await?;
    if is_live(connection, plan, live.as_ref()).await? {
        return Ok(Swapped::Before);
    }
    // Nobody may change the shape of the tables between the look at them and the RENAME.
    lock_migrations(connection).await?;
    let swapped = swap_locked(connection, plan, live.as_ref()).await;
    // Whether that is answered makes no difference: this lock, too, ends with the connection at the latest.
    drop(connection.execute("DO RELEASE_LOCK(CONCAT('ledger-migrate-', DATABASE()))").await);
    swapped
}

/// What follows a swap of `target`, now or in a run that died before it could: what the partitions of its tables may wait for is told again,
/// and then it is written down that the target is live. In this order: what is not written down is done by the next run. Gives how many
/// lines were told again.
///
/// # Errors
/// [`GenerationsError::NotWrittenDown`].
pub async fn follow_up(
    guard: &mut Guard,
    log: &SettledLog,
    target: i32,
    swapped: Swapped,
    missing: Vec<LineEvent>,
) -> Result<u64, GenerationsError> {
    let failed = |cause| GenerationsError::NotWrittenDown { generation: target, cause: Box::new(cause) };
    let told = settle(guard.connection(), log, missing).await.map_err(failed)?;
    ledger_failpoints::reach(FailPoint::SwapSettled);
    write_down(guard.connection(), target, swapped != Swapped::Before).await.map_err(failed)?;
    Ok(told)
}

async fn write_down(connection: &mut Watched, target: i32, now: bool) -> Result<(), GenerationsError> {
    record::swapped(connection, target, now).await?;
    ledger_failpoints::reach(FailPoint::SwapWrittenDown);
    drop_what_nothing_was_folded_into(connection).await
}

/// Whether the target is live. Tables that still bear its number would be others, of the same number.
async fn is_live(connection: &mut Watched, plan: &Plan<'_>, live: Option<&Live>) -> Result<bool, GenerationsError> {
    if live.is_none_or(|live| live.generation != plan.target) {
        return Ok(false);
    }
    let left = shadow::existing(connection, &Tables::of_generation(plan.target)).await?;
    if left.is_empty() {
        return Ok(true);
    }
    Err(GenerationsError::NameTaken { generation: plan.target, tables: left.join(", ") })
}

async fn lock_migrations(connection: &mut Watched) -> Result<(), GenerationsError> {
    let got: Option<i32> = sqlx::query_scalar("SELECT GET_LOCK(CONCAT('ledger-migrate-', DATABASE()), 10)")
        .fetch_one(connection)
        .await
        .map_err(sql("waiting for migrations"))?;
    if got == Some(1) { Ok(()) } else { Err(GenerationsError::Migrating) }
}

async fn swap_locked(
    connection: &mut Watched,
    plan: &Plan<'_>,
    live: Option<&Live>,
) -> Result<Swapped, GenerationsError> {
    let target = check_target(connection, plan).await?;
    if let Some(live) = live {
        check_pauses(plan.target, live, &target)?;
    }
    if let Some(other) = positions::other_topic(connection, plan.topic).await? {
        let (expected, found) = (plan.topic.to_owned(), other);
        return Err(LogCheckError::from(LogRefusal::PositionsOfAnotherTopic { expected, found }).into());
    }
    let old = live.map_or(NOTHING_FOLDED, |live| live.generation);
    free_names(connection, old).await?;
    if let Some(live) = live {
        let (topic, identity, fold_version) = (plan.topic, &live.identity, live.fold_version);
        record::ensure_live(connection, &New { generation: old, topic, identity, fold_version }).await?;
        raise_furthest(connection, topic, live).await?;
    }
    let took = rename(connection, old, plan).await?;
    Ok(Swapped::Now { old: live.map(|live| live.generation), took })
}

/// What the live tables show may have been observed, also where no projector has loaded them since they became live, and so did
/// not write that down. Before they are replaced (INV-13). A statement per partition: writers hold such rows in another order.
async fn raise_furthest(connection: &mut Watched, topic: &str, live: &Live) -> Result<(), GenerationsError> {
    let (statements, began) = (MoveStatements::new(&Tables::live()), Instant::now());
    for position in &live.positions {
        match statements.ensure_furthest(connection, topic, position.partition).await {
            Err(error) if error.fault() == Some(Fault::Retry) => {
                return Err(GenerationsError::Busy { attempts: 1, seconds: began.elapsed().as_secs() });
            }
            done => done?,
        }
    }
    Ok(())
}

/// A swap keeps a pause, and the position with it (INV-14). To be asked of positions that were read after the barrier was set: who pauses
/// later waits for the swap (`interventions/pause.rs`).
pub(super) fn check_pauses(generation: i32, live: &Live, target: &[StoredPosition]) -> Result<(), GenerationsError> {
    for position in live.positions.iter().filter(|position| position.paused.is_some()) {
        let StoredPosition { partition, next_offset: stands, .. } = *position;
        let found = target.iter().find(|target| target.partition == partition).map_or(0, |target| target.next_offset);
        if found != stands {
            return Err(GenerationsError::Paused { generation, partition, stands, found });
        }
    }
    Ok(())
}

/// Whether the target may be live: whole, of the same shape, and a fold of this log. Gives its positions.
pub(super) async fn check_target(
    connection: &mut Watched,
    plan: &Plan<'_>,
) -> Result<Vec<StoredPosition>, GenerationsError> {
    let generation = plan.target;
    shadow::check_complete(connection, generation).await?;
    shadow::check_shape(connection, generation).await?;
    let statements = PositionStatements::new(&Tables::of_generation(generation));
    let positions = statements.read(connection, plan.topic).await?;
    check_positions(generation, plan, &positions)?;
    Ok(positions)
}

fn check_positions(generation: i32, plan: &Plan<'_>, positions: &[StoredPosition]) -> Result<(), GenerationsError> {
    let Some(first) = positions.first() else {
        let (expected, found) = (format!("positions of topic {}", plan.topic), "none".to_owned());
        return Err(GenerationsError::Positions { generation, expected, found });
    };
    for position in positions {
        check_identity(plan.topic, plan.identity, &position.identity).map_err(LogCheckError::from)?;
        let stands = |generation, fold_version| format!("generation {generation}, fold version {fold_version}");
        let expected = stands(generation, first.fold_version);
        let found = stands(position.generation.number, position.fold_version);
        if expected != found {
            return Err(GenerationsError::Positions { generation, expected, found });
        }
        if position.generation.id != first.generation.id {
            let id = |position: &StoredPosition| format!("generation id {}", position.generation.id);
            return Err(GenerationsError::Positions { generation, expected: id(first), found: id(position) });
        }
    }
    Ok(check_complete(plan.topic, positions).map_err(LogCheckError::from)?)
}

/// Whether the live tables will be able to take their own number's names: asked before anything is built, and once more at the swap.
///
/// # Errors
/// [`GenerationsError::NameTaken`], or the database's.
pub(crate) async fn check_names(connection: &mut Watched, live: Option<&Live>) -> Result<(), GenerationsError> {
    match live {
        // One that an earlier run swapped in has no such tables, or is refused where that is looked at.
        Some(_) => Ok(()),
        None => free_names(connection, NOTHING_FOLDED).await,
    }
}

/// Makes sure that the live tables can take their own number's names.
async fn free_names(connection: &mut Watched, old: i32) -> Result<(), GenerationsError> {
    if old == NOTHING_FOLDED {
        drop_what_nothing_was_folded_into(connection).await?;
    }
    let taken = shadow::existing(connection, &Tables::of_generation(old)).await?;
    if taken.is_empty() {
        return Ok(());
    }
    Err(GenerationsError::NameTaken { generation: old, tables: taken.join(", ") })
}

/// Tables that were live and never had a position hold nothing, and are of no use. One that has rows all the same is left
/// for a person to look at.
async fn drop_what_nothing_was_folded_into(connection: &mut Watched) -> Result<(), GenerationsError> {
    for name in shadow::existing(connection, &Tables::of_generation(NOTHING_FOLDED)).await? {
        let text = AssertSqlSafe(format!("SELECT 1 FROM `{name}` LIMIT 1"));
        if connection.fetch_optional(text).await.map_err(sql("looking for rows"))?.is_some() {
            return Ok(());
        }
    }
    shadow::drop_tables(connection, NOTHING_FOLDED).await
}

/// The one statement, tried once.
async fn rename(connection: &mut Watched, old: i32, plan: &Plan<'_>) -> Result<Duration, GenerationsError> {
    let text = rename_text(old, plan.target, plan.wait_seconds);
    let began = Instant::now();
    ledger_failpoints::reach(FailPoint::SwapRenames);
    // Whoever is left without an answer does not know whether it swapped, and drops the connection with the guard.
    let renamed = tokio::time::timeout(RENAME_LIMIT, connection.execute(AssertSqlSafe(text))).await;
    match renamed.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into())) {
        Ok(_) => {
            ledger_failpoints::reach(FailPoint::SwapRenamed);
            Ok(began.elapsed())
        }
        Err(error) if matches!(number_of(&error), Some(LOCK_WAIT_TIMEOUT | DEADLOCK)) => {
            Err(GenerationsError::Busy { attempts: 1, seconds: began.elapsed().as_secs() })
        }
        // The statement may still be waiting for its locks, and go through after we are gone.
        Err(error) if matches!(fault_of(&error), Fault::ConnectionLost | Fault::Ended) => {
            Err(GenerationsError::SwapUnknown(error))
        }
        Err(error) => Err(sql("swapping the tables")(error)),
    }
}

/// `RENAME TABLE orders WAIT 1 TO orders_g1, orders_g2 TO orders, ..`
fn rename_text(old: i32, target: i32, wait_seconds: u32) -> String {
    let (live, old, target) = (Tables::live(), Tables::of_generation(old), Tables::of_generation(target));
    let mut text = String::new();
    for ((live, old), target) in live.names().into_iter().zip(old.names()).zip(target.names()) {
        // The wait stands once, before the first TO, and holds for the whole statement.
        let start =
            if text.is_empty() { format!("RENAME TABLE {live} WAIT {wait_seconds}") } else { format!(", {live}") };
        text += &format!("{start} TO {old}, {target} TO {live}");
    }
    text
}

#[cfg(test)]
mod tests {
    use ledger_store::{GenerationKey, Pause};

    use super::*;

    #[test]
    fn all_tables_are_swapped_in_one_statement() {
        assert_eq!(
            rename_text(1, 3, 2),
            "RENAME TABLE orders WAIT 2 TO orders_g1, orders_g3 TO orders, stock TO stock_g1, stock_g3 TO stock, \
             stock_movements TO stock_movements_g1, stock_movements_g3 TO stock_movements, \
             reservations TO reservations_g1, reservations_g3 TO reservations, \
             open_orders TO open_orders_g1, open_orders_g3 TO open_orders, \
             dead_letters TO dead_letters_g1, dead_letters_g3 TO dead_letters, \
             positions TO positions_g1, positions_g3 TO positions"
        );
    }

    #[test]
    fn only_whole_positions_of_this_log_and_number_may_be_live() {
        let identity =
            |topic_id: &str| LogIdentity { cluster_id: "c".into(), topic_id: topic_id.into(), partition_count: 2 };
        let position = |partition, topic_id: &str, generation, fold_version| StoredPosition {
            partition,
            next_offset: 0,
            identity: identity(topic_id),
            generation: GenerationKey { number: generation, id: uuid::Uuid::nil() },
            fold_version,
            paused: None,
        };
        let good = [position(0, "t", 3, 1), position(1, "t", 3, 1)];
        let mut of_another_id = good[1].clone();
        of_another_id.generation.id = uuid::Uuid::from_u128(7);
        let log = identity("t");
        let plan = Plan { topic: "orders", identity: &log, target: 3, wait_seconds: 1 };
        let message = |positions: &[StoredPosition]| {
            check_positions(3, &plan, positions).err().map_or_else(String::new, |error| error.to_string())
        };
        for (positions, says) in [
            (good.to_vec(), ""),
            (vec![], "expected positions of topic orders, found none"),
            (good[..1].to_vec(), "the positions of topic orders are incomplete"),
            (
                vec![good[0].clone(), position(1, "t", 2, 1)],
                "expected generation 3, fold version 1, found generation 2, fold version 1",
            ),
            (
                vec![good[0].clone(), position(1, "t", 3, 2)],
                "expected generation 3, fold version 1, found generation 3, fold version 2",
            ),
            (
                vec![good[0].clone(), of_another_id],
                "expected generation id 00000000-0000-0000-0000-000000000000, found generation id 00000000",
            ),
            (vec![position(0, "u", 3, 1), good[1].clone()], "the positions belong to topic id t, found u"),
        ] {
            let found = message(&positions);
            assert!(found.contains(says) && found.is_empty() == says.is_empty(), "{found}");
        }
    }

    #[test]
    fn inv_14_a_paused_partition_is_swapped_where_it_stands_or_not_at_all() {
        let identity = LogIdentity { cluster_id: "c".into(), topic_id: "t".into(), partition_count: 2 };
        let generation = GenerationKey { number: 3, id: uuid::Uuid::nil() };
        let pause = || Pause { since: chrono::Utc::now(), by: "ann".to_owned(), reason: None };
        let position = |partition, next_offset, paused| StoredPosition {
            partition,
            next_offset,
            identity: identity.clone(),
            generation,
            fold_version: 1,
            paused,
        };
        let positions = vec![position(0, 5, None), position(1, 7, Some(pause()))];
        let live = Live { generation: 2, fold_version: 1, identity: identity.clone(), positions };
        for (target, says) in [
            (vec![position(0, 2, None), position(1, 7, None)], ""),
            (
                vec![position(0, 5, None), position(1, 6, None)],
                "partition 1 is paused at 7, and generation 3 stands at 6",
            ),
            (vec![position(0, 5, None)], "generation 3 stands at 0"),
        ] {
            let refused = check_pauses(3, &live, &target).err().map_or_else(String::new, |error| error.to_string());
            assert!(refused.contains(says) && refused.is_empty() == says.is_empty(), "{refused}");
        }
    }
}
