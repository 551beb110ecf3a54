//! The fields of an old order, and the names under which old topics and tables hold them: the usual spellings, or the one that
//! `--map FIELD=NAME` gives. It must never try a name that was not said or listed here. Next: [`super::document`].

use std::str::FromStr;

use thiserror::Error;

/// What is read of an old order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    OrderId,
    UserId,
    ProductId,
    Quantity,
    UnitPrice,
    TotalPrice,
    PlacedAt,
}

impl Field {
    pub(crate) const ALL: [Self; 7] = [
        Self::OrderId,
        Self::UserId,
        Self::ProductId,
        Self::Quantity,
        Self::UnitPrice,
        Self::TotalPrice,
        Self::PlacedAt,
    ];

    /// The word of `--map`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::OrderId => "order_id",
            Self::UserId => "user_id",
            Self::ProductId => "product_id",
            Self::Quantity => "quantity",
            Self::UnitPrice => "unit_price",
            Self::TotalPrice => "total_price",
            Self::PlacedAt => "placed_at",
        }
    }

    /// The usual spellings. The first names the field where it is missing.
    fn usual_names(self) -> &'static [&'static str] {
        match self {
            Self::OrderId => &["order_id", "orderId", BARE_ID],
            Self::UserId => &["user_id", "userId"],
            Self::ProductId => &["product_id", "productId"],
            Self::Quantity => &["qty", "quantity"],
            Self::UnitPrice => &["unit_price", "unitPrice"],
            Self::TotalPrice => &["total_price", "totalPrice"],
            Self::PlacedAt => &["placed_at", "placedAt"],
        }
    }
}

/// Members that are looked for beside the fields: Connect's envelope, Debezium's envelope, and its marks in a row.
pub(super) const RESERVED: [&str; 7] = ["payload", "schema", "before", "after", "op", "__op", "__deleted"];
/// The order's id only where nothing else is: beside `order_id` it is the number of a row.
pub(crate) const BARE_ID: &str = "id";
/// Instead of a name: the record's key.
const KEY: &str = "@key";
/// Instead of a name: an id made of topic and place.
const POSITION: &str = "@position";
/// Instead of a name: the record's own time.
const TIMESTAMP: &str = "@timestamp";

/// Where a field is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// One of the usual spellings; of an order's id, else the record's key, else its place.
    Usual(Vec<Box<str>>),
    /// The one name that was said.
    Named(Box<str>),
    /// The record's key (of an order's id).
    Key,
    /// The record's place (of an order's id).
    Position,
    /// The record's time (of when it was placed).
    Timestamp,
}

impl Origin {
    /// The names to look for, in their order.
    pub(crate) fn names(&self) -> &[Box<str>] {
        match self {
            Self::Usual(names) => names,
            Self::Named(name) => std::slice::from_ref(name),
            Self::Key | Self::Position | Self::Timestamp => &[],
        }
    }
}

/// One `--map FIELD=NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    field: Field,
    name: String,
}

/// A mapping that says nothing, or too much. Wrong usage.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MapError {
    #[error("expected FIELD=NAME, found `{found}`")]
    Form { found: String },
    #[error(
        "there is no field `{found}`: expected order_id, user_id, product_id, quantity, unit_price, total_price or placed_at"
    )]
    UnknownField { found: String },
    #[error("`{field}` is mapped twice")]
    Twice { field: &'static str },
    #[error("`{name}` is given for `{one}` and for `{other}`")]
    Shared { name: String, one: &'static str, other: &'static str },
    #[error("`{name}` cannot be mapped to `{field}`: expected the name of a field{also}")]
    Special { field: &'static str, name: String, also: &'static str },
}

impl FromStr for Mapping {
    type Err = MapError;

    fn from_str(text: &str) -> Result<Self, MapError> {
        let Some((field, name)) = text.split_once('=').filter(|(_, name)| !name.is_empty()) else {
            return Err(MapError::Form { found: text.to_owned() });
        };
        let known = Field::ALL.into_iter().find(|known| known.word() == field);
        let field = known.ok_or_else(|| MapError::UnknownField { found: field.to_owned() })?;
        let mapping = Self { field, name: name.to_owned() };
        mapping.origin()?;
        Ok(mapping)
    }
}

impl Mapping {
    fn origin(&self) -> Result<Origin, MapError> {
        let also = match self.field {
            Field::OrderId => ", @key or @position",
            Field::PlacedAt => ", or @timestamp",
            _ => "",
        };
        match (self.field, self.name.as_str()) {
            (Field::OrderId, KEY) => Ok(Origin::Key),
            (Field::OrderId, POSITION) => Ok(Origin::Position),
            (Field::PlacedAt, TIMESTAMP) => Ok(Origin::Timestamp),
            (field, name) if name.starts_with('@') || RESERVED.contains(&name) => {
                Err(MapError::Special { field: field.word(), name: name.to_owned(), also })
            }
            (_, name) => Ok(Origin::Named(name.into())),
        }
    }
}

