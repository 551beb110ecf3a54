//! The members that events have, as a record gives them, and the words in which a missing or a wrong one is refused:
//! the member's name, what is expected, what was found.
//!
//! It must never let a word of a library, or a Rust type, into a detail. Next: [`super::decode()`], which reads the members
//! of each event; [`super::foreign`], which knows other people's envelopes.

use std::borrow::Cow;

use super::DecodeError;
use super::beginnings;
use super::json::{self, NotJson, Value};
use super::text::{TextFault, meaning};
use crate::domain::{shown, shown_bytes};
use crate::reason::ParkReason;

macro_rules! members {
    ($($member:ident = $name:literal),+ $(,)?) => {
        /// A member that is looked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Member { $($member),+ }

        impl Member {
            const COUNT: usize = [$($name),+].len();

            fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$member),)+ _ => None }
            }

            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$member => $name),+ }
            }
        }
    };
}

members!(
    Type = "type",
    Version = "version",
    OrderId = "order_id",
    UserId = "user_id",
    ProductId = "product_id",
    Quantity = "quantity",
    UnitPrice = "unit_price",
    TotalPrice = "total_price",
    PlacedAt = "placed_at",
    Channel = "channel",
    MovementId = "movement_id",
    Delta = "delta",
    Reason = "reason",
    OccurredAt = "occurred_at",
    // Of orders of several lines.
    Lines = "lines",
    LineNo = "line_no",
    Currency = "currency",
    HoldSeconds = "hold_seconds",
    Note = "note",
    Cause = "cause",
    HomeProductId = "home_product_id",
    Status = "status",
    // Of other people's envelopes.
    Specversion = "specversion",
    Schema = "schema",
    Payload = "payload",
    Op = "op",
    After = "after",
);

/// The members of one record. What is not looked for is not kept.
pub(super) struct Members<'a> {
    /// By `Member as usize`. Of a member that appears twice, the first.
    values: [Option<Value<'a>>; Member::COUNT],
    /// The same, as bits: those that appear twice or more often.
    repeated: u32,
}

impl<'a> Members<'a> {
    /// # Errors
    /// [`ParkReason::Undecodable`] for bytes that are not JSON, and for JSON that is no object.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut members = Self { values: [None; Member::COUNT], repeated: 0 };
        match json::read(bytes, |name, value| members.add(name, value)) {
            Ok(Value::Object(_)) => Ok(members),
            Ok(other) => Err(undecodable(format!("the value must be a JSON object, found {}", found(&other)))),
            Err(fault) => Err(undecodable(not_json(bytes, fault))),
        }
    }

    fn add(&mut self, name: &str, value: Value<'a>) {
        let Some(member) = Member::named(name) else { return };
        match &mut self.values[member as usize] {
            Some(_) => self.repeated |= 1 << member as u32,
            nothing => *nothing = Some(value),
        }
    }

    pub(super) fn has(&self, member: Member) -> bool {
        self.values[member as usize].is_some()
    }

    /// The value of a member that may be missing. Two are refused, also when they are equal: which of them the sender
    /// meant is not ours to guess.
    fn at_most_one(&self, member: Member) -> Result<Option<Value<'a>>, DecodeError> {
        if self.repeated & (1 << member as u32) != 0 {
            return Err(undecodable(format!("{} must appear once, found more than once", member.name())));
        }
        Ok(self.values[member as usize])
    }

    fn one(&self, member: Member) -> Result<Value<'a>, DecodeError> {
        self.at_most_one(member)?.ok_or_else(|| undecodable(format!("{} is missing", member.name())))
    }

    /// A text. Null is none.
    ///
    /// # Errors
    /// [`ParkReason::Undecodable`] for a missing, repeated or other value.
    pub(super) fn text(&self, member: Member) -> Result<Cow<'a, str>, DecodeError> {
        as_text(member, self.one(member)?)
    }

    /// A text that may be missing or null.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub(super) fn optional_text(&self, member: Member) -> Result<Option<Cow<'a, str>>, DecodeError> {
        match self.at_most_one(member)? {
            None | Some(Value::Null) => Ok(None),
            Some(value) => as_text(member, value).map(Some),
        }
    }

    /// An integer of 64 bits, written with digits alone.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub(super) fn integer(&self, member: Member) -> Result<i64, DecodeError> {
        self.integer_within(member, i64::MIN, i64::MAX)
    }

    /// A version: 0 to 2^32 - 1. (Which of them is known is checked later.)
    ///
    /// # Errors
    /// As [`Self::text`].
    pub(super) fn version(&self) -> Result<i64, DecodeError> {
        self.integer_within(Member::Version, 0, u32::MAX.into())
    }

    /// An integer that may be missing or null.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub(super) fn optional_integer(&self, member: Member) -> Result<Option<i64>, DecodeError> {
        match self.at_most_one(member)? {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.integer(member).map(Some),
        }
    }

    /// The members of each object of an array, in their order.
    ///
    /// # Errors
    /// As [`Self::text`]; what is wrong with an element is named by its number, from 1.
    pub(super) fn objects(&self, member: Member) -> Result<Vec<Members<'a>>, DecodeError> {
        let value = self.one(member)?;
        let Value::Array(source) = value else {
            return Err(undecodable(format!("{} must be an array, found {}", member.name(), found(&value))));
        };
        let mut objects = Vec::new();
        json::elements(source, |element| {
            let object = match element {
                Value::Object(source) => Members::read(source),
                other => Err(undecodable(format!("must be an object, found {}", found(&other)))),
            };
            objects.push(object);
        });
        let named = |(index, object): (usize, Result<Members<'a>, DecodeError>)| {
            object.map_err(|error| error.in_line(index + 1))
        };
        objects.into_iter().enumerate().map(named).collect()
    }

    fn integer_within(&self, member: Member, min: i64, max: i64) -> Result<i64, DecodeError> {
        let value = self.one(member)?;
        let must = match value {
            Value::Number(source) => match integer(source) {
                Ok(number) if (min..=max).contains(&number) => return Ok(number),
                Ok(_) | Err(IntegerFault::TooLarge) => format!("an integer from {min} to {max}"),
                Err(IntegerFault::NotDigits) => "an integer without fraction or exponent".to_owned(),
                Err(IntegerFault::SignedZero) => "an integer, and zero has no sign".to_owned(),
            },
            _ => "an integer".to_owned(),
        };
        Err(undecodable(format!("{} must be {must}, found {}", member.name(), found(&value))))
    }
}

