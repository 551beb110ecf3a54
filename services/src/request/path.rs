//! Ids in the path: percent-decoded, then parsed by their domain types. What does not parse is a 400 that names the id.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use ledger_schema::{MovementId, OrderId, ProductId, UserId, Violation};

use super::new_ids::{new_product_id, new_user_id};
use crate::problem::Problem;

/// A type that can stand in a path, under one name in every route.
pub(crate) trait InPath: Sized {
    const NAME: &'static str;
    fn parse(text: &str) -> Result<Self, Violation>;
}

/// A parameter of the path.
#[derive(Debug)]
pub(crate) struct PathId<T>(pub(crate) T);

/// A product that something is about to be written of.
#[derive(Debug)]
pub(crate) struct NewProduct(pub(crate) ProductId);

/// A user who is about to order.
#[derive(Debug)]
pub(crate) struct NewUser(pub(crate) UserId);

/// The word of `/problems/{word}`, of any spelling.
#[derive(Debug)]
pub(crate) struct Word(pub(crate) String);

macro_rules! in_path {
    ($type:ty, $name:literal, $parse:expr) => {
        impl InPath for $type {
            const NAME: &'static str = $name;

            fn parse(text: &str) -> Result<Self, Violation> {
                $parse(text)
            }
        }
    };
}

in_path!(OrderId, "orderId", OrderId::parse);
in_path!(MovementId, "movementId", MovementId::parse);
in_path!(ProductId, "productId", ProductId::parse);
in_path!(NewProduct, "productId", |text: &str| new_product_id(text).map(NewProduct));
in_path!(UserId, "userId", UserId::parse);
in_path!(NewUser, "userId", |text: &str| new_user_id(text).map(NewUser));
in_path!(Word, "word", |text: &str| Ok(Word(text.to_owned())));

impl<T: InPath, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::invalid(T::NAME, "is not UTF-8 after percent-decoding"))?;
        let text = params.iter().find(|(name, _)| *name == T::NAME).map(|(_, text)| text);
        let text = text.expect("the route names the parameter as its type does");
        T::parse(text).map(Self).map_err(|violation| Problem::invalid(T::NAME, violation.to_string()))
    }
}
