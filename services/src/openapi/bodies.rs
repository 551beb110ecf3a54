//! The bodies of requests, as the document describes them. What is read of them, and what is refused beyond what a schema can say:
//! `crate::request`.

use utoipa::ToSchema;

use crate::texts::{OrderIdText, ProductIdText, UserIdText};

/// A line of an order. `totalPrice`, when given, must be `quantity * unitPrice`.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineBody {
    /// In one line of the order only.
    #[schema(value_type = ProductIdText)]
    pub product_id: String,
    #[schema(minimum = 1, maximum = 1_000_000_000, example = 3)]
    pub quantity: i64,
    /// Minor units of the currency.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 250)]
    pub unit_price: i64,
    /// Minor units of the currency.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 750, nullable = false)]
    pub total_price: Option<i64>,
}

/// The goods are held until somebody confirms the order.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldBody {
    /// Counted from when the order is placed.
    #[schema(minimum = 1, maximum = 86_400, example = 900)]
    pub expires_in_seconds: i64,
}

/// The bodies of both addresses at which an order is placed: with `userId`, and without.
macro_rules! order_bodies {
    ($(#[$one_doc:meta])* $one:ident, $(#[$lines_doc:meta])* $lines:ident { $($(#[$user_doc:meta])* $user:ident: String,)? }) => {
        $(#[$one_doc])*
        #[derive(ToSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $one {
            $($(#[$user_doc])* pub $user: String,)?
            #[schema(value_type = ProductIdText)]
            pub product_id: String,
            #[schema(minimum = 1, maximum = 1_000_000_000, example = 3)]
            pub quantity: i64,
            /// Minor units of the currency.
            #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 250)]
            pub unit_price: i64,
            /// Minor units of the currency.
            #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 750, nullable = false)]
            pub total_price: Option<i64>,
            /// A code of ISO 4217. Amounts are in its minor units.
            #[schema(pattern = "^[A-Z]{3}$", example = "EUR", nullable = false)]
            pub currency: Option<String>,
            #[schema(nullable = false)]
            pub hold: Option<HoldBody>,
            /// Chosen by the client; the order's identity for ever.
            #[schema(value_type = OrderIdText, required = false)]
            pub order_id: Option<String>,
        }

        $(#[$lines_doc])*
        #[derive(ToSchema)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $lines {
            $($(#[$user_doc])* pub $user: String,)?
            #[schema(min_items = 1, max_items = 100)]
            pub lines: Vec<LineBody>,
            /// The sum over the lines, in minor units of the currency.
            #[schema(minimum = 1, maximum = 9_007_199_254_740_991_i64, nullable = false)]
            pub total_price: Option<i64>,
            /// A code of ISO 4217, of all lines. Amounts are in its minor units.
            #[schema(pattern = "^[A-Z]{3}$", example = "EUR", nullable = false)]
            pub currency: Option<String>,
            #[schema(nullable = false)]
            pub hold: Option<HoldBody>,
            /// Chosen by the client; the order's identity for ever.
            #[schema(value_type = OrderIdText, required = false)]
            pub order_id: Option<String>,
        }
    };
}

order_bodies!(
    /// One product. `totalPrice`, when given, must be `quantity * unitPrice`.
    OrderOfOneLine,
    /// Several products, taken as a whole or not at all. `totalPrice`, when given, must be the sum over the lines.
    OrderOfLines {
        #[schema(value_type = UserIdText)]
        user_id: String,
    }
);
order_bodies!(
    /// One product. `totalPrice`, when given, must be `quantity * unitPrice`.
    OrderOfOneLineOfUser,
    /// Several products, taken as a whole or not at all. `totalPrice`, when given, must be the sum over the lines.
    OrderOfLinesOfUser {}
);

/// An order: of one product, or of `lines`.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(example = json!({"userId": "alice", "productId": "chocolate", "quantity": 3, "unitPrice": 250}))]
pub enum OrderBody {
    OneLine(OrderOfOneLine),
    Lines(OrderOfLines),
}

/// An order of the user in the path: of one product, or of `lines`.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(example = json!({"productId": "chocolate", "quantity": 3, "unitPrice": 250}))]
pub enum OrderOfUserBody {
    OneLine(OrderOfOneLineOfUser),
    Lines(OrderOfLinesOfUser),
}

/// A confirmation has nothing to say: it may be left out.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {}

/// A cancellation may say why; it may be left out as a whole.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// Kept on the log, shown nowhere. Not blank.
    #[schema(min_length = 1, max_length = 200, example = "changed my mind", nullable = false)]
    pub note: Option<String>,
}

/// Goods that arrived.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBody {
    #[schema(minimum = 1, maximum = 1_000_000_000, example = 10)]
    pub quantity: i64,
}

/// A count that differed.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentBody {
    /// Not zero.
    #[schema(minimum = -1_000_000_000, maximum = 1_000_000_000, example = -3)]
    pub delta: i64,
    /// Not blank.
    #[schema(min_length = 1, max_length = 200, example = "three bars melted")]
    pub reason: String,
}
