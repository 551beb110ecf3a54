//! The fields of one old row, each under one of its names, by its declared type where there is one. A field that stands under two
//! names must stand there with one value. It must never round a number, nor take a value whose meaning nobody said. Next:
//! [`super::found`], [`super::placed_at`], [`super::order_id`].

use chrono::{DateTime, Utc};
use ledger_schema::domain::{Violation, check_visible};
use ledger_schema::{Order, OrderId, ProductId, Quantity, UnitPrice, UserId};

use super::connect_schema::RowSchema;
use super::document::{Document, Slots, not_null};
use super::field::{BARE_ID, Field};
use super::found::Found;
use super::order_id::{self, NamedId};
use super::placed_at;
use super::refusal::{Refusal, excerpt};
use super::rules::Rules;

/// A row as it was read, and how to understand it.
pub(super) struct Row<'a> {
    pub document: &'a Document<'a>,
    pub schema: Option<&'a RowSchema>,
    pub slots: &'a Slots,
    pub rules: &'a Rules,
}

/// What a row says of an order beside its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stated<'a> {
    pub user_id: UserId,
    pub product_id: ProductId,
    quantity: Quantity,
    unit_price: UnitPrice,
    total: Option<(&'a str, i64)>,
    pub placed_at: Option<DateTime<Utc>>,
}

impl<'a> Row<'a> {
    /// The values of `field`: `null` is none, unless its schema has a default that stands for it.
    fn found(&self, field: Field) -> impl Iterator<Item = Found<'a>> {
        let Self { document, schema, slots, .. } = *self;
        slots.of(field).filter_map(move |slot| {
            let declared = schema.and_then(|schema| schema.field(slot));
            let default = declared.and_then(|field| field.default.as_deref());
            let raw = not_null(document.member(slot)).or(default)?;
            Some(Found { name: slots.name(slot), raw, declared: declared.map(|field| &field.declared) })
        })
    }

    /// The one value of `field`, and under which name it was found first.
    fn one<T: PartialEq>(
        &self,
        field: Field,
        read: impl Fn(Found<'a>) -> Result<T, Refusal>,
    ) -> Result<Option<(&'a str, T)>, Refusal> {
        let mut first: Option<(&str, T)> = None;
        for found in self.found(field) {
            match &first {
                // Beside a name of its own, `id` is the number of a row.
                Some(_) if field == Field::OrderId && found.name == BARE_ID => {}
                Some((name, value)) if read(found)? != *value => {
                    let why = format!("is not what `{name}` says, found `{}`", excerpt(found.raw.get()));
                    return Err(Refusal::new(found.name.to_owned(), why));
                }
                Some(_) => {}
                None => first = Some((found.name, read(found)?)),
            }
        }
        Ok(first)
    }

    fn required<T: PartialEq>(
        &self,
        field: Field,
        read: impl Fn(Found<'a>) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let missing = || Refusal::new(self.rules.fields.called(field).to_owned(), "is missing or null");
        self.one(field, read)?.map(|(_, value)| value).ok_or_else(missing)
    }

    /// The order's id, where the row has one.
    pub(super) fn order_id(&self) -> Result<Option<NamedId>, Refusal> {
        let derive = self.rules.derive_ids;
        Ok(self
            .one(Field::OrderId, |found| order_id::of_text(found.name, &found.id_text()?, derive))?
            .map(|(_, id)| id))
    }

    /// What the row calls its order, for a message.
    pub(super) fn called(&self) -> String {
        self.found(Field::OrderId).next().map_or_else(|| "without an id".to_owned(), |found| excerpt(found.raw.get()))
    }

    /// The other fields, in the order of the old table.
    pub(super) fn stated(&self) -> Result<Stated<'a>, Refusal> {
        let Rules { minor_units: digits, epoch, .. } = *self.rules;
        let price = |found: Found<'_>| found.price(digits);
        Ok(Stated {
            user_id: self.required(Field::UserId, |found| {
                visible(&found.text()?, UserId::parse).map_err(Refusal::of_field(found.name))
            })?,
            product_id: self.required(Field::ProductId, |found| {
                visible(&found.text()?, ProductId::parse).map_err(Refusal::of_field(found.name))
            })?,
            quantity: self.required(Field::Quantity, |found| {
                Quantity::new(found.pieces()?).map_err(Refusal::of_field(found.name))
            })?,
            unit_price: self.required(Field::UnitPrice, |found| {
                UnitPrice::new(price(found)?).map_err(Refusal::of_field(found.name))
            })?,
            total: self.one(Field::TotalPrice, price)?,
            placed_at: self
                .one(Field::PlacedAt, |found| placed_at::of_row(found, epoch))?
                .map(|(_, placed_at)| placed_at),
        })
    }
}

/// An id that is new to the ledger, as the services take it.
fn visible<T>(text: &str, parse: impl Fn(&str) -> Result<T, Violation>) -> Result<T, Violation> {
    let id = parse(text)?;
    check_visible(text)?;
    Ok(id)
}

impl Stated<'_> {
    /// The whole order; `total_name` is what its total is called where none is stated.
    pub(super) fn into_order(
        self,
        order_id: OrderId,
        total_name: &str,
        placed_at: DateTime<Utc>,
    ) -> Result<Order, Refusal> {
        let Self { user_id, product_id, quantity, unit_price, total, placed_at: _ } = self;
        let (name, total) = total.map_or((total_name, None), |(name, total)| (name, Some(total)));
        Order::new(order_id, user_id, product_id, quantity, unit_price, total, placed_at)
            .map_err(Refusal::of_field(name))
    }
}
