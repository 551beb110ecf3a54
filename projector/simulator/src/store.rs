//! The projector's store over the database in memory: the same statements in the same order as the SQL has them, each of
//! which may be late or lost. It must never hold a transaction that the real store would not.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ledger_database::DatabaseError;
use ledger_fold::Prior;
use ledger_store::outbox;
use ledger_store::{FOLD_VERSION, GenerationKey, Ids, Loaded, PartitionBatch, Standing, Store, StoreError, Written};

use crate::database::{Compared, OutboxRow, RowKey, TransactionId};
use crate::settings::Mutant;
use crate::tables::PartitionTables;
use crate::world::{Lost, Request, World, lock};

/// How long a statement waits for a row or a table that others hold.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Which tables a store writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Live,
    Shadow(i32),
}

/// The store of one writer.
pub struct MemoryStore {
    world: Arc<World>,
    who: String,
    target: Target,
    connected: bool,
}

/// A transaction that the server rolls back when its client is gone.
struct Open {
    world: Arc<World>,
    id: TransactionId,
    sent: Sent,
}

/// What the server has of a transaction's COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Nothing,
    Commit,
    /// It carries it out by itself, whatever becomes of the client.
    Accepted,
}

impl Drop for Open {
    fn drop(&mut self) {
        // A COMMIT that was sent may still be carried out after whoever sent it is dead.
        match self.sent {
            Sent::Accepted => {}
            Sent::Commit if self.world.happens(300) => lock(&self.world.database).late.push(self.id),
            Sent::Commit | Sent::Nothing => lock(&self.world.database).roll_back(self.id),
        }
        self.world.has_changed();
    }
}

pub fn lost(step: &'static str) -> StoreError {
    StoreError::Database { step, cause: sqlx::Error::Io(io::Error::from(io::ErrorKind::UnexpectedEof)) }
}

pub fn unreachable() -> DatabaseError {
    DatabaseError::Unreachable { server: "memory".to_owned(), cause: "it is away".to_owned() }
}

impl MemoryStore {
    pub fn new(world: Arc<World>, who: &str, target: Target) -> Self {
        Self { world, who: who.to_owned(), target, connected: false }
    }

    async fn connect(&mut self) -> Result<(), StoreError> {
        if !self.connected {
            self.world.statement(&self.who, "connecting to the database").await.map_err(|Lost| unreachable())?;
            self.connected = true;
        }
        Ok(())
    }

    async fn statement(&mut self, what: &'static str) -> Result<(), StoreError> {
        self.world.statement(&self.who, what).await.map_err(|Lost| {
            self.connected = false;
            lost(what)
        })
    }

    fn set_of(&self, live: i32) -> i32 {
        match self.target {
            Target::Live => live,
            Target::Shadow(generation) => generation,
        }
    }

    async fn begin(&mut self) -> Result<Open, StoreError> {
        self.statement("beginning the transaction").await?;
        let target = self.target;
        let begun = self.world.until(LOCK_WAIT, |database| {
            let set = if let Target::Shadow(generation) = target { generation } else { database.live };
            (!database.renaming).then(|| database.begin(set))
        });
        let id = begun.await.ok_or_else(|| lost("waiting for the tables"))?;
        Ok(Open { world: Arc::clone(&self.world), id, sent: Sent::Nothing })
    }

