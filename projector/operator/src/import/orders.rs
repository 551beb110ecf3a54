//! The old topic's part of an import: chunk after chunk, what the ledger holds is looked up, what becomes of each order is
//! decided, and what is new is appended.
//!
//! It must never append an order whose derived id is not in the file of derived ids. Next: [`super::source`], [`super::verdict`].

use std::time::Duration;

use ledger_failpoints::FailPoint;
use ledger_kafka::{KafkaSettings, use_error};
use ledger_schema::wire::Event;
use ledger_schema::{OrderId, Position};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::appender::Appender;
use super::error::ImportError;
use super::id_map::IdMap;
use super::ledger_reader::LedgerReader;
use super::legacy_record::{IdOrigin, Taken};
use super::legacy_topic::{LegacyTopic, Parsed, SourceError, Until};
use super::options::ImportOptions;
use super::progress::Progress;
use super::refusal::Refusal;
use super::seen::{Before, Seen};
use super::source::{self, READING, Source};
use super::stored::StoredOrders;
use super::summary::{NotTaken, Tally};
use super::verdict::{Verdict, verdict};

/// After so long without a record, what was appended is waited for.
const IDLE_LIMIT: Duration = Duration::from_millis(50);

pub(super) struct Orders<'a> {
    options: &'a ImportOptions,
    reader: &'a mut LedgerReader,
    appender: &'a Appender,
    id_map: Option<&'a mut IdMap>,
    seen: Seen,
    /// Whether the ledger may hold any of them. A ledger without orders is not asked for each: what it gets while this run lasts
    /// is of this run, which remembers it.
    ledger_has_orders: bool,
    tally: Tally,
}

impl<'a> Orders<'a> {
    pub(super) fn new(
        options: &'a ImportOptions,
        reader: &'a mut LedgerReader,
        appender: &'a Appender,
        id_map: Option<&'a mut IdMap>,
    ) -> Self {
        let seen = Seen::new(options.remembered_orders, 0);
        Self { options, reader, appender, id_map, seen, ledger_has_orders: true, tally: Tally::default() }
    }

    /// Reads `legacy` to its end, or until `stop`.
    pub(super) async fn all(
        &mut self,
        kafka: &KafkaSettings,
        legacy: LegacyTopic,
        stop: &CancellationToken,
        progress: &mut Progress,
    ) -> Result<(), ImportError> {
        let until = if self.options.follow { Until::Stopped } else { Until::End };
        // Who follows for days meets a ledger that was empty when it began.
        self.ledger_has_orders = until == Until::Stopped || self.reader.has_orders().await?;
        if until == Until::End {
            self.seen = Seen::new(self.options.remembered_orders, legacy.len());
        }
        let topic = legacy.name.clone();
        let (rules, patience) = (self.options.rules.clone(), self.options.transaction_patience);
        let mut source = source::open(kafka, legacy, until, rules, patience)?;
        loop {
            let chunk = match tokio::time::timeout(IDLE_LIMIT, next_chunk(&mut source, stop)).await {
                Ok(chunk) => chunk,
                Err(_) => {
                    // Nothing more for now: a delivery that fails must be reported now, not with the next record.
                    self.appender.flush().await?;
                    next_chunk(&mut source, stop).await
                }
            };
            let Some(chunk) = chunk else { break };
            match chunk {
                Ok(chunk) => self.chunk(chunk, &topic, progress).await?,
                Err(error) => {
                    // What was read until then is in the log, and counted.
                    self.appender.flush().await?;
                    return Err(self.source_error(error, kafka));
                }
            }
            progress.advance(&self.tally);
        }
        self.appender.flush().await?;
        match until {
            Until::End if stop.is_cancelled() => Err(ImportError::Interrupted),
            _ => Ok(()),
        }
    }

    /// What was counted, and what the operator should know.
    pub(super) fn finish(self) -> (Tally, Option<String>) {
        let warning = self.seen.is_full().then(|| {
            let limit = self.options.remembered_orders;
            format!(
                "topic {} holds more than {limit} new orders, and no more are remembered: one that stands twice after that is found by \
                 the fold, which parks it where its contents differ (--remembered-orders)",
                self.options.topic
            )
        });
        (self.tally, warning)
    }

