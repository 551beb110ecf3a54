//! A record of the old topic -> [`Order`]. Total and strict: whatever the bytes are, the answer is an order of the domain
//! or a [`Refusal`] that names the first field that is wrong, and both depend on the record and the [`Rules`] alone, so that a
//! second run takes the same records and refuses the same records. It must never guess a value that the record should have stated.
//!
//! The format is that of Kafka Connect's JsonConverter: `{"schema": .., "payload": {..}}`, or the bare payload (schemas
//! switched off); the payload is a row, or Debezium's envelope of one. Next: [`super::change`], [`super::row`].

use std::sync::Arc;

use ledger_schema::{Order, OrderId, Position};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::change::{self, Form, Op};
use super::connect_schema::{PayloadSchema, RowSchema, Schemas};
use super::derived_id::OldTopic;
use super::document::{Document, Reserved, Slots};
use super::field::{Field, FieldMap, Origin};
use super::order_id::{self, NamedId};
use super::placed_at;
use super::refusal::{Refusal, excerpt};
use super::row::{Row, Stated};
use super::rules::Rules;

/// One record as Kafka delivered it. Of its headers only one says what the record is.
#[derive(Debug, Clone, Copy)]
pub(super) struct LegacyRecord<'a> {
    pub position: Position,
    /// The record's timestamp in milliseconds since 1970, whoever set it (producer or broker).
    pub timestamp_ms: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Its header `__op`.
    pub op: Option<&'a [u8]>,
}

/// An order of the old world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taken {
    pub order: Order,
    pub id: IdOrigin,
    /// The row was written again: it is the same order when nothing that is read of it changed, and else none.
    pub is_update: bool,
}

/// Where an order's id is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdOrigin {
    /// The record says it.
    Stated,
    /// It was derived from what the record says.
    Text(Box<str>),
    /// It was derived from the record's place. `earlier` is the id that earlier versions derived.
    Place { earlier: OrderId },
}

impl Taken {
    /// The ids under which the ledger may hold it.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> + use<> {
        let earlier = match self.id {
            IdOrigin::Place { earlier } => Some(earlier.as_uuid()),
            IdOrigin::Stated | IdOrigin::Text(_) => None,
        };
        std::iter::once(self.order.order_id().as_uuid()).chain(earlier)
    }
}

/// Parses the records of one topic.
pub(super) struct Parser {
    topic: OldTopic,
    rules: Rules,
    slots: Slots,
    /// Of a key that is an object: the usual names.
    key_slots: Slots,
    schemas: Schemas,
}

impl Parser {
    pub(super) fn new(topic: OldTopic, rules: Rules) -> Self {
        let slots = Slots::new(&rules.fields);
        Self { topic, rules, slots, key_slots: Slots::new(&FieldMap::default()), schemas: Schemas::new() }
    }

    /// Parses one record. Rules are checked in this order: a value, UTF-8, a JSON object, a payload object, its schema, what
    /// happened to the row; then each field in the order of the old table; then an id that the row does not state, the record's
    /// time, and the total.
    ///
    /// # Errors
    /// [`Refusal`], the first.
    pub(super) fn parse(&mut self, record: &LegacyRecord<'_>) -> Result<Taken, Refusal> {
        let value = match record.value {
            None => return Err(Refusal::new("value", "there is none (a tombstone)")),
            Some([]) => return Err(Refusal::new("value", "is empty")),
            Some(value) => std::str::from_utf8(value).map_err(|error| Refusal::new("value", format!("{error}")))?,
        };
        // Nearly every record: the same schema as before. Any other is read as it is written, also to say what is wrong with it.
        if let Some((payload, schema)) = self.schemas.payload_of_last(value)
            && let Ok(payload) = Document::parse("payload", payload, &self.slots)
        {
            return self.payload(record, &payload, Some(schema));
        }
        let outer = Document::parse("value", value, &self.slots)?;
        let (payload, schema) = match outer.reserved(Reserved::Payload).map(RawValue::get) {
            None => (outer, None),
            Some("null") => return Err(Refusal::new("payload", "is null (a tombstone)")),
            Some(payload) => {
                let payload = Document::parse("payload", payload, &self.slots)?;
                let schema = outer.reserved(Reserved::Schema).map(|raw| self.schemas.read(raw, &self.slots));
                (payload, schema.transpose()?.flatten())
            }
        };
        self.payload(record, &payload, schema)
    }

    fn payload(
        &self,
        record: &LegacyRecord<'_>,
        payload: &Document<'_>,
        schema: Option<Arc<PayloadSchema>>,
    ) -> Result<Taken, Refusal> {
        let schema = schema.as_deref();
        match change::form(payload, record.op)? {
            Form::Row(Op::Placed) => self.order(record, &self.row(payload, schema.map(|schema| &schema.row)), false),
            Form::Row(Op::Updated) => self.order(record, &self.row(payload, schema.map(|schema| &schema.row)), true),
            Form::Row(Op::Deleted) => Err(deleted(&self.row(payload, None).called())),
            Form::Envelope { op, before, after } => {
                let before = before.map(|json| Document::parse("before", json.get(), &self.slots)).transpose()?;
                let before = before.as_ref().map(|before| self.row(before, schema.map(|schema| &schema.before)));
                let Some(after) = after.filter(|_| op != Op::Deleted) else {
                    return Err(match op {
                        Op::Deleted => deleted(&before.map_or_else(|| "without an id".to_owned(), |row| row.called())),
                        Op::Placed | Op::Updated => Refusal::new("after", "is missing or null"),
                    });
                };
                let after = Document::parse("after", after.get(), &self.slots)?;
                let taken =
                    self.order(record, &self.row(&after, schema.map(|schema| &schema.after)), op == Op::Updated)?;
                match before.filter(|_| op == Op::Updated) {
                    Some(before) => self.unchanged(record, &before, taken),
                    None => Ok(taken),
                }
            }
        }
    }