    /// The compare-and-set of each partition; gives those that missed.
    async fn move_positions(&mut self, open: &Open, batch: &[PartitionBatch<'_>]) -> Result<Vec<i32>, StoreError> {
        let mut missed = Vec::new();
        for one in batch {
            self.in_transaction(open, "moving the position").await?;
            let ignored = self.world.has(Mutant::CompareAndSetIgnored);
            let offset_only = self.world.has(Mutant::CompareWithoutGeneration);
            let may = |key: GenerationKey, position: i64| {
                ignored || position == one.effects.from_offset && (offset_only || key == one.generation)
            };
            let compared = self.world.until(LOCK_WAIT, |database| {
                let compared = database.compare_and_set(open.id, one.effects.partition, may);
                (compared != Compared::Locked).then_some(compared)
            });
            match compared.await {
                Some(Compared::Hit) => {}
                Some(_) => missed.push(one.effects.partition),
                None => return Err(lost("waiting for the position's row")),
            }
        }
        Ok(missed)
    }

    async fn in_transaction(&mut self, open: &Open, what: &'static str) -> Result<(), StoreError> {
        self.statement(what).await?;
        if lock(&self.world.database).touch(open.id) {
            return Ok(());
        }
        self.connected = false;
        Err(lost("a transaction that was idle for too long"))
    }

    fn write_outbox(&self, open: &Open, batch: &[PartitionBatch<'_>]) -> Result<(), StoreError> {
        for one in batch {
            let (partition, first_offset) = (one.effects.partition, one.effects.from_offset);
            let encoded = outbox::encode(one);
            let encoded =
                encoded.map_err(|cause| StoreError::Encode { partition, from_offset: first_offset, cause })?;
            let Some(row) = encoded else { continue };
            let generation = if self.world.has(Mutant::OutboxWithoutGeneration) { 0 } else { one.generation.number };
            let key = RowKey { partition, generation, first_offset, next_offset: one.effects.next_offset };
            let row = OutboxRow { entry_count: row.entry_count, entries: row.entries };
            lock(&self.world.database).put_in_outbox(open.id, key, row);
        }
        Ok(())
    }

    async fn commit(&mut self, mut open: Open) -> Written {
        open.sent = Sent::Commit;
        let request = self.world.request(&self.who, "COMMIT").await;
        match request {
            Request::Answered | Request::Unanswered => commit_now(&self.world, open.id, &self.who),
            Request::Late => lock(&self.world.database).late.push(open.id),
            Request::Dropped => {}
        }
        open.sent = if request == Request::Late { Sent::Accepted } else { Sent::Nothing };
        drop(open);
        if request == Request::Answered {
            return Written::Committed;
        }
        self.connected = false;
        Written::CommitUnknown(lost("committing"))
    }
}

/// What the server does with a COMMIT.
pub(crate) fn commit_now(world: &World, id: TransactionId, who: &str) {
    let log = lock(&world.log);
    let keep_position = world.has(Mutant::PositionLeftBehind);
    let committed = lock(&world.database).commit(id, &log, keep_position);
    drop(log);
    world.note(|| format!("{who}: committed; {}", crate::shown::positions(world)));
    if let Err(wrong) = committed {
        world.violated(|| wrong);
    }
    world.has_changed();
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&mut self, partition: i32) -> Result<Loaded, StoreError> {
        self.connect().await?;
        if self.target == Target::Live {
            self.statement("raising the furthest position").await?;
            lock(&self.world.database).raise_furthest();
        }
        self.statement("loading").await?;
        let target = self.target;
        let loaded = self.world.until(LOCK_WAIT, |database| {
            let number = if let Target::Shadow(generation) = target { generation } else { database.live };
            if database.renaming {
                return None;
            }
            let Some(set) = database.sets.get(&number) else { return Some(None) };
            let is_paused = database.is_paused(number, partition) && target == Target::Live;
            let standing = |next_offset| Standing { next_offset, generation: set.key(number), is_paused };
            Some(set.of(partition).map(|tables| (standing(tables.position), tables.state(), tables.open_counts())))
        });
        let loaded = loaded.await.ok_or_else(|| lost("loading"))?;
        let topic = crate::log::TOPIC.to_owned();
        let (standing, state, open) = loaded.ok_or(StoreError::PositionGone { topic, partition })?;
        self.world.note(|| {
            format!(
                "{}: loaded partition {partition} at {} of generation {}",
                self.who, standing.next_offset, standing.generation.number
            )
        });
        Ok(Loaded { standing, fold_version: FOLD_VERSION, state, open })
    }

    async fn write(&mut self, batch: &[PartitionBatch<'_>]) -> Result<Written, StoreError> {
        self.connect().await?;
        let open = self.begin().await?;
        let missed = self.move_positions(&open, batch).await?;
        if !missed.is_empty() {
            self.world.note(|| format!("{}: compare-and-set missed in {missed:?}", self.who));
            return Ok(Written::Missed(missed));
        }
        self.in_transaction(&open, "inserting rows").await?;
        for one in batch {
            if !lock(&self.world.database).insert(open.id, one.effects.clone()) {
                return Ok(Written::IdKnown);
            }
        }
        if self.target == Target::Live {
            self.in_transaction(&open, "writing the outbox").await?;
            self.write_outbox(&open, batch)?;
        }
        Ok(self.commit(open).await)
    }

    async fn prior(&mut self, partition: i32, ids: &Ids) -> Result<Prior, StoreError> {
        self.connect().await?;
        self.statement("looking ids up").await?;
        let database = lock(&self.world.database);
        let tables = database.sets.get(&self.set_of(database.live)).and_then(|set| set.of(partition));
        Ok(tables.map_or_else(|| PartitionTables::default().prior(ids), |tables| tables.prior(ids)))
    }

    async fn positions(&mut self) -> Result<BTreeMap<i32, Standing>, StoreError> {
        self.connect().await?;
        self.statement("reading the positions").await?;
        let database = lock(&self.world.database);
        let number = self.set_of(database.live);
        let Some(set) = database.sets.get(&number) else { return Ok(BTreeMap::new()) };
        let generation = set.key(number);
        let is_live = self.target == Target::Live;
        let standing = |(partition, next_offset)| {
            let is_paused = is_live && database.is_paused(number, partition);
            (partition, Standing { next_offset, generation, is_paused })
        };
        Ok(set.positions().into_iter().map(standing).collect())
    }
}
