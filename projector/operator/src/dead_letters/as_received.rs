//! Redriving parked records as they were received, one or many, one after the other: for what was wrong about the record and not about the event (its
//! key, its partition, the state it met), and for events that only a newer program reads. It must never append what would certainly be parked again, nor
//! an event that is a mend itself: a run that is repeated would append it for ever.
//!
//! Which records a run is about is read once, at its beginning: what its own mends may leave parked is none of it.

use chrono::{DateTime, Utc};
use ledger_database::DatabaseUrl;
use ledger_kafka::{KafkaSettings, ask};
use ledger_schema::{ParkReason, Position};
use serde::Serialize;

use super::corrected::Corrected;
use super::error::DeadLettersError;
use super::redrive::Redriver;

/// Most records of one run: some tens of megabytes of positions.
const MAX_RECORDS: i64 = 1_000_000;
/// Most that a summary lists one by one; all are counted.
const MAX_LISTED: usize = 10_000;

/// Which records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    One(Position),
    Many {
        reason: Option<ParkReason>,
        /// Only those that came into the log then or later, by the log's own time.
        since: Option<DateTime<Utc>>,
    },
}

#[derive(Debug)]
pub struct AsReceivedOptions {
    pub kafka: KafkaSettings,
    pub orders_topic: String,
    /// The owner's: it writes the marks.
    pub owner: DatabaseUrl,
    pub which: Which,
    /// Says what would become of each, and writes nothing.
    pub dry_run: bool,
}

/// What became of one record, or would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    Redriven,
    WouldBeRedriven,
    /// It is redriven already.
    Skipped,
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub position: String,
    pub reason: String,
    pub fate: Fate,
    /// Where the mend stands, or why it was refused.
    pub detail: String,
}

/// What a run has done, complete or as far as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedriveSummary {
    pub dry_run: bool,
    /// Records that the run is about.
    pub found: usize,
    /// Of a dry run: that would be.
    pub redriven: usize,
    pub skipped: usize,
    pub refused: usize,
    /// Whether there are more than one run takes.
    pub more: bool,
    /// The first of them, in order of position.
    pub items: Vec<Item>,
}

impl RedriveSummary {
    pub fn done(&self) -> usize {
        self.redriven + self.skipped + self.refused
    }

    fn add(&mut self, item: Item) {
        match item.fate {
            Fate::Redriven | Fate::WouldBeRedriven => self.redriven += 1,
            Fate::Skipped => self.skipped += 1,
            Fate::Refused => self.refused += 1,
        }
        if self.items.len() < MAX_LISTED {
            self.items.push(item);
        }
    }
}

/// Runs it; `told` hears of it after each record. A run that dies is repeated: each record's own mark says how far it came.
///
/// # Errors
/// What ended the run early, beside what it had done until then.
pub async fn redrive_as_received(
    options: AsReceivedOptions,
    mut told: impl FnMut(&RedriveSummary),
) -> (RedriveSummary, Result<(), DeadLettersError>) {
    let mut summary = RedriveSummary { dry_run: options.dry_run, ..RedriveSummary::default() };
    let ended = run(options, &mut summary, &mut told).await;
    (summary, ended)
}

async fn run(
    options: AsReceivedOptions,
    summary: &mut RedriveSummary,
    told: &mut impl FnMut(&RedriveSummary),
) -> Result<(), DeadLettersError> {
    let AsReceivedOptions { kafka, orders_topic, owner, which, dry_run } = options;
    let mut redriver = Redriver::open(kafka, orders_topic.clone(), &owner).await?;
    let partition_count = redriver.check_log().await?;
    let mut found = candidates(&mut redriver, &which).await?;
    if let Which::Many { since: Some(since), .. } = which {
        let inspector = redriver.inspector.clone();
        let partitions: Vec<i32> = (0..partition_count).collect();
        let millis = since.timestamp_millis();
        let first = ask(move || inspector.offsets_from(&orders_topic, &partitions, millis)).await?;
        // A partition without a record since then has no offset of it.
        found.retain(|(position, _)| first.get(&position.partition).is_some_and(|first| position.offset >= *first));
    }
    let most = usize::try_from(MAX_RECORDS).expect("a usize has 32 bits or more");
    summary.more = found.len() > most;
    found.truncate(most);
    summary.found = found.len();
    for (position, reason) in found {
        let (fate, detail) = of_one(&mut redriver, position, &reason, dry_run).await?;
        summary.add(Item { position: position.to_string(), reason, fate, detail });
        told(summary);
    }
    Ok(())
}

