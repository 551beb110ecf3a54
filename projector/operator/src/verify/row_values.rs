//! What compared rows say, as the store reads them: see `ledger_store::row_values`. What a server never shows, such as a time that is
//! none, was not written by a projector, and makes no values.

use chrono::{DateTime, NaiveDateTime, Utc};
use ledger_fold::{OrderRow, ReservationRow};
use ledger_schema::Movement;
use ledger_store::row_values::{MovementValues, OrderValues, ReservationValues, order_of};

use super::compared_row::ComparedRow;
use super::table::{ORDERS, RESERVATIONS, STOCK_MOVEMENTS, TableShape};

/// An order from all of its rows, in order of line; `None`: there are none, or no fold writes such rows.
pub(crate) fn order(rows: &[ComparedRow]) -> Option<OrderRow> {
    let rows = rows.iter().map(order_values).collect::<Option<Vec<_>>>().filter(|rows| !rows.is_empty())?;
    order_of(&rows).ok()
}

/// `None`: no fold writes such a row.
pub(crate) fn reservation(row: &ComparedRow) -> Option<ReservationRow> {
    let values = ReservationValues {
        order_id: row.id(),
        home_partition: row.small(&RESERVATIONS, "home_partition"),
        line_no: i16::try_from(row.integer(&RESERVATIONS, "line_no")).ok()?,
        kafka_offset: row.integer(&RESERVATIONS, "kafka_offset"),
        product_id: row.text(&RESERVATIONS, "product_id"),
        quantity: row.integer(&RESERVATIONS, "quantity"),
        status: row.text(&RESERVATIONS, "status"),
        reason: row.text_or_null(&RESERVATIONS, "reason"),
        confirmed: row.integer(&RESERVATIONS, "confirmed") != 0,
    };
    values.parse().ok()
}

/// `None`: no fold writes such a row. The time plays no part in what is folded with it, and is left out.
pub(crate) fn movement(row: &ComparedRow) -> Option<Movement> {
    movement_values(row).parse().ok()
}

/// Of a row of `stock_movements`.
pub(super) fn movement_values(row: &ComparedRow) -> MovementValues<'_> {
    MovementValues {
        movement_id: row.id(),
        product_id: row.text(&STOCK_MOVEMENTS, "product_id"),
        kind: row.text(&STOCK_MOVEMENTS, "kind"),
        delta: row.integer(&STOCK_MOVEMENTS, "delta"),
        note: row.text_or_null(&STOCK_MOVEMENTS, "note"),
        occurred_at: DateTime::UNIX_EPOCH,
    }
}

fn order_values(row: &ComparedRow) -> Option<OrderValues<'_>> {
    Some(OrderValues {
        order_id: row.id(),
        line_no: i16::try_from(row.integer(&ORDERS, "line_no")).ok()?,
        kafka_offset: row.integer(&ORDERS, "kafka_offset"),
        user_id: row.text(&ORDERS, "user_id"),
        product_id: row.text(&ORDERS, "product_id"),
        quantity: row.integer(&ORDERS, "quantity"),
        unit_price: row.integer(&ORDERS, "unit_price"),
        total_price: row.integer(&ORDERS, "total_price"),
        currency: row.text_or_null(&ORDERS, "currency"),
        status: row.text(&ORDERS, "status"),
        line_status: row.text(&ORDERS, "line_status"),
        reason: row.text_or_null(&ORDERS, "reason"),
        expires_at: match row.text_or_null(&ORDERS, "expires_at") {
            None => None,
            Some(text) => Some(time(text)?),
        },
        placed_at: time(row.text(&ORDERS, "placed_at"))?,
        listed_at: time(row.text(&ORDERS, "listed_at"))?,
    })
}

/// As the server casts a DATETIME(6) to text; `0000-00-00 ..` is none.
fn time(text: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.6f").ok().map(|time| time.and_utc())
}

/// Where a row of that table says that its record stands.
pub(super) fn offset_of(shape: &TableShape, row: &ComparedRow) -> i64 {
    row.integer(shape, "kafka_offset")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_what_the_server_shows() {
        let micros = |text: &str| time(text).map(|time| time.timestamp_micros());
        assert_eq!(micros("2025-11-24 16:00:00.123456"), Some(1_764_000_000_123_456));
        for bad in ["0000-00-00 00:00:00.000000", "2025-11-24", ""] {
            assert_eq!(micros(bad), None, "{bad}");
        }
    }
}
