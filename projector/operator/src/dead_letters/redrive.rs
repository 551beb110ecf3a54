//! A redrive: claim the parked record, append the corrected event, finish the claim, in this order. Whenever it dies in
//! between, the same command finishes it: the event may then stand in the log twice, and the fold drops the second by its id
//! (INV-5). It must never append what another event has already claimed.

use futures_util::future::LocalBoxFuture;
use std::time::Duration;

use ledger_database::{DatabaseUrl, Watched};
use ledger_failpoints::FailPoint;
use ledger_kafka::{KafkaSettings, KafkaUseError, LogInspector, QuietContext, ask};
use ledger_schema::partitioner::{PARTITIONER, partition_of};
use ledger_schema::{Position, cloudevents};
use ledger_store::log_check::{self, LogCheckError};
use ledger_store::positions;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde::Serialize;

use super::corrected::Corrected;
use super::error::DeadLettersError;
use super::marks::{self, Claim, Mark};
use super::parked::check_parked;

/// `ce_source` of events that an operator appended.
const SOURCE: &str = "/ledger/redrive";
/// The header that names the mended record.
const MENDS_HEADER: &str = "ledger_mends";
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a redrive needs.
#[derive(Debug)]
pub struct RedriveOptions {
    pub kafka: KafkaSettings,
    pub orders_topic: String,
    /// The owner's: it writes the mark.
    pub owner: DatabaseUrl,
    pub mended: Position,
    /// The corrected event as the operator gave it.
    pub event: Vec<u8>,
}

/// A redrive that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Redriven {
    /// The parked record.
    pub mended: String,
    /// Where the event that mends it stands.
    pub position: String,
    pub event_type: &'static str,
    pub id: String,
    /// Whether an earlier redrive with the same event was finished by this one.
    pub resumed: bool,
}

/// Runs a redrive.
///
/// # Errors
/// [`DeadLettersError`]; nothing was appended by one that is refused.
pub fn redrive(options: RedriveOptions) -> LocalBoxFuture<'static, Result<Redriven, DeadLettersError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(redrive_one(options))
}

async fn redrive_one(options: RedriveOptions) -> Result<Redriven, DeadLettersError> {
    let RedriveOptions { kafka, orders_topic, owner, mended, event } = options;
    let corrected = Corrected::parse(&event, mended)?;
    Redriver::open(kafka, orders_topic, &owner).await?.redrive(mended, &corrected).await
}

/// What redrives of one run share: the owner's connection, who asks the log, and a producer.
pub(super) struct Redriver {
    kafka: KafkaSettings,
    pub(super) inspector: LogInspector,
    orders_topic: String,
    pub(super) connection: Watched,
    /// Made with the first append.
    producer: Option<FutureProducer<QuietContext>>,
}

impl Redriver {
    pub(super) async fn open(
        kafka: KafkaSettings,
        orders_topic: String,
        owner: &DatabaseUrl,
    ) -> Result<Self, DeadLettersError> {
        let inspector = LogInspector::new(&kafka)?;
        let connection = ledger_database::connect(owner).await?;
        Ok(Self { kafka, inspector, orders_topic, connection, producer: None })
    }

    pub(super) async fn redrive(
        &mut self,
        mended: Position,
        corrected: &Corrected,
    ) -> Result<Redriven, DeadLettersError> {
        check_parked(&mut self.connection, mended).await?;
        let partition_count = self.check_log().await?;
        let claim = marks::claim(&mut self.connection, mended, &corrected.value).await?;
        ledger_failpoints::reach(FailPoint::RedriveClaimed);
        check_claim(mended, &claim, corrected)?;
        let appended = self.append(partition_count, mended, corrected).await?;
        ledger_failpoints::reach(FailPoint::RedriveAppended);
        let mark = marks::finish(&mut self.connection, mended, appended).await?;
        ledger_failpoints::reach(FailPoint::RedriveMarked);
        match mark {
            Mark::Appended(position) if position == appended => Ok(Redriven {
                mended: mended.to_string(),
                position: position.to_string(),
                event_type: corrected.event.event_type(),
                id: corrected.event.id(),
                resumed: claim.earlier,
            }),
            Mark::Appended(appended) => Err(DeadLettersError::AlreadyRedriven { mended, appended }),
            Mark::Unfinished => Err(DeadLettersError::MarkTakenBack { mended, appended }),
        }
    }

