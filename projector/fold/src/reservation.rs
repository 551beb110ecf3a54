//! A line that lives in another partition than its order's home, as the line's partition has it.
//!
//! It must never know the order's state: the home tells it what follows, through the log. Next: [`crate::effects`].

use ledger_schema::{LineNo, LineStatus, LineTarget, OrderId, ProductId, Quantity, RejectionReason};

/// Which line of which order. The home is part of it, since a race may leave two orders of one id, at home in two partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReservationKey {
    pub order_id: OrderId,
    pub home_partition: i32,
    pub line_no: LineNo,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationState {
    /// Its pieces are taken; the order is not confirmed, as far as this partition knows.
    Reserved,
    /// Its pieces are taken for good.
    Confirmed,
    /// Its pieces were given back.
    Released,
    /// `unknown-product` or `out-of-stock`.
    Rejected(RejectionReason),
}

impl ReservationState {
    /// The word of the column `status`; what is confirmed is reserved, with a mark of its own.
    pub fn status(self) -> LineStatus {
        match self {
            Self::Reserved | Self::Confirmed => LineStatus::Reserved,
            Self::Released => LineStatus::Released,
            Self::Rejected(_) => LineStatus::Rejected,
        }
    }

    pub fn is_confirmed(self) -> bool {
        self == Self::Confirmed
    }

    pub fn reason(self) -> Option<RejectionReason> {
        match self {
            Self::Rejected(reason) => Some(reason),
            Self::Reserved | Self::Confirmed | Self::Released => None,
        }
    }

    /// From a row; `None`: no fold writes such a row.
    pub fn from_stored(status: LineStatus, is_confirmed: bool, reason: Option<RejectionReason>) -> Option<Self> {
        match (status, is_confirmed, reason) {
            (LineStatus::Reserved, false, None) => Some(Self::Reserved),
            (LineStatus::Reserved, true, None) => Some(Self::Confirmed),
            (LineStatus::Released, false, None) => Some(Self::Released),
            (
                LineStatus::Rejected,
                false,
                Some(reason @ (RejectionReason::UnknownProduct | RejectionReason::OutOfStock)),
            ) => Some(Self::Rejected(reason)),
            _ => None,
        }
    }
}

/// A row of `reservations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationRow {
    pub key: ReservationKey,
    pub product_id: ProductId,
    pub quantity: Quantity,
    pub state: ReservationState,
    /// Of the `LineRequested` that it was decided by.
    pub offset: i64,
}

impl ReservationRow {
    /// Whether the event is about this very line.
    pub(crate) fn is_of(&self, target: &LineTarget) -> bool {
        self.product_id == target.product_id && self.quantity == target.quantity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_nothing_else() {
        let out = RejectionReason::OutOfStock;
        for state in [
            ReservationState::Reserved,
            ReservationState::Confirmed,
            ReservationState::Released,
            ReservationState::Rejected(out),
        ] {
            let read = ReservationState::from_stored(state.status(), state.is_confirmed(), state.reason());
            assert_eq!(read, Some(state));
        }
        for (status, is_confirmed, reason) in [
            (LineStatus::Pending, false, None),
            (LineStatus::Released, true, None),
            (LineStatus::Rejected, false, None),
            (LineStatus::Rejected, false, Some(RejectionReason::BelowZero)),
            (LineStatus::Reserved, false, Some(out)),
        ] {
            assert_eq!(ReservationState::from_stored(status, is_confirmed, reason), None);
        }
    }
}
