//! One row of the old table, as text, and how it differs from an order of the ledger. It must never make two values equal that are
//! shown differently, but for spellings of one number and of one UUID. Next: [`super::run`].

use ledger_schema::{LineContents, OrderContents, OrderId, Position};
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use super::table::{Column, OldTable};
use crate::import::Rules;
use crate::import::derived_id::OldTopic;
use crate::import::number::{Exact, NumberKind, minor_units, pieces};
use crate::import::order_id;
use crate::import::refusal::excerpt;

/// The id of a row: one, or the two that an order without an id of its own may have been given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OldId {
    pub ids: Vec<OrderId>,
    /// As the table spells it, where that is another spelling.
    pub text: Option<String>,
}

/// A row without an id that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoId {
    pub text: Option<String>,
    pub why: String,
}

/// How the ids of rows are read.
pub(super) struct IdReader<'a> {
    pub rules: &'a Rules,
    pub topic: Option<&'a OldTopic>,
}

impl IdReader<'_> {
    /// Of the first three columns of a row.
    pub(super) fn read(&self, row: &MySqlRow) -> Result<Result<OldId, NoId>, sqlx::Error> {
        let (text, partition, offset): (Option<String>, Option<String>, Option<String>) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(self.of(text, partition.as_deref(), offset.as_deref()))
    }

    fn of(&self, text: Option<String>, partition: Option<&str>, offset: Option<&str>) -> Result<OldId, NoId> {
        if let Some(text) = text {
            return match order_id::of_text("order_id", &text, self.rules.derive_ids) {
                Ok(named) => {
                    let id = named.id;
                    Ok(OldId { ids: vec![id], text: Some(text).filter(|text| *text != id.to_string()) })
                }
                Err(refusal) => Err(NoId { text: Some(text), why: refusal.why }),
            };
        }
        let place = partition.zip(offset).and_then(|(partition, offset)| {
            Some(Position { partition: partition.parse().ok()?, offset: offset.parse().ok()? })
        });
        match self.topic.zip(place) {
            Some((topic, place)) => {
                let ids = vec![topic.order_id(place), topic.earlier_order_id(place)];
                Ok(OldId { ids, text: Some(format!("at {place}")) })
            }
            None => Err(NoId { text: None, why: "is NULL".to_owned() }),
        }
    }
}

/// A row of the old table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OldRow {
    pub id: Result<OldId, NoId>,
    /// User, product, quantity, unit price, total, as they are shown.
    values: [Option<String>; 5],
}

/// A column that differs: its field, what the old table holds, what the ledger holds.
pub(super) type Differing = (&'static str, Option<String>, String);

impl OldRow {
    pub(super) fn read(row: &MySqlRow, ids: &IdReader<'_>) -> Result<Self, sqlx::Error> {
        let id = ids.read(row)?;
        let value = |at: usize| row.try_get::<Option<String>, _>(at);
        Ok(Self { id, values: [value(3)?, value(4)?, value(5)?, value(6)?, value(7)?] })
    }

    /// The row on one line.
    pub(super) fn line(&self) -> String {
        let names = ["user_id", "product_id", "quantity", "unit_price", "total_price"];
        let shown = |(name, value): (&str, &Option<String>)| {
            format!("{name} {}", value.as_deref().map_or_else(|| "NULL".to_owned(), excerpt))
        };
        names.into_iter().zip(&self.values).map(shown).collect::<Vec<_>>().join(", ")
    }

    /// Every column in which the row differs from `order`. A total that is NULL says nothing.
    pub(super) fn differences(&self, order: OrderContents<'_>, table: &OldTable, rules: &Rules) -> Vec<Differing> {
        let OrderContents { user_id, lines, currency, hold_seconds } = order;
        let LineContents { product_id, quantity, unit_price } = *lines.first().expect("an order has a line");
        let [user, product, pieces_text, price, total] = &self.values;
        let text = |field, old: &Option<String>, ledger: &str| {
            (old.as_deref() != Some(ledger)).then(|| (field, old.clone(), ledger.to_owned()))
        };
        let number = |field, old: &Option<String>, value: Option<i64>, ledger: i64| {
            (value != Some(ledger)).then(|| (field, old.clone(), ledger.to_string()))
        };
        let amount = |old: &Option<String>, column: &Column| in_minor_units(old.as_deref(), column.kind(), rules);
        let total_column = table.total_price.as_ref().filter(|_| total.is_some());
        [
            text("user_id", user, user_id),
            text("product_id", product, product_id),
            number("quantity", pieces_text, in_pieces(pieces_text.as_deref()), quantity),
            number("unit_price", price, amount(price, &table.unit_price), unit_price),
            total_column.and_then(|column| {
                let expected =
                    quantity.checked_mul(unit_price).expect("an order's total was checked when it was placed");
                number("total_price", total, amount(total, column), expected)
            }),
            // The old world has none of these: such an order is another one.
            (lines.len() > 1).then(|| ("lines", Some("1".to_owned()), lines.len().to_string())),
            currency.map(|currency| ("currency", None, currency.to_owned())),
            hold_seconds.map(|seconds| ("hold_seconds", None, seconds.to_string())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn in_pieces(text: Option<&str>) -> Option<i64> {
    let text = text?;
    pieces(Exact::parse(text), text).ok()
}

fn in_minor_units(text: Option<&str>, kind: NumberKind, rules: &Rules) -> Option<i64> {
    let text = text?;
    minor_units(Exact::parse(text), kind, rules.minor_units, text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::derived_id::order_id_of_text;

    const UUID: &str = "77a436fd-64f9-4d35-999b-a957195f5d23";

    #[test]
    fn ids_are_read_as_an_import_reads_them() {
        let topic = OldTopic { name: "old".to_owned(), id: "x".to_owned() };
        let (usual, derived) = (Rules::default(), Rules { derive_ids: true, ..Rules::default() });
        let uuid = OrderId::parse(UUID).expect("a UUID");
        let read = |rules: &Rules, topic, text: Option<&str>, place: Option<(&str, &str)>| {
            let (partition, offset) = place.unzip();
            IdReader { rules, topic }.of(text.map(str::to_owned), partition, offset)
        };
        let one = |id, text: Option<&str>| Ok(OldId { ids: vec![id], text: text.map(str::to_owned) });
        assert_eq!(read(&usual, None, Some(UUID), None), one(uuid, None));
        let simple = UUID.replace('-', "").to_uppercase();
        assert_eq!(read(&usual, None, Some(&simple), None), one(uuid, Some(&simple)));
        assert_eq!(read(&derived, None, Some("12345"), None), one(order_id_of_text("12345"), Some("12345")));
        let why = "must be a UUID, found `12345`: `--derive-ids` derives one from such a text".to_owned();
        assert_eq!(read(&usual, None, Some("12345"), None), Err(NoId { text: Some("12345".to_owned()), why }));
        let null = Err(NoId { text: None, why: "is NULL".to_owned() });
        assert_eq!(read(&usual, Some(&topic), None, None), null);
        assert_eq!(read(&usual, None, None, Some(("0", "17"))), null);
        let place = Position { partition: 0, offset: 17 };
        let ids = vec![topic.order_id(place), topic.earlier_order_id(place)];
        assert_eq!(
            read(&usual, Some(&topic), None, Some(("0", "17"))),
            Ok(OldId { ids, text: Some("at 0:17".to_owned()) })
        );
    }
}
