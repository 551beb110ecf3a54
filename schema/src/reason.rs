//! The closed lists of words that travel outside: statuses, rejection reasons, and the reasons why a record is
//! parked. They are the same in SQL, in outcomes and in REST (where a reason is the last segment of a problem's `type`).
//!
//! It must never lose or rename a word: tables and topics hold them. Next: [`crate::wire`], which gives the first of them.

use std::fmt;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// Every word, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The variant that `word` names, if any.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// Where an order stands, or what became of a movement. (Of a record that is not folded yet REST says `pending`, too.)
    Status {
        /// An order of which some lines are not decided yet.
        Pending = "pending",
        /// Every line is reserved, and somebody has to confirm.
        Held = "held",
        Confirmed = "confirmed",
        Rejected = "rejected",
        Cancelled = "cancelled",
    }
);

words!(
    /// Why a well-formed order or adjustment was refused by the fold.
    RejectionReason {
        /// The product never had stock: no receipt introduced it.
        UnknownProduct = "unknown-product",
        /// Fewer pieces are available than were ordered.
        OutOfStock = "out-of-stock",
        /// The adjustment would take the stock below zero.
        BelowZero = "below-zero",
    }
);

words!(
    /// Where a line of an order stands.
    LineStatus {
        /// Its partition has not decided, as far as the order's home knows.
        Pending = "pending",
        /// Its pieces are taken.
        Reserved = "reserved",
        /// Its partition refused it.
        Rejected = "rejected",
        /// Its pieces were given back, or will not be taken.
        Released = "released",
    }
);

words!(
    /// Why a line's order is rejected or cancelled: the column `reason` of `orders`.
    OrderReason {
        /// As [`RejectionReason::UnknownProduct`], of this very line.
        UnknownProduct = "unknown-product",
        /// As [`RejectionReason::OutOfStock`], of this very line.
        OutOfStock = "out-of-stock",
        /// Another line of the order was refused.
        LineRejected = "line-rejected",
        /// Somebody cancelled the order.
        Cancelled = "cancelled",
        /// Its hold was over before anybody confirmed.
        Expired = "expired",
    }
);

words!(
    /// Why a record was parked in `dead_letters` instead of folded.
    ParkReason {
        /// The value is larger than [`crate::wire::MAX_EVENT_BYTES`].
        TooLarge = "too-large",
        /// The record has no value (a tombstone) or an empty one.
        EmptyValue = "empty-value",
        /// The value is not a JSON object with a `type` and a `version`, or a field is missing or of the wrong type.
        Undecodable = "undecodable",
        /// No event of that `type` is known.
        UnknownType = "unknown-type",
        /// The type is known, the version is not.
        UnknownVersion = "unknown-version",
        /// A field is of the right type but breaks a rule.
        InvalidField = "invalid-field",
        /// `total_price` is not `quantity * unit_price`, or overflows.
        WrongTotal = "wrong-total",
        /// The key is not the product id.
        WrongKey = "wrong-key",
        /// The record lies in another partition than its key hashes to.
        WrongPartition = "wrong-partition",
        /// An order or movement of that id, with other contents, stands before it in the partition.
        ConflictingDuplicate = "conflicting-duplicate",
        /// A receipt, an adjustment or pieces that are given back would take the stock above 2^53 - 1.
        StockOverflow = "stock-overflow",
        /// No order of that id is at home in the partition.
        UnknownOrder = "unknown-order",
        /// The order has no such line, or the partition never had it reserved.
        UnknownLine = "unknown-line",
        /// The cause is none that can lead to the event: its partition is not the sender's.
        WrongCause = "wrong-cause",
        /// The hold's time is not over at the event's own time.
        HoldNotOver = "hold-not-over",
        /// An operator had it skipped, so nothing was read of it.
        Skipped = "skipped",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_word(status.as_str()), Some(*status));
        }
        for reason in RejectionReason::ALL {
            assert_eq!(RejectionReason::from_word(reason.as_str()), Some(*reason));
        }
        for reason in OrderReason::ALL {
            assert_eq!(OrderReason::from_word(reason.as_str()), Some(*reason));
        }
        for status in LineStatus::ALL {
            assert_eq!(LineStatus::from_word(status.as_str()), Some(*status));
        }
        for reason in ParkReason::ALL {
            assert_eq!(ParkReason::from_word(reason.as_str()), Some(*reason));
        }
        assert_eq!(Status::from_word("unknown"), None);
    }
}
