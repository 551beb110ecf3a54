//! Where a topic's partitions end, asked of Kafka for reads that name a record (`?after=`) that nobody has folded yet, and for streams
//! that go on from a record that this service has not read yet.
//!
//! However many ask at the same time, Kafka is asked once, and once more for those that came after that: an answer counts for whoever
//! came before it was asked for. Silence is no answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger_kafka::{LogInspector, ask};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::watch::LOOK_LIMIT;

/// High watermarks by partition; none where Kafka did not say.
type Ends = Option<Arc<BTreeMap<i32, i64>>>;

pub(crate) struct LogEnds {
    inspector: LogInspector,
    topic: String,
    partitions: Vec<i32>,
    /// When it was asked for, and what was answered.
    last: Mutex<Option<(Instant, Ends)>>,
}

impl LogEnds {
    pub(crate) fn new(inspector: LogInspector, topic: String, partition_count: i32) -> Self {
        Self { inspector, topic, partitions: (0..partition_count).collect(), last: Mutex::new(None) }
    }

    /// The high watermark of a partition as of now, or none within a time limit.
    pub(crate) async fn of(&self, partition: i32) -> Option<i64> {
        self.of_all().await?.get(&partition).copied()
    }

    /// The high watermarks of all partitions as of now, of one question; none within a time limit.
    pub(crate) async fn of_all(&self) -> Ends {
        timeout(LOOK_LIMIT, self.since(Instant::now())).await.ok().flatten()
    }

    async fn since(&self, came: Instant) -> Ends {
        let mut last = self.last.lock().await;
        if let Some((asked, ends)) = &*last
            && *asked >= came
        {
            return ends.clone();
        }
        let asked = Instant::now();
        let (inspector, topic, partitions) = (self.inspector.clone(), self.topic.clone(), self.partitions.clone());
        let found = ask(move || inspector.watermarks_of(&topic, &partitions)).await;
        let ends = match found {
            Ok(marks) => Some(Arc::new(marks.into_iter().map(|(partition, marks)| (partition, marks.high)).collect())),
            Err(error) => {
                tracing::debug!(%error, "the log's ends cannot be known");
                None
            }
        };
        *last = Some((asked, ends.clone()));
        ends
    }
}
