//! The golden samples, each with its contract: examples for people, and what every reader must read for ever.
//!
//! It must never have a sample that is not a file of `golden/`. Next: [`crate::asyncapi`].

use crate::contract::Contract;

/// A golden sample.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    pub contract: Contract,
    /// The name of its file.
    pub file: &'static str,
    /// Its JSON, without the line's end.
    pub json: &'static str,
}

macro_rules! samples {
    ($($file:literal is $contract:ident),+ $(,)?) => {
        &[$(Sample {
            contract: Contract::$contract,
            file: $file,
            json: include_str!(concat!("../../golden/", $file)).trim_ascii_end(),
        }),+]
    };
}

/// All of them.
pub const ALL: &[Sample] = samples![
    "order_placed.v1.json" is OrderPlacedV1,
    "order_placed.v2.json" is OrderPlacedV2,
    "order_placed.v3.json" is OrderPlacedV3,
    "order_confirm_requested.v1.json" is OrderConfirmRequestedV1,
    "order_cancel_requested.v1.json" is OrderCancelRequestedV1,
    "stock_received.v1.json" is StockReceivedV1,
    "stock_adjusted.v1.json" is StockAdjustedV1,
    "hold_expired.v1.json" is HoldExpiredV1,
    "line_requested.v1.json" is LineRequestedV1,
    "line_decided.v1.json" is LineDecidedV1,
    "line_decided_rejected.v1.json" is LineDecidedV1,
    "line_released.v1.json" is LineReleasedV1,
    "line_confirmed.v1.json" is LineConfirmedV1,
    "order_confirmed.v1.json" is OrderConfirmedV1,
    "order_rejected.v1.json" is OrderRejectedV1,
    "order_held.v1.json" is OrderHeldV1,
    "order_cancelled.v1.json" is OrderCancelledV1,
    "order_confirmed.v2.json" is OrderConfirmedV2,
    "order_rejected.v2.json" is OrderRejectedV2,
    "order_held.v2.json" is OrderHeldV2,
    "order_cancelled.v2.json" is OrderCancelledV2,
    "stock_changed.v1.json" is StockChangedV1,
    "stock_changed.v2.json" is StockChangedV2,
    "adjustment_rejected.v1.json" is AdjustmentRejectedV1,
];

/// Those of a contract.
pub fn of(contract: Contract) -> impl Iterator<Item = Sample> {
    ALL.iter().copied().filter(move |sample| sample.contract == contract)
}