    fn row<'a>(&'a self, document: &'a Document<'a>, schema: Option<&'a RowSchema>) -> Row<'a> {
        Row { document, schema, slots: &self.slots, rules: &self.rules }
    }

    fn order(&self, record: &LegacyRecord<'_>, row: &Row<'_>, is_update: bool) -> Result<Taken, Refusal> {
        let stated_id = row.order_id()?;
        let stated = row.stated()?;
        let (order_id, id) = match stated_id {
            Some(named) => named_id(named),
            None => self.id_beside_the_row(record, &stated)?,
        };
        let placed_at = match stated.placed_at {
            Some(placed_at) => placed_at,
            None => placed_at::of_record(record.timestamp_ms)?,
        };
        let order = stated.into_order(order_id, self.rules.fields.called(Field::TotalPrice), placed_at)?;
        Ok(Taken { order, id, is_update })
    }

    /// The id of an order whose row has none: of the record's key, else of its place.
    fn id_beside_the_row(
        &self,
        record: &LegacyRecord<'_>,
        stated: &Stated<'_>,
    ) -> Result<(OrderId, IdOrigin), Refusal> {
        let key = || order_id::in_key(record.key, &self.key_slots);
        match self.rules.fields.origin(Field::OrderId) {
            Origin::Position => Ok(self.id_of_place(record.position)),
            Origin::Key => {
                let key = key()?.ok_or_else(|| Refusal::new("key", "is missing or null"))?;
                order_id::of_text("key", &key, self.rules.derive_ids).map(named_id)
            }
            Origin::Usual(_) => match key()? {
                // Keyed by what others are keyed by too: that is how records were spread, and no id.
                Some(key) if key == stated.user_id.as_str() || key == stated.product_id.as_str() => {
                    Ok(self.id_of_place(record.position))
                }
                Some(key) => match order_id::uuid(&key) {
                    Some(id) => Ok((id, IdOrigin::Stated)),
                    None => Err(no_certain_id(&key)),
                },
                None => Ok(self.id_of_place(record.position)),
            },
            Origin::Named(_) | Origin::Timestamp => {
                Err(Refusal::new(self.rules.fields.called(Field::OrderId).to_owned(), "is missing or null"))
            }
        }
    }

    fn id_of_place(&self, position: Position) -> (OrderId, IdOrigin) {
        let earlier = self.topic.earlier_order_id(position);
        (self.topic.order_id(position), IdOrigin::Place { earlier })
    }

    /// An update whose envelope has the whole row as it was: the same order, or a changed one.
    fn unchanged(&self, record: &LegacyRecord<'_>, before: &Row<'_>, after: Taken) -> Result<Taken, Refusal> {
        // Where the database does not write it whole, nobody can say from this record alone.
        let Ok(before) = self.order(record, before, false) else { return Ok(after) };
        let (old, new) = (&before.order, &after.order);
        if old.order_id() != new.order_id() {
            let why = format!("is an update of an order (u): its id {} became {}", old.order_id(), new.order_id());
            return Err(Refusal::change("op", why));
        }
        let (stored, found) = (old.contents(), new.contents());
        let differences = stored.differences(&found);
        if differences.is_empty() {
            return Ok(Taken { is_update: false, ..after });
        }
        let changes: Vec<String> = differences
            .iter()
            .map(|change| format!("{} {} became {}", change.field, change.stored, change.found))
            .collect();
        let why = format!("is an update of an order (u): of {} the {}", new.order_id(), changes.join("; "));
        Err(Refusal::change("op", why))
    }
}

fn named_id(NamedId { id, text }: NamedId) -> (OrderId, IdOrigin) {
    (id, text.map_or(IdOrigin::Stated, IdOrigin::Text))
}

fn deleted(id: &str) -> Refusal {
    Refusal::change("op", format!("is a delete of an order ({id}): what stood there was taken back"))
}

fn no_certain_id(key: &str) -> Refusal {
    let why = format!(
        "is no UUID, found `{}`, and nothing else names the order: `--map order_id=@key --derive-ids` takes it for the order's id, \
         `--map order_id=@position` makes ids of places",
        excerpt(key)
    );
    Refusal::new("key", why)
}

#[cfg(test)]
mod tests {
    use super::super::connect_schema::EpochUnit;
    use super::super::derived_id::order_id_of_text;
    use super::super::field::Mapping;
    use super::*;

    const TIMESTAMP_MS: i64 = 1_795_428_000_123;

