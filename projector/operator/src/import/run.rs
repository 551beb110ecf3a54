//! The import from beginning to end: read the file, check both sides, opening stock, then the old topic. All receipts are
//! acknowledged before the first order is appended, so that no order is rejected for stock that was on its way.
//!
//! It must never begin to append before everything that can be checked is checked. Next: [`super::source`],
//! [`super::appender`].

use chrono::Utc;
use ledger_database::DatabaseUrl;
use ledger_kafka::{KafkaSettings, LogInspector, use_error};
use ledger_schema::partitioner::partition_of;
use ledger_schema::wire::Event;
use ledger_schema::{Order, Position, ProductId};
use rdkafka::error::KafkaError;
use tokio_util::sync::CancellationToken;

use super::appender::Appender;
use super::error::ImportError;
use super::ledger_reader::LedgerReader;
use super::open_transaction::OpenTransactions;
use super::opening_stock::{self, OpeningRow, OpeningStock};
use super::options::ImportOptions;
use super::progress::Progress;
use super::refusal::Refusal;
use super::source::{self, LegacyTopic, Parsed, Source, SourceError, Until};
use super::summary::{NotTaken, StockSummary, Summary, Tally};
use super::survey::{survey, warnings};

/// Rows of opening stock that are looked up together.
const STOCK_CHUNK_ROWS: usize = 2000;

/// Runs an import until its end, or until `stop`. What is read by then is still appended and acknowledged.
///
/// # Errors
/// [`ImportError`]; running it again is safe in every case.
pub async fn run(
    options: ImportOptions,
    kafka: &KafkaSettings,
    database: DatabaseUrl,
    stop: CancellationToken,
) -> Result<Summary, ImportError> {
    if options.topic == options.orders_topic || options.other_topics.contains(&options.topic) {
        return Err(ImportError::OwnTopic { topic: options.topic });
    }
    let stock = options.stock.as_deref().map(|path| opening_stock::read(path, Utc::now())).transpose()?;
    let mut reader = LedgerReader::connect(database).await?;
    let positions = reader.positions(&options.orders_topic).await?;
    let (legacy, partition_count) = survey(LogInspector::new(kafka)?, &options, positions).await?;
    let source = format!("/ledger-import/{}", options.topic);
    let appender = Appender::new(kafka, &options.orders_topic, partition_count, source)?;
    let summary =
        Summary { topic: options.topic.clone(), orders: Tally::default(), stock: None, warnings: warnings(&legacy) };
    let mut import = Import { options, kafka: kafka.clone(), partition_count, reader, appender, stop, summary };
    match import.all(stock, legacy).await {
        Ok(()) => Ok(import.summary),
        Err(cause) => Err(import.stopped(cause)),
    }
}

/// An import under way.
struct Import {
    options: ImportOptions,
    kafka: KafkaSettings,
    partition_count: i32,
    reader: LedgerReader,
    appender: Appender,
    stop: CancellationToken,
    summary: Summary,
}

impl Import {
    async fn all(&mut self, stock: Option<OpeningStock>, legacy: LegacyTopic) -> Result<(), ImportError> {
        for warning in &self.summary.warnings {
            tracing::warn!("{warning}");
        }
        if let Some(stock) = stock {
            self.opening_stock(stock).await?;
        }
        self.orders(legacy).await
    }

    fn stopped(&self, cause: ImportError) -> ImportError {
        let read = self.summary.orders.read + self.summary.stock.as_ref().map_or(0, |stock| stock.rows.read);
        ImportError::Stopped { cause: Box::new(cause), read, acknowledged: self.appender.acknowledged() }
    }

    fn partition(&self, product_id: &ProductId) -> i32 {
        partition_of(product_id.as_str().as_bytes(), self.partition_count)
    }

    async fn opening_stock(&mut self, stock: OpeningStock) -> Result<(), ImportError> {
        let file = self.options.stock.as_deref().map_or_else(String::new, |path| path.display().to_string());
        let total = stock.rows.len() + stock.refused.len();
        let mut progress = Progress::new("rows of opening stock", u64::try_from(total).expect("rows in memory"));
        let mut tally = Tally::default();
        for (line, refusal) in stock.refused {
            tally.read += 1;
            refuse(&mut tally, &progress, &file, NotTaken::row(line, refusal));
        }
        for rows in stock.rows.chunks(STOCK_CHUNK_ROWS) {
            if self.stop.is_cancelled() {
                return Err(ImportError::Interrupted);
            }
            self.receipts(rows, &mut tally, &progress, &file).await?;
            progress.advance(&tally);
        }
        self.flush().await?;
        tally.imported = self.appender.acknowledged();
        progress.finish(&tally);
        self.summary.stock = Some(StockSummary { file, rows: tally });
        Ok(())
    }

