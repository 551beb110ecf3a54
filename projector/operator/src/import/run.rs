//! The import from beginning to end: read the file, check both sides, opening stock, then the old topic. All receipts are
//! acknowledged before the first order is appended, so that no order is rejected for stock that was on its way.
//!
//! It must never begin to append before everything that can be checked is checked. Next: [`super::orders`],
//! [`super::appender`].

use chrono::Utc;
use futures_util::future::LocalBoxFuture;
use ledger_database::DatabaseUrl;
use ledger_kafka::{KafkaSettings, LogInspector};
use ledger_schema::ProductId;
use ledger_schema::partitioner::partition_of;
use ledger_schema::wire::Event;
use tokio_util::sync::CancellationToken;

use super::appender::Appender;
use super::error::ImportError;
use super::id_map::IdMap;
use super::ledger_reader::LedgerReader;
use super::legacy_topic::LegacyTopic;
use super::opening_stock::{self, OpeningRow, OpeningStock};
use super::options::ImportOptions;
use super::orders::Orders;
use super::progress::Progress;
use super::refusal::Refusal;
use super::summary::{DerivedIdsSummary, NotTaken, StockSummary, Summary, Tally};
use super::survey::survey;

/// Rows of opening stock that are looked up together.
const STOCK_CHUNK_ROWS: usize = 2000;

/// Runs an import until its end, or until `stop`. What is read by then is still appended and acknowledged.
///
/// # Errors
/// [`ImportError`]; running it again is safe in every case.
pub fn run(
    options: ImportOptions,
    kafka: &KafkaSettings,
    database: DatabaseUrl,
    stop: CancellationToken,
) -> LocalBoxFuture<'_, Result<Summary, ImportError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(import(options, kafka, database, stop))
}

async fn import(
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
    let (legacy, partition_count, warnings) = survey(LogInspector::new(kafka)?, &options, positions).await?;
    let id_map = options.derived_ids.as_deref().map(IdMap::open).transpose()?;
    let source = format!("/ledger-import/{}", options.topic);
    let appender = Appender::new(kafka, &options.orders_topic, partition_count, source)?;
    let (topic, orders) = (options.topic.clone(), Tally::default());
    let summary = Summary { topic, orders, stock: None, derived_ids: None, warnings };
    let mut import = Import { options, kafka: kafka.clone(), partition_count, reader, appender, id_map, stop, summary };
    match import.all(stock, legacy).await {
        Ok(()) => Ok(import.done()),
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
    id_map: Option<IdMap>,
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

    fn done(self) -> Summary {
        let file = self.options.derived_ids.map(|path| path.display().to_string());
        let derived_ids = file.zip(self.id_map).map(|(file, id_map)| DerivedIdsSummary { file, ids: id_map.len() });
        Summary { derived_ids, ..self.summary }
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
            progress.refuse(&mut tally, &file, NotTaken::row(line, refusal));
        }
        for rows in stock.rows.chunks(STOCK_CHUNK_ROWS) {
            if self.stop.is_cancelled() {
                return Err(ImportError::Interrupted);
            }
            self.receipts(rows, &mut tally, &progress, &file).await?;
            progress.advance(&tally);
        }
        self.appender.flush().await?;
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
        let mut events = Vec::with_capacity(rows.len());
        for (OpeningRow { line, movement }, id) in rows.iter().zip(ids) {
            tally.read += 1;
            let before = stored.get(&(id, self.partition(movement.product_id())));
            match before.map(|before| before.difference(movement)) {
                None => events.push(Event::StockMoved(movement.clone())),
                Some(None) => tally.already_there += 1,
                Some(Some(why)) => {
                    progress.conflict(tally, file, NotTaken::row(*line, Refusal::new("product_id", why)));
                }
            }
        }
        Ok(self.appender.append(events).await?)
    }

    async fn orders(&mut self, legacy: LegacyTopic) -> Result<(), ImportError> {
        let mut progress = Progress::new("records of the old topic", legacy.len());
        let before = self.appender.acknowledged();
        let mut orders = Orders::new(&self.options, &mut self.reader, &self.appender, self.id_map.as_mut());
        let outcome = orders.all(&self.kafka, legacy, &self.stop, &mut progress).await;
        let (mut tally, warning) = orders.finish();
        tally.imported = self.appender.acknowledged() - before;
        progress.finish(&tally);
        self.summary.orders = tally;
        self.summary.warnings.extend(warning);
        outcome
    }
}