/// Where every field is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldMap {
    origins: [Origin; 7],
}

impl Default for FieldMap {
    fn default() -> Self {
        Self::new(&[]).expect("the usual names are all different")
    }
}

impl FieldMap {
    /// # Errors
    /// [`MapError`], when a field or a name is given twice.
    pub fn new(mappings: &[Mapping]) -> Result<Self, MapError> {
        for (n, mapping) in mappings.iter().enumerate() {
            let Mapping { field, name } = mapping;
            for earlier in &mappings[..n] {
                if earlier.field == *field {
                    return Err(MapError::Twice { field: field.word() });
                }
                if earlier.name == *name {
                    let (one, other) = (earlier.field.word(), field.word());
                    return Err(MapError::Shared { name: name.clone(), one, other });
                }
            }
        }
        let origin = |field: Field| match mappings.iter().find(|mapping| mapping.field == field) {
            Some(mapping) => mapping.origin(),
            None => {
                // What was said to be one field is no other one.
                let free = |name: &&&str| mappings.iter().all(|mapping| mapping.name != **name);
                Ok(Origin::Usual(field.usual_names().iter().filter(free).map(|name| Box::from(*name)).collect()))
            }
        };
        let [order_id, user_id, product_id, quantity, unit_price, total_price, placed_at] = Field::ALL;
        Ok(Self {
            origins: [
                origin(order_id)?,
                origin(user_id)?,
                origin(product_id)?,
                origin(quantity)?,
                origin(unit_price)?,
                origin(total_price)?,
                origin(placed_at)?,
            ],
        })
    }

    pub(crate) fn origin(&self, field: Field) -> &Origin {
        &self.origins[field as usize]
    }

    /// The name by which `field` is called where it is missing.
    pub(crate) fn called(&self, field: Field) -> &str {
        self.origin(field).names().first().map_or(field.word(), |name| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(given: &[&str]) -> Result<FieldMap, String> {
        let mappings: Result<Vec<Mapping>, MapError> = given.iter().map(|text| text.parse()).collect();
        mappings.and_then(|mappings| FieldMap::new(&mappings)).map_err(|error| error.to_string())
    }

    fn names(map: &FieldMap, field: Field) -> Vec<&str> {
        map.origin(field).names().iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn a_name_that_is_said_stands_alone() {
        let found = map(&["quantity=Menge", "order_id=@key", "placed_at=@timestamp"]).expect("a map");
        assert_eq!(names(&found, Field::Quantity), ["Menge"]);
        assert_eq!(names(&found, Field::UserId), ["user_id", "userId"]);
        assert_eq!(found.origin(Field::OrderId), &Origin::Key);
        assert_eq!(found.origin(Field::PlacedAt), &Origin::Timestamp);
        assert_eq!(map(&["order_id=@position"]).expect("a map").origin(Field::OrderId), &Origin::Position);
        assert_eq!(found.called(Field::Quantity), "Menge");
        assert_eq!(FieldMap::default().called(Field::Quantity), "qty");
    }

    #[test]
    fn what_was_said_to_be_one_field_is_no_other() {
        let found = map(&["user_id=id"]).expect("a map");
        assert_eq!(names(&found, Field::OrderId), ["order_id", "orderId"]);
        assert_eq!(names(&found, Field::UserId), ["id"]);
    }

    #[test]
    fn what_says_nothing_or_too_much_is_wrong_usage() {
        for (given, says) in [
            (&["quantity"][..], "expected FIELD=NAME, found `quantity`"),
            (&["quantity="], "expected FIELD=NAME, found `quantity=`"),
            (
                &["qty=n"],
                "there is no field `qty`: expected order_id, user_id, product_id, quantity, unit_price, total_price or placed_at",
            ),
            (&["quantity=n", "quantity=m"], "`quantity` is mapped twice"),
            (&["quantity=n", "unit_price=n"], "`n` is given for `quantity` and for `unit_price`"),
            (&["quantity=@key"], "`@key` cannot be mapped to `quantity`: expected the name of a field"),
            (
                &["placed_at=@key"],
                "`@key` cannot be mapped to `placed_at`: expected the name of a field, or @timestamp",
            ),
            (
                &["order_id=payload"],
                "`payload` cannot be mapped to `order_id`: expected the name of a field, @key or @position",
            ),
        ] {
            assert_eq!(map(given).expect_err("wrong usage"), says);
        }
    }
}