/// Positions and reasons, in order.
async fn candidates(redriver: &mut Redriver, which: &Which) -> Result<Vec<(Position, String)>, DeadLettersError> {
    let (one, reason) = match which {
        Which::One(position) => (Some(*position), None),
        Which::Many { reason, .. } => (None, *reason),
    };
    let rows = sqlx::query_as::<_, (i32, i64, String)>(
        "SELECT kafka_partition, kafka_offset, reason FROM dead_letters WHERE (? IS NULL OR reason = ?) \
         AND (? IS NULL OR kafka_partition = ?) AND (? IS NULL OR kafka_offset = ?) \
         ORDER BY kafka_partition, kafka_offset LIMIT ?",
    )
    .bind(reason.map(ParkReason::as_str))
    .bind(reason.map(ParkReason::as_str))
    .bind(one.map(|position| position.partition))
    .bind(one.map(|position| position.partition))
    .bind(one.map(|position| position.offset))
    .bind(one.map(|position| position.offset))
    .bind(MAX_RECORDS + 1)
    .fetch_all(&mut redriver.connection)
    .await?;
    match (one, rows.is_empty()) {
        (Some(position), true) => Err(DeadLettersError::Unknown { position }),
        _ => Ok(rows.into_iter().map(|(partition, offset, reason)| (Position { partition, offset }, reason)).collect()),
    }
}

async fn of_one(
    redriver: &mut Redriver,
    position: Position,
    reason: &str,
    dry_run: bool,
) -> Result<(Fate, String), DeadLettersError> {
    let outcome = match corrected(redriver, position, reason).await {
        Ok(corrected) if dry_run => redriver
            .look(position, &corrected)
            .await
            .map(|()| (Fate::WouldBeRedriven, corrected.event.event_type().to_owned())),
        Ok(corrected) => {
            redriver.redrive(position, &corrected).await.map(|done| (Fate::Redriven, format!("at {}", done.position)))
        }
        Err(error) => Err(error),
    };
    match outcome {
        Ok(done) => Ok(done),
        Err(DeadLettersError::AlreadyRedriven { appended, .. }) => {
            Ok((Fate::Skipped, format!("at {appended} already")))
        }
        Err(
            refusal @ (DeadLettersError::InvalidEvent { .. }
            | DeadLettersError::MendsAnother { .. }
            | DeadLettersError::ParkedAgain { .. }
            | DeadLettersError::Unfinished { .. }
            | DeadLettersError::Unknown { .. }),
        ) => Ok((Fate::Refused, refusal.to_string())),
        Err(error) => Err(error),
    }
}

/// The event as it was received, where it may be taken this time. One that is redriven already, with whatever event, is not looked at further.
async fn corrected(redriver: &mut Redriver, position: Position, reason: &str) -> Result<Corrected, DeadLettersError> {
    if let Some(super::marks::Mark::Appended(appended)) =
        super::marks::find(&mut redriver.connection, position).await?.map(|claim| claim.mark)
    {
        return Err(DeadLettersError::AlreadyRedriven { mended: position, appended });
    }
    if let Some(reason) = ParkReason::from_word(reason).filter(|reason| is_in_the_event(*reason)) {
        return Err(DeadLettersError::ParkedAgain { position, reason });
    }
    let value = sqlx::query_scalar::<_, Option<Vec<u8>>>(
        "SELECT message_value FROM dead_letters WHERE kafka_partition = ? AND kafka_offset = ?",
    )
    .bind(position.partition)
    .bind(position.offset)
    .fetch_optional(&mut redriver.connection)
    .await?
    .ok_or(DeadLettersError::Unknown { position })?;
    // What was cut when it was parked is far above what an event may be, and refused for that.
    Corrected::parse(&value.unwrap_or_default(), position)
}

/// Whether the same event has to be parked again for it, wherever it stands. What only decoding can say is left to decoding: a newer program may
/// read what an older one did not.
fn is_in_the_event(reason: ParkReason) -> bool {
    match reason {
        ParkReason::ConflictingDuplicate
        | ParkReason::WrongCause
        | ParkReason::HoldNotOver
        | ParkReason::UnknownLine => true,
        ParkReason::TooLarge
        | ParkReason::EmptyValue
        | ParkReason::Undecodable
        | ParkReason::UnknownType
        | ParkReason::UnknownVersion
        | ParkReason::InvalidField
        | ParkReason::WrongTotal
        | ParkReason::WrongKey
        | ParkReason::WrongPartition
        | ParkReason::StockOverflow
        | ParkReason::UnknownOrder
        | ParkReason::Skipped => false,
    }
}
