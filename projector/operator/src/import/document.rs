//! One JSON object of an old record, with the members that are looked for kept raw, so that a wrong type can be named with its
//! field. It must never take a member that stands twice. Next: [`super::connect_schema`], which says what raw values mean.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::field::{Field, FieldMap, RESERVED};
use super::refusal::{Refusal, excerpt};

/// More than there are names: the reserved ones, and three spellings of each field at most.
pub(crate) const MAX_SLOTS: usize = RESERVED.len() + 3 * Field::ALL.len();

/// Lengths of names that are told apart.
const LENGTHS: usize = 16;

/// Which reserved member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    Payload,
    Schema,
    Before,
    After,
    Op,
    RowOp,
    RowDeleted,
}

/// The names that are looked for; each has a slot.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    names: Vec<Box<str>>,
    /// The slots of the names of each length, the longest ones together.
    by_length: [Vec<usize>; LENGTHS],
    /// Of each field's names the first slot, and how many there are.
    fields: [(usize, usize); Field::ALL.len()],
}

impl Slots {
    pub(crate) fn new(map: &FieldMap) -> Self {
        let mut names: Vec<Box<str>> = RESERVED.iter().map(|name| Box::from(*name)).collect();
        let fields = Field::ALL.map(|field| {
            let first = names.len();
            names.extend(map.origin(field).names().iter().cloned());
            (first, names.len() - first)
        });
        assert!(names.len() <= MAX_SLOTS, "a field has three spellings at most");
        let mut by_length = <[Vec<usize>; LENGTHS]>::default();
        for (slot, name) in names.iter().enumerate() {
            by_length[name.len().min(LENGTHS - 1)].push(slot);
        }
        Self { names, by_length, fields }
    }

    pub(crate) fn slot(&self, name: &str) -> Option<usize> {
        let slots = &self.by_length[name.len().min(LENGTHS - 1)];
        slots.iter().copied().find(|slot| *self.names[*slot] == *name)
    }

    /// The slots of a field's names, in their order.
    pub(crate) fn of(&self, field: Field) -> impl Iterator<Item = usize> + use<> {
        let (first, count) = self.fields[field as usize];
        first..first + count
    }

    pub(crate) fn name(&self, slot: usize) -> &str {
        &self.names[slot]
    }
}

/// The members that were found, by slot.
#[derive(Debug)]
pub(crate) struct Document<'a> {
    values: [Option<&'a RawValue>; MAX_SLOTS],
}

impl<'a> Document<'a> {
    /// Reads `json`, all of it; `name` is what it is called in a refusal.
    pub(crate) fn parse(name: &'static str, json: &'a str, slots: &Slots) -> Result<Self, Refusal> {
        // An array is no object either, whatever its elements are.
        if !json.trim_start().starts_with('{') {
            return Err(Refusal::new(name, format!("must be a JSON object, found `{}`", excerpt(json))));
        }
        let unreadable = |error: serde_json::Error| Refusal::new(name, format!("cannot be read: {error}"));
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let document = Members(slots).deserialize(&mut deserializer).map_err(unreadable)?;
        deserializer.end().map_err(unreadable)?;
        Ok(document)
    }

    /// The member of a slot, also when it is `null`.
    pub(crate) fn member(&self, slot: usize) -> Option<&'a RawValue> {
        self.values[slot]
    }

    pub(crate) fn reserved(&self, member: Reserved) -> Option<&'a RawValue> {
        self.values[member as usize]
    }
}

/// `None` where it is `null`.
pub(crate) fn not_null(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

struct Members<'m>(&'m Slots);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Document<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Document<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Document<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document<'de>, A::Error> {
        let mut values = [None; MAX_SLOTS];
        while let Some(slot) = map.next_key_seed(Name(self.0))? {
            let Some(slot) = slot else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if values[slot].is_some() {
                return Err(A::Error::custom(format_args!("duplicate field `{}`", self.0.name(slot))));
            }
            values[slot] = Some(map.next_value::<&RawValue>()?);
        }
        Ok(Document { values })
    }
}

/// A member's name -> its slot, without an allocation.
struct Name<'m>(&'m Slots);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.slot(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_names_and_kept_raw() {
        let slots = Slots::new(&FieldMap::default());
        let json = r#"{"other":[1,{"qty":5}],"qty":1e3,"\u0075ser_id":"a\n","op":null,"productId":null}"#;
        let found = Document::parse("value", json, &slots).expect("an object");
        let raw = |name: &str| found.member(slots.slot(name).expect("looked for")).map(RawValue::get);
        assert_eq!(raw("qty"), Some("1e3"));
        assert_eq!(raw("user_id"), Some(r#""a\n""#));
        assert_eq!(raw("productId"), Some("null"));
        assert_eq!(raw("order_id"), None);
        assert_eq!(found.reserved(Reserved::Op).map(RawValue::get), Some("null"));
        assert!(not_null(found.reserved(Reserved::Op)).is_none());
        for (nth, name) in RESERVED.iter().enumerate() {
            assert_eq!(slots.slot(name), Some(nth));
        }
        assert_eq!(
            [Reserved::Payload, Reserved::RowDeleted].map(|member| RESERVED[member as usize]),
            ["payload", "__deleted"]
        );
    }
}
