//! The texts that the API is made of, each a schema with a name: ids, positions, and the closed lists of words. A generated client has a
//! type for each.
//!
//! It must never list a word itself: lists are those of `ledger-schema`. (Types of problems: [`crate::problem`].) Next: [`crate::openapi`].

use std::borrow::Cow;

use ledger_schema::domain::MAX_ID_CHARS;
use ledger_schema::{LineStatus, OrderReason, ParkReason, RejectionReason, Status};
use utoipa::openapi::schema::ObjectBuilder;
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

macro_rules! texts {
    ($($(#[$doc:meta])* $type:ident is $name:literal: $schema:expr;)+) => {
        $(
            $(#[$doc])*
            pub struct $type;

            impl PartialSchema for $type {
                fn schema() -> RefOr<Schema> {
                    $schema.schema_type(Type::String).into()
                }
            }

            impl ToSchema for $type {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed($name)
                }
            }
        )+

        /// All of them, by name.
        pub(crate) fn all() -> Vec<(String, RefOr<Schema>)> {
            vec![$(($name.to_owned(), <$type as PartialSchema>::schema())),+]
        }
    };
}

texts! {
    /// What the services take; which characters are invisible is said in the answer that refuses one.
    ProductIdText is "ProductId": id("A product's id: 1 to 64 printable characters without spaces.", "chocolate");
    UserIdText is "UserId": id("A user's id: 1 to 64 printable characters without spaces.", "alice");
    OrderIdText is "OrderId": uuid("An order's id: a UUID of any version.");
    MovementIdText is "MovementId": uuid("A receipt's or an adjustment's id: a UUID of any version.");
    PositionText is "Position": ObjectBuilder::new()
        .pattern(Some("^(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,18})$"))
        .description(Some("PARTITION:OFFSET of a record of the log."))
        .examples(["3:41"]);
    OrderStatusWord is "OrderStatus": words(
        Status::ALL.iter().map(|word| word.as_str()),
        "Where an order stands. `pending`: not decided yet, or some of its lines are not. `held`: every line is taken, until somebody confirms. `confirmed`: taken for good. `rejected`: nothing is \
         taken. `cancelled`: what was taken is given back.",
    );
    OrderReasonWord is "OrderReason": words(
        OrderReason::ALL.iter().map(|word| word.as_str()),
        "Why an order or one of its lines was ended. `line-rejected`: another line of the order was refused. Each is explained at /problems/{word}.",
    );
    LineStatusWord is "LineStatus": words(
        LineStatus::ALL.iter().map(|word| word.as_str()),
        "Where a line of an order stands. `reserved`: its pieces are taken. `released`: nothing is taken any more.",
    );
    RefusalReasonWord is "RefusalReason": words(
        [RejectionReason::UnknownProduct, RejectionReason::OutOfStock].map(RejectionReason::as_str),
        "Why a line was refused.",
    );
    MovementStatusWord is "MovementStatus": words(
        [Status::Pending, Status::Confirmed, Status::Rejected].map(Status::as_str),
        "What became of a receipt or an adjustment. `pending`: not decided yet.",
    );
    MovementReasonWord is "MovementReason": words(
        [RejectionReason::UnknownProduct, RejectionReason::BelowZero].map(RejectionReason::as_str),
        "Why an adjustment was rejected.",
    );
    MovementKindWord is "MovementKind": words(["receipt", "adjustment"], "Goods that arrived, or a count that differed.");
    DeadLetterReasonWord is "DeadLetterReason": words(
        ParkReason::ALL.iter().map(|word| word.as_str()),
        "Why a record could not be folded. Each is explained at /problems/{word}.",
    );
}

fn id(about: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .min_length(Some(1))
        .max_length(Some(MAX_ID_CHARS))
        .pattern(Some("^\\S+$"))
        .description(Some(about))
        .examples([example])
}

fn uuid(about: &str) -> ObjectBuilder {
    ObjectBuilder::new().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).description(Some(about))
}

fn words<W: Into<String>>(words: impl IntoIterator<Item = W>, about: &str) -> ObjectBuilder {
    let words: Vec<String> = words.into_iter().map(Into::into).collect();
    ObjectBuilder::new().enum_values(Some(words)).description(Some(about))
}
