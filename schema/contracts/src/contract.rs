//! What there is: every type and version that the code can write to a topic, each with the name of its file.
//!
//! It must never be a list that somebody has to remember: [`Contract::of_event`] and [`Contract::of_outcome`] are exhaustive, so that a new
//! variant does not compile before it has a contract. Next: `events`, `outcomes`.

use ledger_schema::wire::{self, Event, OrderMoved, Outcome};
use ledger_schema::{LineStep, MovementKind, RequestKind, Terms, topics};
use serde_json::Value;

use crate::compare::Compatibility;
use crate::{events, outcomes};

/// A topic whose values have schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// The log.
    Orders,
    /// What the projector publishes.
    Outcomes,
}

impl Topic {
    pub const ALL: [Self; 2] = [Self::Orders, Self::Outcomes];

    /// Its default name, which is that of its folder, too.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => topics::ORDERS,
            Self::Outcomes => topics::OUTCOMES,
        }
    }

    /// What a released schema promises for ever. The log is read from its beginning by every later reader, and may be written by others
    /// than us, at their own pace: neither side may run ahead. Outcomes have one writer, whose readers follow it.
    pub const fn compatibility(self) -> Compatibility {
        match self {
            Self::Orders => Compatibility::FullTransitive,
            Self::Outcomes => Compatibility::BackwardTransitive,
        }
    }
}

macro_rules! contracts {
    ($($(#[$doc:meta])* $variant:ident = $topic:ident, $event_type:expr, $version:literal, $file:literal, $schema:expr;)+) => {
        /// A type and version of a topic.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Contract { $($(#[$doc])* $variant),+ }

        impl Contract {
            /// All, in the order in which they are described.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn topic(self) -> Topic {
                match self { $(Self::$variant => Topic::$topic),+ }
            }

            /// The word in `type` and `ce_type`.
            pub fn event_type(self) -> &'static str {
                match self { $(Self::$variant => $event_type),+ }
            }

            /// The number in `version`.
            pub const fn version(self) -> u32 {
                match self { $(Self::$variant => $version),+ }
            }

            /// What files of it begin with: its golden samples, and its schema.
            pub const fn file_stem(self) -> &'static str {
                match self { $(Self::$variant => $file),+ }
            }

            /// Its JSON Schema.
            pub fn schema(self) -> Value {
                let described = match self { $(Self::$variant => $schema),+ };
                described.into_schema(self)
            }
        }
    };
}

contracts! {
    OrderPlacedV1 = Orders, wire::ORDER_PLACED, 1, "order_placed.v1", events::order_placed(false);
    OrderPlacedV2 = Orders, wire::ORDER_PLACED, 2, "order_placed.v2", events::order_placed(true);
    OrderPlacedV3 = Orders, wire::ORDER_PLACED, 3, "order_placed.v3", events::order_of_lines();
    OrderConfirmRequestedV1 = Orders, wire::ORDER_CONFIRM_REQUESTED, 1, "order_confirm_requested.v1", events::confirm_requested();
    OrderCancelRequestedV1 = Orders, wire::ORDER_CANCEL_REQUESTED, 1, "order_cancel_requested.v1", events::cancel_requested();
    StockReceivedV1 = Orders, wire::STOCK_RECEIVED, 1, "stock_received.v1", events::stock_received();
    StockAdjustedV1 = Orders, wire::STOCK_ADJUSTED, 1, "stock_adjusted.v1", events::stock_adjusted();
    HoldExpiredV1 = Orders, wire::HOLD_EXPIRED, 1, "hold_expired.v1", events::hold_expired();
    LineRequestedV1 = Orders, wire::LINE_REQUESTED, 1, "line_requested.v1", events::line_requested();
    LineDecidedV1 = Orders, wire::LINE_DECIDED, 1, "line_decided.v1", events::line_decided();
    LineReleasedV1 = Orders, wire::LINE_RELEASED, 1, "line_released.v1", events::line_released();
    LineConfirmedV1 = Orders, wire::LINE_CONFIRMED, 1, "line_confirmed.v1", events::line_confirmed();
    OrderConfirmedV1 = Outcomes, OrderMoved::Confirmed.event_type(), 1, "order_confirmed.v1", outcomes::confirmed();
    OrderRejectedV1 = Outcomes, OrderMoved::Rejected.event_type(), 1, "order_rejected.v1", outcomes::rejected();
    OrderHeldV1 = Outcomes, OrderMoved::Held.event_type(), 1, "order_held.v1", outcomes::held();
    OrderCancelledV1 = Outcomes, OrderMoved::Cancelled.event_type(), 1, "order_cancelled.v1", outcomes::cancelled();
    OrderConfirmedV2 = Outcomes, OrderMoved::Confirmed.event_type(), 2, "order_confirmed.v2", outcomes::of_lines(OrderMoved::Confirmed);
    OrderRejectedV2 = Outcomes, OrderMoved::Rejected.event_type(), 2, "order_rejected.v2", outcomes::of_lines(OrderMoved::Rejected);
    OrderHeldV2 = Outcomes, OrderMoved::Held.event_type(), 2, "order_held.v2", outcomes::of_lines(OrderMoved::Held);
    OrderCancelledV2 = Outcomes, OrderMoved::Cancelled.event_type(), 2, "order_cancelled.v2", outcomes::of_lines(OrderMoved::Cancelled);
    StockChangedV1 = Outcomes, "StockChanged", 1, "stock_changed.v1", outcomes::stock_changed();
    StockChangedV2 = Outcomes, "StockChanged", 2, "stock_changed.v2", outcomes::stock_released();
    AdjustmentRejectedV1 = Outcomes, "AdjustmentRejected", 1, "adjustment_rejected.v1", outcomes::adjustment_rejected();
}

