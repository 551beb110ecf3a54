//! MariaDB in memory, as far as the ledger's SQL needs it: sets of tables by generation, the row lock that a compare-and-set
//! holds until its transaction ends, unique ids, the outbox, and a RENAME that waits for open transactions. It must never be
//! kinder than MariaDB: what the server may do, it does when the schedule says so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ledger_fold::BatchEffects;
use ledger_store::GenerationKey;
use tokio::time::Instant;

use crate::log::Log;
use crate::oracle::{Place, Said};
use crate::settings::Mutant;
use crate::tables::{TableSet, check};

/// The server ends a connection that does nothing for this long inside a transaction.
const IDLE_TRANSACTION: Duration = Duration::from_secs(10);

pub type TransactionId = u64;

/// The key of an outbox row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowKey {
    pub partition: i32,
    pub generation: i32,
    pub first_offset: i64,
    pub next_offset: i64,
}

#[derive(Debug, Clone)]
pub struct OutboxRow {
    pub entry_count: i32,
    pub entries: Vec<u8>,
}

#[derive(Debug)]
struct Transaction {
    set: i32,
    locked: Vec<i32>,
    effects: Vec<BatchEffects>,
    outbox: Vec<(RowKey, OutboxRow)>,
    used: Instant,
}

/// The answer to a compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    Hit,
    Missed,
    /// Another transaction holds the row.
    Locked,
}

#[derive(Debug, Default)]
pub struct Database {
    pub sets: BTreeMap<i32, TableSet>,
    pub live: i32,
    pub newest: i32,
    pub outbox: BTreeMap<RowKey, OutboxRow>,
    open: BTreeMap<TransactionId, Transaction>,
    next_transaction: TransactionId,
    /// A RENAME waits: new statements on the tables wait after it.
    pub renaming: bool,
    /// Who holds the named lock.
    pub guard: Option<u32>,
    /// A swap is under way, by whoever holds the named lock.
    pub swapping: bool,
    /// `furthest_positions`: how far the live tables ever were, as far as this database knows.
    pub furthest: Vec<i64>,
    /// Partitions that an operator has paused, in `furthest_positions`.
    pub paused: BTreeSet<i32>,
    /// Where partitions stay, as whoever paused them was told, for the oracle. A loss of the database loses the pause, too.
    pub promised: BTreeMap<i32, i64>,
    /// How far any generation was ever folded, for the oracle: no loss of the database takes it back.
    pub folded: Vec<i64>,
    /// What tables that somebody had changed by hand had decided when they were lost, by partition: it was in the outbox, and
    /// a relay that had loaded it publishes it.
    pub lost: Vec<BTreeMap<Place, Said>>,
    newest_id: u32,
    /// Of a mutant: every set of tables has the same identity.
    pub same_ids: bool,
    /// Of mutants: what tables forget.
    pub mutants: Vec<Mutant>,
    /// How often everything was lost.
    pub losses: u32,
    /// Somebody changed a stock by hand, in whichever tables.
    pub was_tampered: bool,
    /// Requests whose clients are gone and that the server still carries out.
    pub late: Vec<TransactionId>,
    pub late_rename: Option<i32>,
}

impl Database {
    pub fn new(partitions: i32, mutants: &[Mutant]) -> Self {
        let same_ids = mutants.contains(&Mutant::GenerationsWithoutIdentity);
        let mut database = Self {
            same_ids,
            mutants: mutants.to_vec(),
            folded: (0..partitions).map(|_| 0).collect(),
            ..Self::default()
        };
        database.begin_anew(partitions);
        database
    }

    /// Empty tables that are live, and nothing else.
    fn begin_anew(&mut self, partitions: i32) {
        (self.live, self.newest) = (0, 0);
        self.live = self.create(partitions);
        if let Some(set) = self.sets.get_mut(&self.live) {
            set.kept = true;
        }
        self.furthest = (0..partitions).map(|_| 0).collect();
    }

    /// Creates a set of tables; gives its number.
    pub fn create(&mut self, partitions: i32) -> i32 {
        (self.newest, self.newest_id) = (self.newest + 1, self.newest_id + u32::from(!self.same_ids));
        self.sets.insert(self.newest, TableSet::empty(partitions, self.newest_id));
        self.newest
    }

    /// Everything is lost, and empty tables were created.
    pub fn lose_everything(&mut self, partitions: i32) {
        let (folded, losses) = (std::mem::take(&mut self.folded), self.losses + 1);
        let (mutants, was_tampered) = (std::mem::take(&mut self.mutants), self.was_tampered);
        let Self { newest_id, next_transaction, same_ids, .. } = *self;
        let tampered = self.live_set().filter(|live| live.tampered);
        let lost = tampered.map(|live| live.partitions.iter().map(|tables| tables.said.clone()).collect());
        let lost = lost.unwrap_or_else(|| std::mem::take(&mut self.lost));
        *self = Self {
            folded,
            losses,
            lost,
            newest_id,
            next_transaction,
            same_ids,
            mutants,
            was_tampered,
            ..Self::default()
        };
        self.begin_anew(partitions);
    }

    /// What is live may be observed: its positions are kept (INV-13).
    pub fn raise_furthest(&mut self) {
        let positions = self.live_set().map(TableSet::positions).unwrap_or_default();
        for (furthest, position) in self.furthest.iter_mut().zip(positions.into_values()) {
            *furthest = position.max(*furthest);
        }
    }

    pub fn live_set(&self) -> Option<&TableSet> {
        self.sets.get(&self.live)
    }

