//! From the log's reader, which blocks, to a worker, which waits for the database: batches of one partition each, few at a time.

use std::collections::BTreeMap;

use ledger_kafka::KafkaSettings;
use ledger_kafka::record::OwnedRecord;
use ledger_kafka::replay::{LogRange, LogReader, ReplayError};
use tokio::sync::mpsc;

/// How large a batch may be, in records and in bytes. Each partition has one in the making.
const BATCH_RECORDS: usize = 4096;
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// Batches that may wait for the worker.
const WAITING: usize = 2;

/// Records of one partition, in order of offset; never none.
pub(crate) type Batch = Vec<OwnedRecord>;

/// Starts to read `ranges` on a thread of its own. The channel ends after the last batch, or after an error.
pub(crate) fn start(
    settings: KafkaSettings,
    topic: String,
    ranges: Vec<LogRange>,
) -> mpsc::Receiver<Result<Batch, ReplayError>> {
    let (sender, batches) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = read(&settings, &topic, &ranges, &sender) {
            // Nobody receives it when the worker failed, too.
            let _ = sender.blocking_send(Err(error));
        }
    });
    batches
}

fn read(
    settings: &KafkaSettings,
    topic: &str,
    ranges: &[LogRange],
    sender: &mpsc::Sender<Result<Batch, ReplayError>>,
) -> Result<(), ReplayError> {
    let mut reader = LogReader::open(settings, topic, ranges)?;
    let mut making: BTreeMap<i32, (Batch, usize)> = BTreeMap::new();
    while let Some(record) = reader.next()? {
        let (batch, bytes) = making.entry(record.partition).or_default();
        *bytes += record.size();
        batch.push(record);
        if batch.len() >= BATCH_RECORDS || *bytes >= BATCH_BYTES {
            *bytes = 0;
            if sender.blocking_send(Ok(std::mem::take(batch))).is_err() {
                return Ok(());
            }
        }
    }
    for (batch, _) in making.into_values().filter(|(batch, _)| !batch.is_empty()) {
        if sender.blocking_send(Ok(batch)).is_err() {
            break;
        }
    }
    Ok(())
}