impl Contract {
    /// What the event is written as.
    pub fn of_event(event: &Event) -> Self {
        match event {
            Event::OrderPlaced(order) if order.line_count() > 1 || order.terms() != Terms::default() => {
                Self::OrderPlacedV3
            }
            Event::OrderPlaced(order) if order.channel().is_some() => Self::OrderPlacedV2,
            Event::OrderPlaced(_) => Self::OrderPlacedV1,
            Event::StockMoved(movement) => match movement.kind() {
                MovementKind::Receipt(_) => Self::StockReceivedV1,
                MovementKind::Adjustment { .. } => Self::StockAdjustedV1,
            },
            Event::OrderRequested(request) => match request.kind() {
                RequestKind::Confirm => Self::OrderConfirmRequestedV1,
                RequestKind::Cancel { .. } => Self::OrderCancelRequestedV1,
                RequestKind::Expire => Self::HoldExpiredV1,
            },
            Event::LineTold(told) => match told.step {
                LineStep::Requested => Self::LineRequestedV1,
                LineStep::Decided(_) => Self::LineDecidedV1,
                LineStep::Released => Self::LineReleasedV1,
                LineStep::Confirmed => Self::LineConfirmedV1,
            },
        }
    }

    /// What the outcome is written as.
    pub fn of_outcome(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::OrderConfirmed(_) => Self::OrderConfirmedV1,
            Outcome::OrderRejected(_) => Self::OrderRejectedV1,
            Outcome::OrderHeld(_) => Self::OrderHeldV1,
            Outcome::OrderCancelled(_) => Self::OrderCancelledV1,
            Outcome::OfLines(outcome) => match outcome.moved {
                OrderMoved::Confirmed => Self::OrderConfirmedV2,
                OrderMoved::Rejected => Self::OrderRejectedV2,
                OrderMoved::Held => Self::OrderHeldV2,
                OrderMoved::Cancelled => Self::OrderCancelledV2,
            },
            Outcome::StockChanged(_) => Self::StockChangedV1,
            Outcome::StockReleased(_) => Self::StockChangedV2,
            Outcome::AdjustmentRejected(_) => Self::AdjustmentRejectedV1,
        }
    }

    /// That of a value of the topic, by its `type` and `version`.
    pub fn of_value(topic: Topic, value: &Value) -> Option<Self> {
        let (event_type, version) = (value.get("type")?.as_str()?, value.get("version")?.as_u64()?);
        let is_it = |contract: &Self| {
            contract.topic() == topic && contract.event_type() == event_type && u64::from(contract.version()) == version
        };
        Self::ALL.iter().copied().find(is_it)
    }

    /// `TYPE version N`, for messages.
    pub fn title(self) -> String {
        format!("{} version {}", self.event_type(), self.version())
    }

    /// Its id in every document: a name, not an address.
    pub fn id(self) -> String {
        format!("urn:order-ledger:{}:{}:{}", self.topic().name(), self.event_type(), self.version())
    }

    /// Where its schema stands, below the folder of contracts.
    pub fn path(self) -> String {
        format!("{}/{}.json", self.topic().name(), self.file_stem())
    }
}