    async fn receipts(
        &mut self,
        rows: &[OpeningRow],
        tally: &mut Tally,
        progress: &Progress,
        file: &str,
    ) -> Result<(), ImportError> {
        let ids: Vec<_> = rows.iter().map(|row| row.movement.movement_id().as_uuid()).collect();
        let stored = self.reader.movements(&ids).await?;
        for (OpeningRow { line, movement }, id) in rows.iter().zip(ids) {
            tally.read += 1;
            let before = stored.get(&(id, self.partition(movement.product_id())));
            match before.map(|before| before.difference(movement)) {
                None => self.append(&Event::StockMoved(movement.clone())).await?,
                Some(None) => tally.already_there += 1,
                Some(Some(why)) => {
                    conflict(tally, progress, file, NotTaken::row(*line, Refusal::new("product_id", why)));
                }
            }
        }
        Ok(())
    }

    async fn orders(&mut self, legacy: LegacyTopic) -> Result<(), ImportError> {
        let until = if self.options.follow { Until::Stopped } else { Until::End };
        let mut progress = Progress::new("records of the old topic", legacy.len());
        let mut tally = Tally::default();
        let before = self.appender.acknowledged();
        let outcome = self.read(legacy, until, &mut tally, &mut progress).await;
        tally.imported = self.appender.acknowledged() - before;
        progress.finish(&tally);
        self.summary.orders = tally;
        outcome
    }

    async fn read(
        &mut self,
        legacy: LegacyTopic,
        until: Until,
        tally: &mut Tally,
        progress: &mut Progress,
    ) -> Result<(), ImportError> {
        let topic = legacy.name.clone();
        let brokers = self.kafka.brokers().to_owned();
        let failed = |error: KafkaError| use_error(&brokers, "reading the old topic", error);
        let consumer = source::consumer(&self.kafka).map_err(failed)?;
        let patience = self.options.transaction_patience;
        let wait = (until == Until::End).then_some(patience);
        let transactions = OpenTransactions::new(&self.kafka, &topic, wait)?;
        let mut source = source::start(consumer, legacy, until, transactions).map_err(failed)?;
        while let Some(chunk) = next_chunk(&mut source, &self.stop).await {
            let chunk = chunk.map_err(|error| match error {
                SourceError::Kafka(cause) => failed(cause).into(),
                SourceError::Blocked(blocked) => {
                    let (topic, waited_seconds) = (topic.clone(), patience.as_secs());
                    ImportError::OpenTransaction { topic, blocked, waited_seconds }
                }
            });
            self.chunk(chunk?, &topic, tally, progress).await?;
            progress.advance(tally);
            if source.chunks.is_empty() {
                // Nothing more for now: a delivery that fails must be reported now, not with the next record.
                self.flush().await?;
            }
        }
        self.flush().await?;
        match until {
            Until::End if self.stop.is_cancelled() => Err(ImportError::Interrupted),
            _ => Ok(()),
        }
    }

    async fn chunk(
        &mut self,
        chunk: Vec<Parsed>,
        topic: &str,
        tally: &mut Tally,
        progress: &Progress,
    ) -> Result<(), ImportError> {
        let taken = chunk.iter().filter_map(|(_, parsed)| parsed.as_ref().ok());
        let ids: Vec<_> = taken.map(|order| order.order_id().as_uuid()).collect();
        let stored = self.reader.orders(&ids).await?;
        for (position, parsed) in chunk {
            tally.read += 1;
            let order: Order = match parsed {
                Ok(order) => order,
                Err(refusal) => {
                    refuse(tally, progress, topic, NotTaken::record(position, refusal));
                    continue;
                }
            };
            let before = stored.get(&(order.order_id().as_uuid(), self.partition(order.product_id())));
            match before.map(|before| before.difference(&order)) {
                None => self.append(&Event::OrderPlaced(order)).await?,
                Some(None) => tally.already_there += 1,
                Some(Some(why)) => conflict(tally, progress, topic, not_the_same(position, why)),
            }
        }
        Ok(())
    }

    async fn append(&self, event: &Event) -> Result<(), ImportError> {
        self.appender.append(event).await.map_err(|error| self.delivery(error))
    }

    async fn flush(&self) -> Result<(), ImportError> {
        self.appender.flush().await.map_err(|error| self.delivery(error))
    }

    fn delivery(&self, error: KafkaError) -> ImportError {
        use_error(self.kafka.brokers(), "appending to the log", error).into()
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

fn not_the_same(position: Position, why: String) -> NotTaken {
    NotTaken::record(position, Refusal::new("order_id", why))
}

fn refuse(tally: &mut Tally, progress: &Progress, source: &str, not_taken: NotTaken) {
    progress.name(source, "is refused", &not_taken);
    tally.refuse(not_taken);
}

fn conflict(tally: &mut Tally, progress: &Progress, source: &str, not_taken: NotTaken) {
    progress.name(source, "conflicts", &not_taken);
    tally.conflict(not_taken);
}
