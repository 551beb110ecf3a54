//! After a swap: what the partitions of the new tables may wait for is told again. The tables that were replaced may have told each other
//! something else: then a line is reserved for an order that has ended, or that is confirmed, and its home, as it is now, never said so
//! to the line's partition. Each such line answers its home once more, by the very event that it told when it was reserved; and the
//! home answers with what it has decided since. Lines that the home waits for are asked for again by the projector.
//!
//! The events are appended, and nothing is decided here: a repeat changes nothing, so it does no harm to tell what is on its way anyhow, or
//! to die at any line and begin again.

use std::collections::HashSet;

use futures_util::TryStreamExt;
use ledger_database::Watched;
use ledger_kafka::KafkaSettings;
use ledger_schema::wire::Event;
use ledger_schema::{
    EventId, LineDecision, LineEvent, LineNo, LineStep, LineTarget, OrderId, Position, ProductId, Quantity, Violation,
};
use ledger_store::StoreError;
use uuid::Uuid;

use super::error::{GenerationsError, sql};
use crate::import::Appender;

const STEP: &str = "looking for lines that wait";
/// `ce_source` of what is told again.
const SOURCE: &str = "/ledger/settle";
/// Events that are handed over at once.
const AT_ONCE: usize = 500;

/// Lines that are reserved, of orders that stand in the tables and do not count on them: not open, or open without this line. And lines
/// that are sold, of orders that have ended. An order that is unknown at its home is told of by the line's partition in any case.
const WAITING: &str = "SELECT r.order_id, r.line_no, r.kafka_partition, r.kafka_offset, r.product_id, r.quantity, home.product_id \
    FROM reservations r \
    JOIN orders home ON home.order_id = r.order_id AND home.kafka_partition = r.home_partition AND home.line_no = 1 \
    LEFT JOIN orders line ON line.order_id = r.order_id AND line.kafka_partition = r.home_partition \
        AND line.line_no = r.line_no \
    WHERE r.status = 'reserved' AND ((NOT r.confirmed \
        AND NOT (home.status IN ('pending', 'held') AND line.line_status <=> 'reserved')) \
        OR (r.confirmed AND home.status IN ('rejected', 'cancelled')))";

/// The log that the tables are a fold of.
#[derive(Debug, Clone)]
pub struct SettledLog {
    pub kafka: KafkaSettings,
    pub topic: String,
    pub partition_count: i32,
}

/// Tells again; gives how many events were appended and acknowledged. `missing` is what is known to lack on the log besides.
///
/// # Errors
/// The database's, or Kafka's.
pub(super) async fn settle(
    connection: &mut Watched,
    log: &SettledLog,
    missing: Vec<LineEvent>,
) -> Result<u64, GenerationsError> {
    let SettledLog { kafka, topic, partition_count } = log;
    let mut waiting = sqlx::query_as::<_, Waiting>(WAITING).fetch(connection);
    let known: HashSet<EventId> = missing.iter().map(|event| event.cause).collect();
    let mut events: Vec<Event> = missing.into_iter().map(Event::LineTold).collect();
    let mut appender = None;
    let mut told = 0;
    loop {
        let row = waiting.try_next().await.map_err(sql(STEP))?;
        let is_last = row.is_none();
        if let Some(row) = row {
            let answer = row.answer().map_err(|violation| row.corrupt(&violation))?;
            events.extend((!known.contains(&answer.cause)).then_some(Event::LineTold(answer)));
        }
        if !events.is_empty() && (is_last || events.len() >= AT_ONCE) {
            // Most swaps have nothing to tell, and need no producer.
            if appender.is_none() {
                appender = Some(Appender::new(kafka, topic, *partition_count, SOURCE.to_owned())?);
            }
            told += u64::try_from(events.len()).expect("events in memory");
            let appender = appender.as_ref().expect("it was just made");
            appender.append(std::mem::take(&mut events)).await?;
        }
        if is_last {
            break;
        }
    }
    if let Some(appender) = appender {
        appender.flush().await?;
    }
    Ok(told)
}

#[derive(sqlx::FromRow)]
struct Waiting(Uuid, i16, i32, i64, String, i64, String);

impl Waiting {
    /// What the line's partition told when it reserved the line: byte for byte, the first thing that it derived from that record.
    fn answer(&self) -> Result<LineEvent, Violation> {
        let Self(order_id, line_no, partition, offset, product_id, quantity, home_product_id) = self;
        let target = LineTarget {
            order_id: OrderId::from_uuid(*order_id),
            line_no: LineNo::new(i64::from(*line_no))?,
            home_product_id: ProductId::parse(home_product_id)?,
            product_id: ProductId::parse(product_id)?,
            quantity: Quantity::new(*quantity)?,
        };
        let cause = EventId { cause: Position { partition: *partition, offset: *offset }, index: 0 };
        Ok(LineEvent { cause, target, step: LineStep::Decided(LineDecision::Reserved) })
    }

    fn corrupt(&self, violation: &Violation) -> StoreError {
        let key = format!("order {} line {} at {}:{}", self.0, self.1, self.2, self.3);
        StoreError::CorruptRow { table: "reservations", key, problem: violation.to_string() }
    }
}
