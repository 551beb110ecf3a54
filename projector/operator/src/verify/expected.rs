//! Rows as the log says they are, from the effects of the fold, in the form in which [`super::table`] reads them. Each function
//! mirrors the insert of the same table in `store/`; it must name the same columns in the same order as the table's shape.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use ledger_fold::{Decision, Level, MovementRow, OpenOrder, OrderRow, Parked, ReservationRow};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::{Currency, Line, LineNo, ProductId};
use ledger_store::parked::DeadLetter;
use sha2::{Digest, Sha256};

use super::compared_row::ComparedRow;
use super::evidence::LastLevel;
use super::table::{BEGINNING_BYTES, WHOLE_BYTES};
use super::value::Value;

/// The rows of `orders` of one order, by line.
pub(super) fn order(partition: i32, row: &OrderRow) -> Vec<ComparedRow> {
    let order = &row.order;
    let line = |(line_no, line): (LineNo, &Line)| {
        ComparedRow::new([
            order.order_id().as_uuid().into(),
            partition.into(),
            i32::from(line_no.get()).into(),
            row.offset.into(),
            order.user_id().as_str().into(),
            line.product_id().as_str().into(),
            line.quantity().get().into(),
            line.unit_price().get().into(),
            line.total_price().get().into(),
            order.terms().currency.as_ref().map(Currency::as_str).into(),
            row.state.status().as_str().into(),
            row.state.line(line_no).status().as_str().into(),
            row.state.reason_of(line_no).map(|reason| reason.as_str()).into(),
            order.expires_at().map_or(Value::Null, time),
            time(order.placed_at()),
            time(row.listed_at),
        ])
    };
    order.lines().map(line).collect()
}

/// A row of `reservations`.
pub(super) fn reservation(partition: i32, row: &ReservationRow) -> ComparedRow {
    let ReservationRow { key, product_id, quantity, state, offset } = row;
    ComparedRow::new([
        key.order_id.as_uuid().into(),
        key.home_partition.into(),
        i32::from(key.line_no.get()).into(),
        partition.into(),
        (*offset).into(),
        product_id.as_str().into(),
        quantity.get().into(),
        state.status().as_str().into(),
        state.reason().map(|reason| reason.as_str()).into(),
        i32::from(state.is_confirmed()).into(),
    ])
}

/// A row of `open_orders`.
pub(super) fn open_order(partition: i32, open: &OpenOrder) -> ComparedRow {
    let OpenOrder { order_id, status, due_at } = *open;
    ComparedRow::new([partition.into(), status.as_str().into(), time(due_at), order_id.as_uuid().into()])
}

/// A row of `stock_movements`.
pub(super) fn movement(partition: i32, row: &MovementRow) -> ComparedRow {
    let movement = &row.movement;
    let (status, reason) = words(row.decision);
    ComparedRow::new([
        movement.movement_id().as_uuid().into(),
        partition.into(),
        row.offset.into(),
        movement.product_id().as_str().into(),
        movement.kind_word().into(),
        movement.delta().get().into(),
        status,
        reason,
        movement.note().map(|note| note.as_str()).into(),
        time(movement.occurred_at()),
    ])
}

/// A row of `stock`.
pub(super) fn stock(partition: i32, product_id: &ProductId, last: LastLevel) -> ComparedRow {
    let LastLevel { level: Level { available, held }, offset } = last;
    ComparedRow::new([product_id.as_str().into(), available.into(), held.into(), partition.into(), offset.into()])
}

/// A row of `dead_letters`.
pub(super) fn dead_letter(partition: i32, parked: &Parked, record: &OwnedRecord) -> ComparedRow {
    let letter = DeadLetter::of(parked, record);
    ComparedRow::new([
        partition.into(),
        letter.offset.into(),
        letter.reason.into(),
        long_text(letter.detail),
        letter.key.map(blob).into(),
        letter.value.map(blob).into(),
        letter.value_bytes.into(),
        long_text(&letter.headers_json()),
    ])
}

fn words(decision: Decision) -> (Value, Value) {
    (decision.status().as_str().into(), decision.reason().map(|reason| reason.as_str()).into())
}

/// As the server casts a DATETIME(6) to text.
fn time(time: DateTime<Utc>) -> Value {
    time.format("%Y-%m-%d %H:%M:%S%.6f").to_string().as_str().into()
}

fn long_text(text: &str) -> Value {
    if text.len() <= WHOLE_BYTES { text.into() } else { blob(text.as_bytes()) }
}

/// As a column of bytes is selected.
fn blob(bytes: &[u8]) -> Value {
    let beginning = if bytes.len() <= WHOLE_BYTES { bytes } else { &bytes[..BEGINNING_BYTES] };
    let mut text = "0x".to_owned();
    push_hex(&mut text, beginning);
    if bytes.len() > WHOLE_BYTES {
        write!(text, ".. ({} bytes, SHA-256 ", bytes.len()).expect("a String takes what is written");
        push_hex(&mut text, &Sha256::digest(bytes));
        text.push(')');
    }
    text.as_str().into()
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    bytes.iter().for_each(|byte| {
        write!(text, "{byte:02x}").expect("a String takes what is written");
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_six_digits_as_the_server_writes_them() {
        for (micros, text) in [
            (0, "1970-01-01 00:00:00.000000"),
            (1_500_000, "1970-01-01 00:00:01.500000"),
            (1_764_000_000_123_456, "2025-11-24 16:00:00.123456"),
        ] {
            let at = DateTime::from_timestamp_micros(micros).expect("a time");
            assert_eq!(time(at), text.into());
        }
    }

    #[test]
    fn long_bytes_are_their_beginning_length_and_digest() {
        assert_eq!(blob(b"\x00\xff"), "0x00ff".into());
        assert_eq!(long_text(&"a".repeat(WHOLE_BYTES)), "a".repeat(WHOLE_BYTES).as_str().into());
        let expected = format!(
            "0x{}.. (257 bytes, SHA-256 e8d95cc2b4bc198c54b40bd214df958afb65f5e73d2c2eafe0593cf5c635c1f0)",
            "61".repeat(BEGINNING_BYTES)
        );
        assert_eq!(long_text(&"a".repeat(WHOLE_BYTES + 1)), expected.as_str().into());
    }
}