    /// What [`Self::redrive`] would refuse by the marks; writes nothing.
    pub(super) async fn look(&mut self, mended: Position, corrected: &Corrected) -> Result<(), DeadLettersError> {
        match marks::find(&mut self.connection, mended).await? {
            Some(claim) => check_claim(mended, &claim, corrected),
            None => Ok(()),
        }
    }

    /// Checks that the log is the one that the records were parked from (INV-9); gives its partition count.
    pub(super) async fn check_log(&mut self) -> Result<i32, DeadLettersError> {
        let stored = positions::read(&mut self.connection, &self.orders_topic).await.map_err(LogCheckError::from)?;
        let Some(partition_count) = stored.first().map(|position| position.identity.partition_count) else {
            return Err(DeadLettersError::NoPositions { topic: self.orders_topic.clone() });
        };
        let (inspector, topic) = (self.inspector.clone(), self.orders_topic.clone());
        ask(move || log_check::check(&inspector, &topic, &stored)).await?;
        Ok(partition_count)
    }

    /// Appends the event where its key belongs; gives its position once all in-sync replicas have it (INV-7).
    async fn append(
        &mut self,
        partition_count: i32,
        mended: Position,
        corrected: &Corrected,
    ) -> Result<Position, DeadLettersError> {
        let producer = match &self.producer {
            Some(producer) => producer,
            None => self.producer.insert(producer(&self.kafka)?),
        };
        append(producer, &self.orders_topic, partition_count, mended, corrected).await
    }
}

fn check_claim(mended: Position, claim: &Claim, corrected: &Corrected) -> Result<(), DeadLettersError> {
    match claim.mark {
        Mark::Appended(appended) => Err(DeadLettersError::AlreadyRedriven { mended, appended }),
        Mark::Unfinished if claim.event != corrected.value => {
            let shown = |event: &[u8]| String::from_utf8_lossy(event).into_owned();
            let (expected, found) = (shown(&claim.event), shown(&corrected.value));
            Err(DeadLettersError::Unfinished { mended, expected, found })
        }
        Mark::Unfinished => Ok(()),
    }
}

fn producer(kafka: &KafkaSettings) -> Result<FutureProducer<QuietContext>, DeadLettersError> {
    let made = kafka
        .client("ledger-redrive")
        .set("partitioner", PARTITIONER)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "0")
        .set("delivery.timeout.ms", DELIVERY_TIMEOUT.as_millis().to_string())
        .create_with_context(QuietContext::default());
    Ok(made.map_err(|cause| KafkaUseError::Failed { action: "Kafka client settings", cause })?)
}

async fn append(
    producer: &FutureProducer<QuietContext>,
    topic: &str,
    partition_count: i32,
    mended: Position,
    corrected: &Corrected,
) -> Result<Position, DeadLettersError> {
    let (event, id) = (&corrected.event, corrected.event.id());
    let product_id = event.product_id().as_str();
    let mended_text = mended.to_string();
    let headers = cloudevents::headers(&id, event.event_type(), SOURCE, product_id)
        .into_iter()
        .chain([(MENDS_HEADER, mended_text.as_str())])
        .fold(OwnedHeaders::new_with_capacity(7), |all, (key, value)| all.insert(Header { key, value: Some(value) }));
    let record = FutureRecord::to(topic)
        .partition(partition_of(product_id.as_bytes(), partition_count))
        .key(product_id)
        .payload(&corrected.value)
        .headers(headers);
    let unacknowledged = |cause| DeadLettersError::Unacknowledged { mended, cause };
    let handed = producer.send_result(record).map_err(|(cause, _)| unacknowledged(cause))?;
    match handed.await {
        Ok(Ok(delivery)) => Ok(Position { partition: delivery.partition, offset: delivery.offset }),
        Ok(Err((cause, _))) => Err(unacknowledged(cause)),
        // The producer ended with the record in it.
        Err(_) => Err(unacknowledged(KafkaError::MessageProduction(RDKafkaErrorCode::PurgeInflight))),
    }
}