    fn source_error(&self, error: SourceError, kafka: &KafkaSettings) -> ImportError {
        match error {
            SourceError::Kafka(cause) => use_error(kafka.brokers(), READING, cause).into(),
            SourceError::Changed(changed) => changed.into(),
            SourceError::Blocked(blocked) => {
                let (topic, waited_seconds) = (self.options.topic.clone(), self.options.transaction_patience.as_secs());
                ImportError::OpenTransaction { topic, blocked, waited_seconds }
            }
        }
    }

    async fn chunk(&mut self, chunk: Vec<Parsed>, topic: &str, progress: &Progress) -> Result<(), ImportError> {
        let stored = self.look_up(&chunk).await?;
        self.write_derived_ids(&chunk)?;
        let mut events = Vec::with_capacity(chunk.len());
        for (position, parsed) in chunk {
            self.tally.read += 1;
            match parsed {
                Ok(taken) => events.extend(self.order(position, taken, &stored, topic, progress)),
                Err(refusal) => self.refuse(position, refusal, topic, progress),
            }
        }
        if !events.is_empty() {
            self.appender.append(events).await?;
        }
        Ok(())
    }

    /// What is to be appended of an order: itself, or nothing.
    fn order(
        &mut self,
        position: Position,
        taken: Taken,
        stored: &StoredOrders,
        topic: &str,
        progress: &Progress,
    ) -> Option<Event> {
        match verdict(&taken, &self.seen, stored) {
            Verdict::Append => {
                // No other record has the same place.
                if !matches!(taken.id, IdOrigin::Place { .. }) {
                    self.seen.remember(taken.order.order_id(), taken.order.contents(), position);
                }
                return Some(Event::OrderPlaced(taken.order));
            }
            Verdict::AlreadyThere => self.tally.already_there += 1,
            Verdict::Repeat => self.tally.repeats += 1,
            Verdict::Conflict(refusal) => {
                progress.conflict(&mut self.tally, topic, NotTaken::record(position, refusal));
            }
            Verdict::Refused(refusal) => self.refuse(position, refusal, topic, progress),
        }
        None
    }

    fn refuse(&mut self, position: Position, refusal: Refusal, topic: &str, progress: &Progress) {
        self.tally.changes += u64::from(refusal.is_change);
        progress.refuse(&mut self.tally, topic, NotTaken::record(position, refusal));
    }

    /// What the ledger holds under the ids of `chunk`; of those that this run has met, it does not matter.
    async fn look_up(&mut self, chunk: &[Parsed]) -> Result<StoredOrders, ImportError> {
        if !self.ledger_has_orders {
            return Ok(StoredOrders::default());
        }
        let mut ids: Vec<Uuid> = Vec::with_capacity(chunk.len());
        for taken in chunk.iter().filter_map(|(_, parsed)| parsed.as_ref().ok()) {
            let order = &taken.order;
            if self.seen.before(order.order_id(), order.contents()) == Before::Nothing {
                ids.extend(taken.ids());
            }
        }
        // In the order of the key, and each once.
        ids.sort_unstable();
        ids.dedup();
        self.reader.orders(&ids).await
    }

    fn write_derived_ids(&mut self, chunk: &[Parsed]) -> Result<(), ImportError> {
        let Some(id_map) = self.id_map.as_deref_mut() else { return Ok(()) };
        let derived = chunk.iter().filter_map(|(_, parsed)| match parsed {
            Ok(Taken { order, id: IdOrigin::Text(text), .. }) => Some((&**text, order.order_id())),
            _ => None,
        });
        let derived: Vec<(&str, OrderId)> = derived.collect();
        tokio::task::block_in_place(|| id_map.add(derived.into_iter()))?;
        ledger_failpoints::reach(FailPoint::ImportIdsWritten);
        Ok(())
    }
}

/// The next chunk; `None` at the end. When `stop` says so the source ends, and what it has read still comes.
async fn next_chunk(source: &mut Source, stop: &CancellationToken) -> Option<Result<Vec<Parsed>, SourceError>> {
    if !stop.is_cancelled() {
        tokio::select! {
            chunk = source.chunks.recv() => return chunk,
            () = stop.cancelled() => source.stop(),
        }
    }
    source.chunks.recv().await
}
