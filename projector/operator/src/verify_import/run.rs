//! The comparison from beginning to end: the old table is read once and looked up in the ledger, batch by batch; then orders without
//! a row are looked for. It must never write, and never end as if all were compared when it was not. Next: [`super::extra`].

use futures_util::future::LocalBoxFuture;
use std::collections::HashSet;
use std::time::Duration;

use futures_util::TryStreamExt;
use ledger_database::{DatabaseUrl, Watched};
use ledger_kafka::{KafkaSettings, LogInspector, ask, use_error};
use ledger_schema::LineContents;
use sqlx::Executor;
use uuid::Uuid;

use super::difference::{ImportDifference, ImportVerified, Kind};
use super::error::VerifyImportError;
use super::extra::Extra;
use super::old_row::{IdReader, OldRow};
use super::table::OldTable;
use crate::import::derived_id::OldTopic;
use crate::import::ledger_reader::LedgerReader;
use crate::import::legacy_topic::{LegacyTopic, SourceError, Until};
use crate::import::source::{self, READING};
use crate::import::survey::legacy_topic;
use crate::import::{ImportError, Rules};

/// Rows that are looked up together.
const BATCH_ROWS: usize = 2000;

/// What to compare with what.
#[derive(Debug, Clone)]
pub struct VerifyImportOptions {
    /// The database of the old table; it names its schema.
    pub old: DatabaseUrl,
    /// `TABLE`, or `SCHEMA.TABLE`.
    pub table: String,
    /// The ledger's database.
    pub ledger: DatabaseUrl,
    /// How the old world wrote.
    pub rules: Rules,
    /// The old topic. Where it is known, only its orders have to have rows, and a place is an id.
    pub topic: Option<String>,
    /// How long one open transaction of the old topic is waited for.
    pub transaction_patience: Duration,
    /// Most differences that are listed.
    pub limit: usize,
}

/// Compares the old table with the ledger.
///
/// # Errors
/// [`VerifyImportError`].
pub fn run(
    options: VerifyImportOptions,
    kafka: &KafkaSettings,
) -> LocalBoxFuture<'_, Result<ImportVerified, VerifyImportError>> {
    // Boxed here, so that it is compiled here, once, and not again in each program that awaits it.
    Box::pin(verify_import(options, kafka))
}

async fn verify_import(
    options: VerifyImportOptions,
    kafka: &KafkaSettings,
) -> Result<ImportVerified, VerifyImportError> {
    let topic = find_topic(&options, kafka).await?;
    let mut old = ledger_database::connect(&options.old).await?;
    // What is not meant to write must not be able to.
    old.execute("SET SESSION TRANSACTION READ ONLY").await?;
    let mut ledger = LedgerReader::connect(options.ledger.clone()).await?;
    let database = options.old.database().unwrap_or_default();
    let table = OldTable::find(&mut old, database, &options.table, &options.rules, topic.is_some()).await?;
    let warnings = warnings(&table, topic.is_some());
    let verified = ImportVerified::new(table.name.clone(), options.limit, warnings);
    let named = topic.as_ref().map(LegacyTopic::as_old_topic);
    let mut verification = Verification { options: &options, kafka, table: &table, named: named.as_ref(), verified };
    verification.rows(&mut old, &mut ledger).await?;
    verification.extra(&mut old, &mut ledger, topic).await?;
    Ok(verification.verified)
}

async fn find_topic(
    options: &VerifyImportOptions,
    kafka: &KafkaSettings,
) -> Result<Option<LegacyTopic>, VerifyImportError> {
    let Some(topic) = options.topic.clone() else { return Ok(None) };
    let inspector = LogInspector::new(kafka)?;
    let name = topic.clone();
    let found = ask(move || legacy_topic(&inspector, name)).await?;
    found.map(Some).ok_or_else(|| ImportError::NoSuchTopic { topic }.into())
}

fn warnings(table: &OldTable, has_topic: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if table.total_price.is_none() {
        warnings.push(format!("table {} has no column for total_price: totals are not compared", table.name));
    }
    if !has_topic {
        let expected = "every order of the ledger is expected in the table";
        warnings.push(format!("{expected}; give `--topic` where the ledger has taken orders of its own since"));
    }
    warnings
}

struct Verification<'a> {
    options: &'a VerifyImportOptions,
    kafka: &'a KafkaSettings,
    table: &'a OldTable,
    named: Option<&'a OldTopic>,
    verified: ImportVerified,
}

