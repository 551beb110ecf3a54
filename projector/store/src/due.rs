//! What is due of the live tables' open orders, for whoever appends what follows: the projector's ticker. It only reads, and what it read
//! may be older than what the log says: nothing is decided by it.

use chrono::{DateTime, Utc};
use ledger_database::{DatabaseUrl, Tables};
use ledger_fold::{OpenOrder, OrderRow};
use ledger_schema::{OrderId, Status};

use crate::error::StoreError;
use crate::open_orders::OpenOrderStatements;
use crate::prior::PriorStatements;
use crate::transaction::Session;

/// Reads with a connection of its own, opened anew when it was lost.
pub struct DueOrders {
    session: Session,
    open: OpenOrderStatements,
    orders: PriorStatements,
}

impl DueOrders {
    /// It connects when it is first used.
    pub fn new(url: DatabaseUrl) -> Self {
        let tables = Tables::live();
        let (open, orders) = (OpenOrderStatements::new(&tables), PriorStatements::new(&tables));
        Self { session: Session::new(url), open, orders }
    }

    /// The next orders of a status that are due by `up_to`, after `after`; [`crate::open_orders::PAGE`] at most.
    ///
    /// # Errors
    /// The database's.
    pub async fn due(
        &mut self,
        partition: i32,
        status: Status,
        up_to: DateTime<Utc>,
        after: Option<OpenOrder>,
    ) -> Result<Vec<OpenOrder>, StoreError> {
        let mut connection = self.session.take().await?;
        let due = self.open.due(&mut connection, partition, status, up_to, after).await?;
        self.session.put_back(connection);
        Ok(due)
    }

    /// The orders at home in `partition` that have these ids.
    ///
    /// # Errors
    /// The database's, or [`StoreError::CorruptRow`].
    pub async fn orders(&mut self, partition: i32, ids: &[OrderId]) -> Result<Vec<OrderRow>, StoreError> {
        let mut connection = self.session.take().await?;
        let orders = self.orders.orders(&mut connection, partition, ids).await?;
        self.session.put_back(connection);
        Ok(orders)
    }

    /// Since when the oldest pending order of `partition` is pending.
    ///
    /// # Errors
    /// The database's.
    pub async fn oldest_pending(&mut self, partition: i32) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut connection = self.session.take().await?;
        let oldest = self.open.oldest_pending(&mut connection, partition).await?;
        self.session.put_back(connection);
        Ok(oldest)
    }
}