    /// Begins a transaction on a set of tables.
    pub fn begin(&mut self, set: i32) -> TransactionId {
        self.next_transaction += 1;
        let begun =
            Transaction { set, locked: Vec::new(), effects: Vec::new(), outbox: Vec::new(), used: Instant::now() };
        self.open.insert(self.next_transaction, begun);
        self.next_transaction
    }

    /// Whether the transaction is still there; the server ends those that do nothing.
    pub fn touch(&mut self, id: TransactionId) -> bool {
        self.reap();
        self.open.get_mut(&id).map(|transaction| transaction.used = Instant::now()).is_some()
    }

    fn reap(&mut self) {
        self.open.retain(|id, transaction| self.late.contains(id) || transaction.used.elapsed() < IDLE_TRANSACTION);
    }

    /// The compare-and-set: moves the position where `hit` says that it may, under a lock until the transaction ends.
    pub fn compare_and_set(
        &mut self,
        id: TransactionId,
        partition: i32,
        may: impl FnOnce(GenerationKey, i64) -> bool,
    ) -> Compared {
        self.reap();
        let Some(set) = self.open.get(&id).map(|transaction| transaction.set) else { return Compared::Missed };
        let holds = |(other, transaction): (&TransactionId, &Transaction)| {
            *other != id && transaction.set == set && transaction.locked.contains(&partition)
        };
        if self.open.iter().any(holds) {
            return Compared::Locked;
        }
        let Some(found) = self.sets.get(&set) else { return Compared::Missed };
        if self.is_paused(set, partition) && !self.mutants.contains(&Mutant::PauseIgnored) {
            return Compared::Missed;
        }
        let position = found.of(partition).map_or(-1, |tables| tables.position);
        if !may(found.key(set), position) {
            return Compared::Missed;
        }
        if let Some(transaction) = self.open.get_mut(&id) {
            transaction.locked.push(partition);
        }
        Compared::Hit
    }

    /// Whether no batch of these tables moves the partition: those that are not live nobody pauses.
    pub fn is_paused(&self, set: i32, partition: i32) -> bool {
        set == self.live && self.paused.contains(&partition)
    }

    /// Sets the pause in the row that a compare-and-set locks; false while a transaction holds it.
    pub fn pause(&mut self, partition: i32) -> bool {
        self.reap();
        let live = self.live;
        let holds = |transaction: &Transaction| transaction.set == live && transaction.locked.contains(&partition);
        let is_free = !self.open.values().any(holds);
        if is_free {
            self.paused.insert(partition);
        }
        is_free
    }

    /// A paused partition that would stand elsewhere if `target` were live.
    pub fn paused_elsewhere(&self, target: i32) -> Option<i32> {
        let stands = |set: i32, partition: i32| self.sets.get(&set)?.of(partition).map(|tables| tables.position);
        self.paused.iter().copied().find(|partition| stands(self.live, *partition) != stands(target, *partition))
    }

    /// What is wrong with where paused partitions stand, if anything is.
    pub fn broken_promise(&self) -> Option<String> {
        let stands = |partition: i32| self.live_set()?.of(partition).map(|tables| tables.position);
        let broken = self.promised.iter().find(|(partition, position)| stands(**partition) != Some(**position));
        broken.map(|(partition, position)| {
            format!("partition {partition} was paused at {position}, and stands at {:?}", stands(*partition))
        })
    }

    /// Inserts the rows of a batch; false when a unique key objects.
    pub fn insert(&mut self, id: TransactionId, effects: BatchEffects) -> bool {
        let Some(transaction) = self.open.get_mut(&id) else { return true };
        let tables = self.sets.get(&transaction.set).and_then(|set| set.of(effects.partition));
        if tables.is_some_and(|tables| tables.knows_an_id_of(&effects)) {
            return false;
        }
        transaction.effects.push(effects);
        true
    }

    pub fn put_in_outbox(&mut self, id: TransactionId, key: RowKey, row: OutboxRow) {
        if let Some(transaction) = self.open.get_mut(&id) {
            transaction.outbox.push((key, row));
        }
    }

    pub fn roll_back(&mut self, id: TransactionId) {
        self.open.remove(&id);
    }

    /// Commits; gives what is wrong with what is now in the tables.
    pub fn commit(&mut self, id: TransactionId, log: &Log, keep_position: bool) -> Result<(), String> {
        let Some(transaction) = self.open.remove(&id) else { return Ok(()) };
        self.outbox.extend(transaction.outbox);
        let live = transaction.set == self.live;
        let Some(set) = self.sets.get_mut(&transaction.set) else { return Ok(()) };
        let tampered = set.tampered;
        for effects in transaction.effects {
            let Ok(partition) = usize::try_from(effects.partition) else { continue };
            let Some(tables) = set.partitions.get_mut(partition) else { continue };
            tables.apply(&effects, &self.mutants);
            if !keep_position {
                tables.position = effects.next_offset;
            }
            if let Some(folded) = self.folded.get_mut(partition) {
                *folded = effects.next_offset.max(*folded);
            }
            if !tampered {
                check(tables, effects.partition, log, if live { "live" } else { "shadow" })?;
            }
        }
        if live {
            self.raise_furthest();
        }
        self.broken_promise().map_or(Ok(()), Err)
    }

    /// Whether a transaction has these tables.
    pub fn in_use(&mut self, set: i32) -> bool {
        self.reap();
        self.open.values().any(|transaction| transaction.set == set)
    }

    /// All tables of `target` take the place of the live ones.
    pub fn swap_in(&mut self, target: i32) {
        self.live = target;
        if let Some(set) = self.sets.get_mut(&target) {
            set.kept = true;
        }
    }
}