    const ID: &str = "77a436fd-64f9-4d35-999b-a957195f5d23";

    fn at(value: Option<&[u8]>) -> LegacyRecord<'_> {
        let position = Position { partition: 0, offset: 17 };
        LegacyRecord { position, timestamp_ms: Some(TIMESTAMP_MS), key: None, value, op: None }
    }

    fn topic() -> OldTopic {
        OldTopic { name: "legacy-orders".to_owned(), id: "2EuwGQOZTcCrrCBZ3rKoRQ".to_owned() }
    }

    fn parse(record: &LegacyRecord<'_>) -> Result<Order, Refusal> {
        Parser::new(topic(), Rules::default()).parse(record).map(|taken| taken.order)
    }

    fn parsed(value: &str) -> Result<Order, Refusal> {
        parse(&at(Some(value.as_bytes())))
    }

    fn by(maps: &[&str], rules: Rules) -> Rules {
        let mappings: Vec<Mapping> = maps.iter().map(|map| map.parse().expect("a mapping")).collect();
        Rules { fields: FieldMap::new(&mappings).expect("a map"), ..rules }
    }

    fn minor_units(digits: u8) -> Rules {
        Rules { minor_units: Some(digits), ..Rules::default() }
    }

    fn taken_by(rules: &Rules, key: Option<&str>, value: &str) -> Result<Taken, Refusal> {
        let record = LegacyRecord { key: key.map(str::as_bytes), ..at(Some(value.as_bytes())) };
        Parser::new(topic(), rules.clone()).parse(&record)
    }

    /// Quantity, unit price and total of a payload, or which field is refused and why.
    fn amounts(rules: &Rules, value: &str) -> Result<[i64; 3], (String, String)> {
        let taken = taken_by(rules, None, value);
        taken
            .map(|Taken { order, .. }| {
                [order.first_line().quantity().get(), order.first_line().unit_price().get(), order.total_price().get()]
            })
            .map_err(|refusal| (refusal.field.into_owned(), refusal.why))
    }

    /// The good payload in Connect's envelope, with `declared` as the types of some fields.
    fn declared(declared: &[(&str, &str)], replaced: &[(&str, Option<&str>)]) -> String {
        let fields: Vec<String> =
            declared.iter().map(|(name, kind)| format!(r#"{{{kind},"optional":true,"field":"{name}"}}"#)).collect();
        let fields = fields.join(",");
        format!(
            r#"{{"schema":{{"type":"struct","fields":[{fields}],"optional":false,"name":"orders"}},"payload":{}}}"#,
            payload(replaced)
        )
    }

    fn decimal(scale: &str) -> String {
        format!(
            r#""type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{{"scale":"{scale}","connect.decimal.precision":"10"}}"#
        )
    }

    /// The fields of a good payload with some replaced (`None`: left out).
    fn payload(replaced: &[(&str, Option<&str>)]) -> String {
        let good = [
            ("order_id", "\"77a436fd-64f9-4d35-999b-a957195f5d23\""),
            ("user_id", "\"alice\""),
            ("product_id", "\"chocolate\""),
            ("qty", "3"),
            ("unit_price", "250"),
            ("total_price", "750"),
        ];
        let fields: Vec<String> = good
            .iter()
            .filter_map(|(name, value)| {
                let value = replaced.iter().find(|(field, _)| field == name).map_or(Some(*value), |(_, value)| *value);
                value.map(|value| format!("\"{name}\":{value}"))
            })
            .collect();
        format!("{{{}}}", fields.join(","))
    }

    #[test]
    fn the_golden_envelope_is_an_order() {
        let order = parsed(include_str!("testdata/connect-envelope.jsonl").trim_end()).expect("the sample is an order");
        assert_eq!(order.order_id().to_string(), "77a436fd-64f9-4d35-999b-a957195f5d23");
        assert_eq!(order.user_id().as_str(), "a3f1c2de-0001-4c1b-9a55-6e0f5f7f0a11");
        assert_eq!(order.product_id().as_str(), "CATALOG-002");
        assert_eq!(
            (order.first_line().quantity().get(), order.first_line().unit_price().get(), order.total_price().get()),
            (1, 6000, 6000)
        );
        assert_eq!(order.placed_at().timestamp_millis(), TIMESTAMP_MS);
    }

    #[test]
    fn envelope_and_bare_payload_are_the_same_order() {
        let bare = payload(&[]);
        let expected = parsed(&bare).expect("a good payload");
        for other in [
            format!(r#"{{"schema":{{"type":"struct"}},"payload":{bare}}}"#),
            format!(r#"{{"payload":{bare},"schema":null}}"#),
            format!(" {{\"payload\": {bare} }}\n"),
            payload(&[("total_price", None)]),
            payload(&[("total_price", Some("null"))]),
            payload(&[("user_id", Some(r#""\u0061lice""#))]),
            bare.replace("{\"order_id\"", "{\"coupon\":[1.5,{}],\"order_id\""),
        ] {
            assert_eq!(parsed(&other), Ok(expected.clone()), "{other}");
        }
    }

    #[test]
    fn a_record_after_another_of_its_schema_is_read_as_it_would_be_alone() {
        let good =
            declared(&[("qty", r#""type":"int32","default":2"#)], &[("qty", Some("null")), ("total_price", None)]);
        let mut parser = Parser::new(topic(), Rules::default());
        let mut again = |value: &str| parser.parse(&at(Some(value.as_bytes()))).map(|taken| taken.order);
        again(&good).expect("an order");
        for value in [
            good.clone(),
            format!("{good} "),
            good.replace("alice", "bob"),
            good.replacen("}}", "},\"payload\":{}}", 2),
            format!("{},\"more\":[]}}", &good[..good.len() - 1]),
            format!("{},\"qty\":5}}", &good[..good.len() - 1]),
            format!("{good}}}"),
            good[..good.len() - 1].to_owned(),
            good.replace("\"payload\":{", "\"payload\":7,{"),
            good.replace("\"payload\":{", "\"payload\":[{"),
        ] {
            assert_eq!(again(&value), parsed(&value), "{value}");
        }
    }

    #[test]
    fn an_absent_order_id_is_derived_from_the_place() {
        let position = Position { partition: 0, offset: 17 };
        for value in [payload(&[("order_id", None)]), payload(&[("order_id", Some("null"))])] {
            let taken = taken_by(&Rules::default(), None, &value).expect("an order");
            assert_eq!(taken.order.order_id(), topic().order_id(position), "{value}");
            assert_eq!(taken.id, IdOrigin::Place { earlier: topic().earlier_order_id(position) });
        }
    }

    #[test]
    fn an_id_under_another_name_or_in_the_key_is_the_orders() {
        let (usual, quoted) = (Rules::default(), format!("\"{ID}\""));
        let named = |name: &str| payload(&[("order_id", None)]).replace('{', &format!("{{\"{name}\":\"{ID}\","));
        let without = payload(&[("order_id", None)]);
        for (rules, key, value) in [
            (&usual, None, named("orderId")),
            (&usual, None, named("id")),
            (&usual, Some("chocolate"), named("id")),
            (&usual, Some(ID), without.clone()),
            (&usual, Some(quoted.as_str()), without.clone()),
            (&usual, None, payload(&[]).replace('{', "{\"id\":17,")),
            (&by(&["order_id=Nummer"], Rules::default()), Some("x"), named("Nummer")),
            (&by(&["order_id=@key"], Rules::default()), Some(ID), without.clone()),
        ] {
            let taken = taken_by(rules, key, &value).expect(&value);
            assert_eq!((taken.order.order_id().to_string().as_str(), taken.id), (ID, IdOrigin::Stated), "{value}");
        }
        // What others are keyed by, too, is no order's id; nor what somebody says is none.
        for (rules, key) in
            [(&usual, "alice"), (&usual, "chocolate"), (&by(&["order_id=@position"], Rules::default()), ID)]
        {
            let taken = taken_by(rules, Some(key), &without).expect("an order");
            assert!(matches!(taken.id, IdOrigin::Place { .. }), "{key}");
        }
        for (rules, key, value, field, why) in [
            (
                &usual,
                None,
                payload(&[]).replace('{', "{\"orderId\":\"77a436fd-64f9-4d35-999b-a957195f5d24\","),
                "orderId",
                "is not what `order_id` says, found `\\\"77a436fd-64f9-4d35-999b-a957195f5d24\\\"`",
            ),
            (
                &usual,
                Some("12345"),
                without.clone(),
                "key",
                "is no UUID, found `12345`, and nothing else names the order: `--map order_id=@key --derive-ids` takes it for the order's id, \
              `--map order_id=@position` makes ids of places",
            ),
            (&by(&["order_id=@key"], Rules::default()), None, without, "key", "is missing or null"),
            (&by(&["order_id=Nummer"], Rules::default()), None, payload(&[]), "Nummer", "is missing or null"),
        ] {
            let refusal = taken_by(rules, key, &value).expect_err(&value);
            assert_eq!((refusal.field.as_ref(), refusal.why.as_str()), (field, why), "{value}");
        }
    }

    #[test]
    fn an_id_that_is_no_uuid_is_derived_where_that_is_said() {
        let rules = Rules { derive_ids: true, ..Rules::default() };
        let number = [(
            "order_id",
            r#""type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"0"}"#,
        )];
        for (rules, key, value, text) in [
            (rules.clone(), None, payload(&[("order_id", Some("12345"))]), "12345"),
            (rules.clone(), None, payload(&[("order_id", Some("\"12345\""))]), "12345"),
            (rules.clone(), None, payload(&[("order_id", Some("\"ORD-2024-17\""))]), "ORD-2024-17"),
            // An Oracle or a PostgreSQL key that is a NUMERIC.
            (rules.clone(), None, declared(&number, &[("order_id", Some("\"APo=\""))]), "250"),
            (by(&["order_id=@key"], rules.clone()), Some("A-1"), payload(&[("order_id", None)]), "A-1"),
        ] {
            let taken = taken_by(&rules, key, &value).expect(&value);
            assert_eq!(taken.order.order_id(), order_id_of_text(text), "{value}");
            assert_eq!(taken.id, IdOrigin::Text(text.into()));
        }
        for (value, why) in [
            (payload(&[("order_id", Some("1.5"))]), "must be a UUID, found `1.5`"),
            (payload(&[("order_id", Some("true"))]), "must be a UUID, found `true`"),
            (
                declared(&[("order_id", r#""type":"bytes""#)], &[("order_id", Some("\"APo=\""))]),
                "must be a UUID, found `\\\"APo=\\\"`",
            ),
        ] {
            let refusal = taken_by(&rules, None, &value).expect_err(&value);
            assert_eq!((refusal.field.as_ref(), refusal.why.as_str()), ("order_id", why), "{value}");
        }
    }

    /// Every way in which the real JsonConverter, transforms and clients wrote an amount: the right value, or a refusal.
    #[test]
    fn amounts_are_taken_rightly_or_refused_by_name() {
        let (usual, two, none) = (Rules::default(), minor_units(2), minor_units(0));
        let remedy = "`--minor-units N` says how many decimal digits the old unit has";
        let price = |value| payload(&[("unit_price", Some(value)), ("total_price", None)]);
        let of = |kind: &str, value| {
            declared(&[("unit_price", kind)], &[("unit_price", Some(value)), ("total_price", None)])
        };
        let quantity = |value| payload(&[("qty", Some(value)), ("total_price", None)]);
        let int32 = r#""type":"int32""#;
        let double = r#""type":"double""#;
        let own_scale = r#""type":"struct","fields":[{"type":"int32","field":"scale"},{"type":"bytes","field":"value"}],"name":"io.debezium.data.VariableScaleDecimal","version":1"#;
        let refused = |field: &str, why: String| Err((field.to_owned(), why));
        let cents = |price: i64| Ok([3, price, 3 * price]);
        for (rules, value, expected) in [
            // A Decimal: base64 of its digits, or a number. Its scale does not say how many of them are minor units.
            (&two, of(&decimal("2"), "\"APo=\""), cents(250)),
            (&two, of(&decimal("2"), "2.50"), cents(250)),
            (&two, of(&decimal("2"), "12"), cents(1200)),
            (
                &usual,
                of(&decimal("2"), "\"JxA=\""),
                refused("unit_price", format!("is a Decimal with 2 decimal digits, found `\\\"JxA=\\\"`: {remedy}")),
            ),
            (
                &usual,
                of(&decimal("2"), "12"),
                refused("unit_price", format!("is a Decimal with 2 decimal digits, found `12`: {remedy}")),
            ),
            (
                &none,
                of(&decimal("2"), "\"APo=\""),
                refused("unit_price", "must have at most 0 decimal digits, found `\\\"APo=\\\"`".to_owned()),
            ),
            (&usual, of(&decimal("0"), "250"), cents(250)),
            (&usual, of(&decimal("0"), "\"APo=\""), cents(250)),
            (&two, of(&decimal("0"), "250"), cents(25_000)),
            (
                &two,
                of(&decimal("2"), "\"2.50\""),
                refused("unit_price", "must be a number, found `\\\"2.50\\\"`".to_owned()),
            ),
            (&two, of(&decimal("4"), "\"YagA\""), cents(64_000)),
            // A column without a scale: each value has its own, which says nothing of the unit.
            (&two, of(own_scale, r#"{"scale":2,"value":"APo="}"#), cents(250)),
            (&two, of(own_scale, r#"{"value":"Ag==","scale":0}"#), cents(200)),
            (&two, of(own_scale, r#"{"scale":-2,"value":"Aw=="}"#), cents(30_000)),
            (
                &usual,
                of(own_scale, r#"{"scale":0,"value":"APo="}"#),
                refused(
                    "unit_price",
                    format!(
                        r#"must be an integer of minor units, found `{{\"scale\":0,\"value\":\"APo=\"}}`: {remedy}"#
                    ),
                ),
            ),
            (&two, of(own_scale, r#"{"scale":3,"value":"APo="}"#), Ok([3, 25, 75])),
            (
                &two,
                of(own_scale, r#"{"scale":4,"value":"APs="}"#),
                refused(
                    "unit_price",
                    r#"must have at most 2 decimal digits, found `{\"scale\":4,\"value\":\"APs=\"}`"#.to_owned(),
                ),
            ),
            (
                &two,
                of(own_scale, r#"{"scale":2000,"value":"APo="}"#),
                refused("unit_price", r#"must be a number, found `{\"scale\":2000,\"value\":\"APo=\"}`"#.to_owned()),
            ),
            (&two, of(own_scale, "2.50"), refused("unit_price", "must be a number, found `2.50`".to_owned())),
            (&usual, declared(&[("qty", own_scale)], &[("qty", Some(r#"{"scale":1,"value":"Hg=="}"#))]), cents(250)),
            // A double, or a number that nothing declares.
            (
                &usual,
                of(double, "250.0"),
                refused("unit_price", format!("must be an integer of minor units, found `250.0`: {remedy}")),
            ),
            (&none, of(double, "250.0"), cents(250)),
            (&two, of(double, "2.5"), cents(250)),
            (&none, of(double, "1.0E15"), cents(1_000_000_000_000_000)),
            (
                &two,
                of(double, "0.30000000000000004"),
                refused("unit_price", "must have at most 2 decimal digits, found `0.30000000000000004`".to_owned()),
            ),
            (&usual, price("250"), cents(250)),
            (&two, price("250"), cents(25_000)),
            (&two, price("2.5"), cents(250)),
            (
                &usual,
                price("2.5"),
                refused("unit_price", format!("must be an integer of minor units, found `2.5`: {remedy}")),
            ),
            (
                &usual,
                price("1e4"),
                refused("unit_price", format!("must be an integer of minor units, found `1e4`: {remedy}")),
            ),
            (
                &usual,
                price("\"250\""),
                refused("unit_price", format!("must be an integer of minor units, found `\\\"250\\\"`: {remedy}")),
            ),
            (&two, price("\"2.50\""), cents(250)),
            (&two, price("\"2,50\""), refused("unit_price", "must be a number, found `\\\"2,50\\\"`".to_owned())),
            // An integer by its type, however it is written.
            (&usual, of(int32, "\"12\""), cents(12)),
            (&usual, of(int32, "3.0"), cents(3)),
            (&usual, of(int32, "1e3"), cents(1000)),
            (&usual, of(int32, "7.9"), refused("unit_price", "must be an integer of 64 bits, found `7.9`".to_owned())),
            (&usual, of(int32, "3000000000"), cents(3_000_000_000)),
            // Pieces have no unit.
            (&two, quantity("3"), Ok([3, 25_000, 75_000])),
            (&usual, quantity("\"12\""), Ok([12, 250, 3000])),
            (&usual, quantity("3.0"), cents(250)),
            (&usual, quantity("1e3"), Ok([1000, 250, 250_000])),
            (&usual, quantity("7.9"), refused("qty", "must be an integer of 64 bits, found `7.9`".to_owned())),
            (
                &usual,
                quantity("4294967297"),
                refused("qty", "must be an integer from 1 to 1000000000, found 4294967297".to_owned()),
            ),
            (
                &usual,
                quantity("\"twelve\""),
                refused("qty", "must be an integer of 64 bits, found `\\\"twelve\\\"`".to_owned()),
            ),
            (&usual, declared(&[("qty", &decimal("2"))], &[("qty", Some("\"ASw=\""))]), cents(250)),
            // null, with a default that stands for it, or none.
            (&usual, declared(&[("qty", r#""type":"int32","default":3"#)], &[("qty", Some("null"))]), cents(250)),
            (&usual, declared(&[("qty", r#""type":"int32","default":3"#)], &[("qty", None)]), cents(250)),
            (
                &usual,
                declared(&[("qty", int32)], &[("qty", Some("null"))]),
                refused("qty", "is missing or null".to_owned()),
            ),
            // A total that is none, under whichever name.
            (
                &usual,
                payload(&[("total_price", Some("600"))]),
                refused("total_price", "must be quantity * unit price = 750, found 600".to_owned()),
            ),
            (
                &usual,
                payload(&[("total_price", None)]).replace('{', "{\"totalPrice\":600,"),
                refused("totalPrice", "must be quantity * unit price = 750, found 600".to_owned()),
            ),
            (
                &usual,
                payload(&[]).replace('{', "{\"totalPrice\":600,"),
                refused("totalPrice", "is not what `total_price` says, found `600`".to_owned()),
            ),
            (
                &usual,
                payload(&[]).replace('{', "{\"totalPrice\":750,\"unitPrice\":250,\"quantity\":3,\"userId\":\"alice\","),
                cents(250),
            ),
            (
                &by(&["total_price=Summe"], usual.clone()),
                payload(&[("total_price", None)]).replace('{', "{\"Summe\":600,"),
                refused("Summe", "must be quantity * unit price = 750, found 600".to_owned()),
            ),
            (&by(&["quantity=n"], usual.clone()), payload(&[]), refused("n", "is missing or null".to_owned())),
            (
                &by(&["quantity=n"], usual.clone()),
                payload(&[("qty", Some("\"?\""))]).replace('{', "{\"n\":3,"),
                cents(250),
            ),
            // A price in the old unit beside a total in minor units disagree.
            (
                &two,
                declared(&[("unit_price", &decimal("2")), ("total_price", int32)], &[("unit_price", Some("2.50"))]),
                refused("total_price", "must be quantity * unit price = 750, found 75000".to_owned()),
            ),
        ] {
            assert_eq!(amounts(rules, &value), expected, "{value}");
        }
    }

    #[test]
    fn a_change_is_no_order() {
        let after = payload(&[]);
        let more = payload(&[("qty", Some("4")), ("total_price", None)]);
        let envelope = |op: &str, before: &str, after: &str| {
            format!(
                r#"{{"before":{before},"after":{after},"source":{{"ts_ms":1}},"op":"{op}","ts_ms":1,"transaction":null}}"#
            )
        };
        let is_update = |value: &str| taken_by(&Rules::default(), None, value).expect(value).is_update;
        for (value, update) in [
            (envelope("c", "null", &after), false),
            (envelope("r", "null", &after), false),
            (format!(r#"{{"schema":{{}},"payload":{}}}"#, envelope("c", "null", &after)), false),
            (envelope("u", &after, &payload(&[("total_price", None)])), false),
            // As a database writes it whose rows before are not logged, or only by their key.
            (envelope("u", "null", &after), true),
            (envelope("u", &format!(r#"{{"order_id":"{ID}","user_id":null}}"#), &after), true),
            (after.replace('{', r#"{"__op":"u","__deleted":"false","#), true),
            (after.replace('{', r#"{"__op":"c","__deleted":"false","#), false),
        ] {
            assert_eq!(is_update(&value), update, "{value}");
            assert_eq!(parsed(&value).map(|order| order.order_id().to_string()), Ok(ID.to_owned()));
        }
        for (value, field, why, is_change) in [
            (
                envelope("u", &after, &more),
                "op",
                format!("is an update of an order (u): of {ID} the quantity 3 became 4"),
                true,
            ),
            (
                envelope("d", &after, "null"),
                "op",
                format!("is a delete of an order (\\\"{ID}\\\"): what stood there was taken back"),
                true,
            ),
            (
                envelope("d", "null", "null"),
                "op",
                "is a delete of an order (without an id): what stood there was taken back".to_owned(),
                true,
            ),
            (
                after.replace('{', r#"{"__deleted":"true","#),
                "op",
                format!("is a delete of an order (\\\"{ID}\\\"): what stood there was taken back"),
                true,
            ),
            (envelope("c", "null", "null"), "after", "is missing or null".to_owned(), false),
            (envelope("c", "null", "7"), "after", "must be a JSON object, found `7`".to_owned(), false),
        ] {
            let refusal = parsed(&value).expect_err(&value);
            assert_eq!((refusal.field.as_ref(), refusal.why, refusal.is_change), (field, why, is_change), "{value}");
        }
        // The types of a row in an envelope are those of its own field in the schema.
        let row = format!(
            r#"{{"type":"struct","fields":[{{{},"field":"unit_price"}}],"optional":true,"field":"after"}}"#,
            decimal("2")
        );
        let typed = format!(
            r#"{{"schema":{{"type":"struct","fields":[{row}]}},"payload":{}}}"#,
            envelope("c", "null", &payload(&[("unit_price", Some("\"APo=\"")), ("total_price", None)]))
        );
        assert_eq!(amounts(&minor_units(2), &typed), Ok([3, 250, 750]));
    }

    #[test]
    fn a_time_that_the_row_states_is_the_orders() {
        let ms = Rules { epoch: Some(EpochUnit::Milliseconds), ..Rules::default() };
        let seconds = Rules { epoch: Some(EpochUnit::Seconds), ..Rules::default() };
        let usual = Rules::default();
        let with = |value: &str| payload(&[]).replace('{', &format!("{{\"placed_at\":{value},"));
        let logical = |name: &str, value: &str| {
            let schema = format!(r#"{{"type":"int64","name":"{name}","version":1,"field":"placed_at"}}"#);
            format!(r#"{{"schema":{{"type":"struct","fields":[{schema}]}},"payload":{}}}"#, with(value))
        };
        let (kafka, noon) = ("2026-11-23T10:00:00.123+00:00", "2024-02-29T12:00:00+00:00");
        let remedy = "`--map placed_at=@timestamp` takes the record's own time";
        for (rules, value, expected) in [
            (&usual, with("\"2024-02-29T12:00:00Z\""), Ok(noon)),
            (&usual, with("\"2024-02-29 13:00:00+01:00\""), Ok(noon)),
            (&usual, with("null"), Ok(kafka)),
            (&ms, with("1709208000000"), Ok(noon)),
            (&seconds, with("1709208000"), Ok(noon)),
            (&seconds, with("1709208000.5"), Ok("2024-02-29T12:00:00.500+00:00")),
            (&usual, logical("org.apache.kafka.connect.data.Timestamp", "1709208000000"), Ok(noon)),
            (&seconds, logical("io.debezium.time.Timestamp", "1709208000000"), Ok(noon)),
            (&usual, logical("io.debezium.time.MicroTimestamp", "1709208000000000"), Ok(noon)),
            (&usual, logical("io.debezium.time.NanoTimestamp", "1709208000000000999"), Ok(noon)),
            (&usual, logical("io.debezium.time.ZonedTimestamp", "\"2024-02-29T12:00:00Z\""), Ok(noon)),
            (&by(&["placed_at=@timestamp"], usual.clone()), with("\"gestern\""), Ok(kafka)),
            (
                &by(&["placed_at=created"], usual.clone()),
                payload(&[]).replace('{', "{\"created\":\"2024-02-29T12:00:00Z\","),
                Ok(noon),
            ),
            (
                &usual,
                with("\"2024-02-29 12:00:00\""),
                Err(format!("must be an RFC 3339 time from 1970 to 9999, found `2024-02-29 12:00:00`: {remedy}")),
            ),
            (
                &usual,
                with("1709208000000"),
                Err(format!(
                    "must be an RFC 3339 time, or a number whose unit is said (`--epoch s|ms|us|ns`), found `1709208000000`; {remedy}"
                )),
            ),
            (&ms, with("-1"), Err("must be a time from 1970 to 9999, found `-1`".to_owned())),
            (&ms, with("0.0001"), Err("must be whole microseconds, found `0.0001`".to_owned())),
            (
                &ms,
                logical("org.apache.kafka.connect.data.Date", "19782"),
                Err(format!("has the type org.apache.kafka.connect.data.Date, which is no moment: {remedy}")),
            ),
        ] {
            let found = taken_by(rules, None, &value).map(|taken| taken.order.placed_at().to_rfc3339());
            assert_eq!(found.map_err(|refusal| refusal.why), expected.map(str::to_owned), "{value}");
        }
    }

    #[test]
    fn what_is_not_a_record_is_named() {
        let long = format!("\"{}\"", "x".repeat(100));
        for (value, field, why) in [
            (None, "value", "there is none (a tombstone)"),
            (Some(b"".as_slice()), "value", "is empty"),
            (Some(b"\xff\xfe"), "value", "invalid utf-8 sequence of 1 bytes from index 0"),
            (Some(b"hello\x00"), "value", "must be a JSON object, found `hello\\0`"),
            (Some(b"[\"a\"]"), "value", "must be a JSON object, found `[\\\"a\\\"]`"),
            (Some(b"{"), "value", "cannot be read: EOF while parsing an object at line 1 column 1"),
            (Some(b"{} x"), "value", "cannot be read: trailing characters at line 1 column 4"),
            (Some(br#"{"qty":1,"qty":2}"#), "value", "cannot be read: duplicate field `qty` at line 1 column 14"),
            (Some(br#"{"schema":{},"payload":null}"#), "payload", "is null (a tombstone)"),
            (Some(br#"{"payload":7}"#), "payload", "must be a JSON object, found `7`"),
            (Some(b"{}"), "user_id", "is missing or null"),
        ] {
            let refusal = parse(&at(value)).expect_err("not a record");
            assert_eq!((refusal.field.as_ref(), refusal.why.as_str()), (field, why));
        }
        let refusal = parsed(&long).expect_err("not a record");
        assert!(refusal.why.chars().count() < 110, "{}", refusal.why);
    }

    #[test]
    fn the_first_wrong_field_is_named() {
        for (field, value, why) in [
            ("order_id", Some("5"), "must be a UUID, found `5`: `--derive-ids` derives one from such a text"),
            ("order_id", Some(r#""A-1""#), "must be a UUID, found `A-1`: `--derive-ids` derives one from such a text"),
            ("user_id", None, "is missing or null"),
            ("user_id", Some("null"), "is missing or null"),
            ("user_id", Some("1"), "must be a string, found `1`"),
            ("user_id", Some(r#""""#), "must not be empty"),
            ("product_id", None, "is missing or null"),
            ("product_id", Some(r#""a b""#), "must not contain the character U+0020 (at character 2)"),
            ("product_id", Some("\"a\u{2800}\""), "must not contain the character U+2800 (at character 2)"),
            ("user_id", Some(r#""\u3164""#), "must not contain the character U+3164 (at character 1)"),
            ("product_id", Some("{}"), "must be a string, found `{}`"),
            ("qty", None, "is missing or null"),
            ("qty", Some("0"), "must be an integer from 1 to 1000000000, found 0"),
            ("qty", Some("-3"), "must be an integer from 1 to 1000000000, found -3"),
            ("qty", Some("true"), "must be an integer of 64 bits, found `true`"),
            ("qty", Some("1000000001"), "must be an integer from 1 to 1000000000, found 1000000001"),
            ("unit_price", None, "is missing or null"),
            ("unit_price", Some("0"), "must be an integer from 1 to 9007199254740991, found 0"),
            ("unit_price", Some("9223372036854775808"), "must be an integer of 64 bits, found `9223372036854775808`"),
            ("total_price", Some("751"), "must be quantity * unit price = 750, found 751"),
        ] {
            // What comes later is wrong too, except the total's own rows, which need good fields before them.
            let value = if field == "total_price" {
                payload(&[(field, value)])
            } else {
                payload(&[(field, value), ("total_price", Some("[]"))])
            };
            let refusal = parsed(&value).expect_err(&value);
            assert_eq!((refusal.field.as_ref(), refusal.why.as_str()), (field, why), "{value}");
        }
        let overflow = payload(&[("unit_price", Some("9007199254740991")), ("total_price", None)]);
        let refusal = parsed(&overflow).expect_err("an overflow");
        assert_eq!(refusal, Refusal::new("total_price", "quantity * unit price is more than 9007199254740991"));
    }

    #[test]
    fn the_time_is_the_records_own() {
        let value = payload(&[]);
        for (timestamp_ms, expected) in [
            (None, Ok("1970-01-01T00:00:00+00:00")),
            (Some(0), Ok("1970-01-01T00:00:00+00:00")),
            (Some(1_795_428_000_123), Ok("2026-11-23T10:00:00.123+00:00")),
            (Some(253_402_300_799_999), Ok("9999-12-31T23:59:59.999+00:00")),
            (Some(253_402_300_800_000), Err("timestamp")),
            (Some(-1), Err("timestamp")),
            (Some(i64::MAX), Err("timestamp")),
        ] {
            let parsed = parse(&LegacyRecord { timestamp_ms, ..at(Some(value.as_bytes())) });
            let found =
                parsed.map(|order| order.placed_at().to_rfc3339()).map_err(|refusal| refusal.field.into_owned());
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{timestamp_ms:?}");
        }
    }
}