/// Why a number is no integer of 64 bits.
enum IntegerFault {
    NotDigits,
    SignedZero,
    TooLarge,
}

/// `1.0` and `1e0` are no integers: what is written otherwise elsewhere would be two spellings of one event here.
fn integer(source: &[u8]) -> Result<i64, IntegerFault> {
    let (digits, sign) = match source {
        b"-0" => return Err(IntegerFault::SignedZero),
        [b'-', digits @ ..] => (digits, -1),
        digits => (digits, 1),
    };
    let mut number: i64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(IntegerFault::NotDigits);
        }
        // Added with its sign, since the smallest number has no positive counterpart.
        let digit = sign * i64::from(digit - b'0');
        number = number.checked_mul(10).and_then(|number| number.checked_add(digit)).ok_or(IntegerFault::TooLarge)?;
    }
    Ok(number)
}

fn as_text<'a>(member: Member, value: Value<'a>) -> Result<Cow<'a, str>, DecodeError> {
    let name = member.name();
    let Value::Text { source, escaped } = value else {
        return Err(undecodable(format!("{name} must be text, found {}", found(&value))));
    };
    meaning(source, escaped).map_err(|fault| {
        let must = match fault {
            TextFault::NotUtf8 => "be text in UTF-8",
            TextFault::HalfPair => "not have half of a surrogate pair",
        };
        undecodable(format!("{name} must {must}, found `{}`", shown_bytes(source)))
    })
}

/// A value in a few words.
fn found(value: &Value<'_>) -> String {
    match value {
        Value::Text { source, escaped } => match meaning(source, *escaped) {
            Ok(text) => format!("the text `{}`", shown(&text)),
            Err(_) => format!("the text `{}`", shown_bytes(source)),
        },
        Value::Number(source) => format!("the number `{}`", shown_bytes(source)),
        Value::True => "true".to_owned(),
        Value::False => "false".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn not_json(bytes: &[u8], NotJson { at, expected }: NotJson) -> String {
    let found = match bytes.get(at) {
        None => "the end".to_owned(),
        Some(byte @ b' '..=b'~') => format!("`{}`", char::from(*byte)),
        Some(byte) => format!("byte 0x{byte:02X}"),
    };
    // Most bytes are nothing that is known; then there is nothing to add.
    let beginning = beginnings::beginning(bytes).filter(|_| at == 0).map(|what| format!(" ({what})"));
    format!("not JSON at byte {at}: expected {expected}, found {found}{}", beginning.as_deref().unwrap_or(""))
}

fn undecodable(detail: String) -> DecodeError {
    DecodeError { reason: ParkReason::Undecodable, detail }
}
