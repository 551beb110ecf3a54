//! Contents of a column, whatever they are: what is looked for may be what no projector would write.

use uuid::Uuid;

use ledger_schema::printable::printable_line;

/// Contents of a column. The order is the server's order of its type, which merging relies on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Null,
    Integer(i64),
    Id(Uuid),
    Text(Box<str>),
}

impl Value {
    /// For a person; `None` is NULL.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Integer(number) => Some(number.to_string()),
            Self::Id(id) => Some(id.as_hyphenated().to_string()),
            Self::Text(text) => Some(printable_line(text).into_owned()),
        }
    }

    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Integer(i64::from(number))
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_as_the_server_orders_them() {
        let ids = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(1 << 120)].map(Value::from);
        let texts = ["", "B", "a", "a ", "aa", "\u{e9}", "\u{ffff}", "\u{10000}"].map(Value::from);
        assert!(ids.is_sorted() && texts.is_sorted());
        assert!(Value::Integer(-1) < Value::Integer(0));
    }
}
