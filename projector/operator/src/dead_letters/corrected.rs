//! The event that an operator gives to mend a parked record: checked as the fold will check it, and made to name what it mends.
//! It must never let through what would be parked again for its own contents.

use ledger_schema::wire::{self, Event};
use ledger_schema::{ParkReason, Position};
use serde_json::{Map, Value, json};

use super::error::DeadLettersError;

/// The member that names the mended record; readers of events ignore what they do not know.
const MENDS: &str = "mends";

/// An event of the log that names the record that it mends.
#[derive(Debug)]
pub(super) struct Corrected {
    pub(super) event: Event,
    /// The value to append. The same for the same contents, however they were laid out.
    pub(super) value: Vec<u8>,
}

impl Corrected {
    /// # Errors
    /// [`DeadLettersError::InvalidEvent`], named as a record would be that is parked for it; or
    /// [`DeadLettersError::MendsAnother`].
    pub(super) fn parse(given: &[u8], mended: Position) -> Result<Self, DeadLettersError> {
        let given = given.trim_ascii();
        wire::decode(Some(given))?;
        let mut members = members(given)?;
        let mends = json!({ "partition": mended.partition, "offset": mended.offset });
        if let Some(found) = members.insert(MENDS.to_owned(), mends.clone())
            && found != mends
        {
            return Err(DeadLettersError::MendsAnother { expected: mended, found: found.to_string() });
        }
        let value = Value::Object(members).to_string().into_bytes();
        // Once more as it will be read: also its size counts.
        let event = wire::decode(Some(&value))?;
        Ok(Self { event, value })
    }
}

/// The members of an event that decodes. Our grammar of JSON and this parser's agree but at their edges (deeply nested
/// members that no reader knows), and what this one does not read cannot be written again: it is refused.
fn members(given: &[u8]) -> Result<Map<String, Value>, DeadLettersError> {
    serde_json::from_slice(given).map_err(|error| DeadLettersError::InvalidEvent {
        reason: ParkReason::Undecodable,
        detail: format!("its members cannot be written again: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MENDED: Position = Position { partition: 3, offset: 41 };
    const RECEIPT: &str = r#"{"type":"StockReceived","version":1,"movement_id":"018f0000-0000-7000-8000-000000000001",
        "product_id":"chocolate","quantity":5,"occurred_at":"2026-11-23T10:00:00Z","note":{"why":"kept"}}"#;

    fn check(given: &str, says: &str) {
        let error = Corrected::parse(given.as_bytes(), MENDED).expect_err(given).to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn it_names_what_it_mends_and_keeps_the_rest() {
        let corrected = Corrected::parse(format!("\n{RECEIPT}\n").as_bytes(), MENDED).expect("valid");
        assert_eq!(corrected.event, wire::decode(Some(RECEIPT.as_bytes())).expect("valid"));
        let value: Value = serde_json::from_slice(&corrected.value).expect("JSON");
        assert_eq!(value["mends"], json!({ "partition": 3, "offset": 41 }));
        assert_eq!(value["note"]["why"], "kept");
        let again = Corrected::parse(&corrected.value, MENDED).expect("it may name it already");
        assert_eq!(again.value, corrected.value);
        check(&RECEIPT.replace("\"note\"", "\"mends\":{\"partition\":0,\"offset\":1},\"note\""), "expected 3:41");
    }

    #[test]
    fn what_would_be_parked_again_is_refused() {
        check("", "refused (empty-value)");
        check("[]", "refused (undecodable)");
        check(&RECEIPT.replace(":5", ":0"), "refused (invalid-field): quantity");
        check(&RECEIPT.replace("StockReceived", "StockReceive"), "refused (unknown-type)");
        check(&RECEIPT.replace("kept", &"x".repeat(wire::MAX_EVENT_BYTES)), "refused (too-large)");
    }
}
