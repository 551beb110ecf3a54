//! What the ticker needs of the tables and of the log, and nothing more. Besides MariaDB and Kafka, whoever tests it has both in memory.

use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use ledger_failpoints::FailPoint;
use ledger_fold::{OpenOrder, OrderRow};
use ledger_schema::wire::Event;
use ledger_schema::{OrderId, Status};
use ledger_store::{DueOrders, StoreError};
use rdkafka::error::KafkaError;

use crate::appender::{LogAppender, LogRecord};

/// The open orders of the live tables.
pub trait OpenOrders {
    /// The next page of orders of a status that are due by `up_to`, in that order, after `after`. The last page is not full.
    fn due(
        &mut self,
        partition: i32,
        status: Status,
        up_to: DateTime<Utc>,
        after: Option<OpenOrder>,
    ) -> impl Future<Output = Result<Vec<OpenOrder>, StoreError>> + Send;

    /// The orders at home in `partition` that have these ids.
    fn orders(
        &mut self,
        partition: i32,
        ids: &[OrderId],
    ) -> impl Future<Output = Result<Vec<OrderRow>, StoreError>> + Send;

    /// Since when the oldest pending order of `partition` is pending.
    fn oldest_pending(
        &mut self,
        partition: i32,
    ) -> impl Future<Output = Result<Option<DateTime<Utc>>, StoreError>> + Send;
}

/// The log, as far as one appends to it.
pub trait AppendsEvents {
    /// Appends events where their keys belong, in order; all stand there when this is answered.
    fn append(&self, events: &[Event]) -> impl Future<Output = Result<(), KafkaError>> + Send;
}

impl OpenOrders for DueOrders {
    async fn due(
        &mut self,
        partition: i32,
        status: Status,
        up_to: DateTime<Utc>,
        after: Option<OpenOrder>,
    ) -> Result<Vec<OpenOrder>, StoreError> {
        Self::due(self, partition, status, up_to, after).await
    }

    async fn orders(&mut self, partition: i32, ids: &[OrderId]) -> Result<Vec<OrderRow>, StoreError> {
        Self::orders(self, partition, ids).await
    }

    async fn oldest_pending(&mut self, partition: i32) -> Result<Option<DateTime<Utc>>, StoreError> {
        Self::oldest_pending(self, partition).await
    }
}

/// The log in Kafka.
pub struct KafkaLog {
    pub appender: Arc<LogAppender>,
    /// Of the log.
    pub partition_count: i32,
}

impl AppendsEvents for KafkaLog {
    async fn append(&self, events: &[Event]) -> Result<(), KafkaError> {
        if events.is_empty() {
            return Ok(());
        }
        let records: Vec<_> = events.iter().map(|event| LogRecord::of_event(event, self.partition_count)).collect();
        self.appender.append(&records).await?;
        ledger_failpoints::reach(FailPoint::TickAppended);
        Ok(())
    }
}