impl<'a> Verification<'a> {
    fn ids(&self) -> IdReader<'a> {
        IdReader { rules: &self.options.rules, topic: self.named }
    }

    async fn rows(&mut self, old: &mut Watched, ledger: &mut LedgerReader) -> Result<(), VerifyImportError> {
        let ids = self.ids();
        let mut batch = Vec::with_capacity(BATCH_ROWS);
        let mut rows = sqlx::query(self.table.select_rows()).fetch(old);
        while let Some(row) = rows.try_next().await? {
            batch.push(OldRow::read(&row, &ids)?);
            if batch.len() == BATCH_ROWS {
                self.batch(&batch, ledger).await?;
                batch.clear();
            }
        }
        self.batch(&batch, ledger).await
    }

    async fn batch(&mut self, batch: &[OldRow], ledger: &mut LedgerReader) -> Result<(), VerifyImportError> {
        let ids = batch.iter().filter_map(|row| row.id.as_ref().ok()).flat_map(|id| &id.ids);
        let ids: HashSet<Uuid> = ids.map(|id| id.as_uuid()).collect();
        let stored = ledger.orders(&ids.into_iter().collect::<Vec<_>>()).await?;
        for row in batch {
            self.verified.rows += 1;
            let id = match &row.id {
                Ok(id) => id,
                Err(no_id) => {
                    self.verified.unreadable(no_id.text.clone(), no_id.why.clone(), row.line());
                    continue;
                }
            };
            let orders =
                || id.ids.iter().flat_map(|id| stored.of(*id).iter().map(move |order| (*id, order.contents())));
            let compared = orders().map(|(id, order)| (id, row.differences(order, self.table, &self.options.rules)));
            // Of two orders under one id (a race of two products), the one that is closer is the row's.
            match compared.min_by_key(|(_, differences)| differences.len()) {
                None => {
                    let first = *id.ids.first().expect("an id that was read is one or two");
                    self.verified.missing(first, id.text.clone(), row.line());
                }
                Some((order_id, differences)) => {
                    self.verified.compared += 1;
                    self.verified.changed += u64::from(!differences.is_empty());
                    for (column, old, ledger) in differences {
                        self.verified.list(ImportDifference {
                            kind: Kind::Changed,
                            order_id: Some(order_id.to_string()),
                            old_id: id.text.clone(),
                            column: Some(column),
                            old,
                            ledger: Some(ledger),
                            why: None,
                        });
                    }
                }
            }
        }
        Ok(())
    }

    async fn extra(
        &mut self,
        old: &mut Watched,
        ledger: &mut LedgerReader,
        topic: Option<LegacyTopic>,
    ) -> Result<(), VerifyImportError> {
        let mut extra = Extra::new(self.table, self.ids());
        while let Some(mut left) = extra.next(ledger, old).await? {
            if let Some(topic) = topic.clone().filter(|_| !left.is_empty()) {
                left = self.of_the_topic(topic, &left).await?;
            }
            let mut left: Vec<Uuid> = left.into_iter().collect();
            left.sort_unstable();
            for ids in left.chunks(BATCH_ROWS) {
                let stored = ledger.orders(ids).await?;
                for id in ids.iter().map(|id| ledger_schema::OrderId::from_uuid(*id)) {
                    let shown = stored.of(id).iter().map(|order| {
                        let order = order.contents();
                        let line = |line: &LineContents<'_>| {
                            let LineContents { product_id, quantity, unit_price } = line;
                            format!(", product_id {product_id}, quantity {quantity}, unit_price {unit_price}")
                        };
                        format!("user_id {}{}", order.user_id, order.lines.iter().map(line).collect::<String>())
                    });
                    self.verified.extra(id, shown.collect::<Vec<_>>().join("; "));
                }
            }
        }
        Ok(())
    }

    /// Which of `ids` are orders of the old topic.
    async fn of_the_topic(&self, topic: LegacyTopic, ids: &HashSet<Uuid>) -> Result<HashSet<Uuid>, VerifyImportError> {
        let (rules, patience) = (self.options.rules.clone(), self.options.transaction_patience);
        let name = topic.name.clone();
        let mut found = HashSet::new();
        let mut source = source::open(self.kafka, topic, Until::End, rules, patience)?;
        while let Some(chunk) = source.chunks.recv().await {
            let chunk = chunk.map_err(|error| match error {
                SourceError::Kafka(cause) => use_error(self.kafka.brokers(), READING, cause).into(),
                SourceError::Changed(changed) => ImportError::from(changed).into(),
                SourceError::Blocked(blocked) => {
                    let (topic, waited_seconds) = (name.clone(), patience.as_secs());
                    VerifyImportError::from(ImportError::OpenTransaction { topic, blocked, waited_seconds })
                }
            })?;
            for taken in chunk.into_iter().filter_map(|(_, parsed)| parsed.ok()) {
                found.extend(taken.ids().filter(|id| ids.contains(id)));
            }
        }
        Ok(found)
    }
}
