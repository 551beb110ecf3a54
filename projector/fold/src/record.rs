//! What goes into the fold. Next: [`crate::state`].

use ledger_schema::partitioner::partition_of;
use ledger_schema::{LineTarget, ProductId};

use crate::reservation::ReservationKey;

/// Which partition is folded, of how many. The count decides where a key lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Kafka's partition number, 0 to `count` - 1.
    pub number: i32,
    /// How many partitions the log has; frozen when it was created.
    pub count: i32,
}

impl Partition {
    /// The partition in which a product lives.
    pub fn of(self, product_id: &ProductId) -> i32 {
        partition_of(product_id.as_str().as_bytes(), self.count)
    }

    /// Whether the product lives here.
    pub fn has(self, product_id: &ProductId) -> bool {
        self.of(product_id) == self.number
    }

    /// What the line is stored under in its own partition.
    pub fn reservation_key(self, target: &LineTarget) -> ReservationKey {
        let home_partition = self.of(&target.home_product_id);
        ReservationKey { order_id: target.order_id, home_partition, line_no: target.line_no }
    }
}

/// One record of the log as Kafka delivered it. Headers take no part in the fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub offset: i64,
    /// Kafka's time of the record, milliseconds since 1970, where it has one: the broker's where the topic is as `ledger migrate`
    /// makes it. It decides nothing but a place in a list ([`crate::listed`]).
    pub time_ms: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
}
