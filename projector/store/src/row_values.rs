//! A row of `orders`, `stock_movements` or `reservations` and what it says, whoever read it: its contents for a comparison, and the domain
//! value. The one home of that way; `rows.rs` is the other. It must never bend a value: what does not parse was not written by
//! a projector, and is an error with the row's key.

use chrono::{DateTime, Utc};
use ledger_fold::{OrderRow, OrderState, ReservationKey, ReservationRow, ReservationState};
use ledger_schema::{
    AdjustmentNote, Currency, Delta, HoldSeconds, Line, LineNo, LineStatus, Movement, MovementContents, MovementId,
    MovementKind, Note, Order, OrderFault, OrderId, OrderReason, ProductId, Quantity, RejectionReason, Status, Terms,
    UnitPrice, UserId, Violation,
};
use uuid::Uuid;

use crate::error::StoreError;

/// A row of `orders`: one line. (Its partition is known to whoever read it.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct OrderValues<'r> {
    pub order_id: Uuid,
    pub line_no: i16,
    pub kafka_offset: i64,
    pub user_id: &'r str,
    pub product_id: &'r str,
    pub quantity: i64,
    pub unit_price: i64,
    pub total_price: i64,
    pub currency: Option<&'r str>,
    pub status: &'r str,
    pub reason: Option<&'r str>,
    pub line_status: &'r str,
    pub expires_at: Option<DateTime<Utc>>,
    pub placed_at: DateTime<Utc>,
    pub listed_at: DateTime<Utc>,
}

/// The columns of `stock_movements` that say what is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct MovementValues<'r> {
    pub movement_id: Uuid,
    pub product_id: &'r str,
    pub kind: &'r str,
    pub delta: i64,
    pub note: Option<&'r str>,
    pub occurred_at: DateTime<Utc>,
}

/// A row of `reservations`. (Its partition is known to whoever read it.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct ReservationValues<'r> {
    pub order_id: Uuid,
    pub home_partition: i32,
    pub line_no: i16,
    pub kafka_offset: i64,
    pub product_id: &'r str,
    pub quantity: i64,
    pub status: &'r str,
    pub reason: Option<&'r str>,
    pub confirmed: bool,
}

/// Why rows are no order, or no reservation.
type Problem = String;

impl OrderValues<'_> {
    /// As [`sqlx::FromRow`] wants them selected.
    pub const COLUMNS: &'static str = "order_id, line_no, kafka_offset, user_id, product_id, quantity, unit_price, total_price, \
        currency, status, reason, line_status, expires_at, placed_at, listed_at";

    /// What every line of an order says alike.
    fn of_order(&self) -> Self {
        let own = Self { line_no: 0, product_id: "", quantity: 0, unit_price: 0, total_price: 0, ..*self };
        Self { reason: None, line_status: "", ..own }
    }

    fn line(&self) -> Result<Line, Problem> {
        let line = || {
            let (product_id, quantity) = (ProductId::parse(self.product_id)?, Quantity::new(self.quantity)?);
            Line::new(product_id, quantity, UnitPrice::new(self.unit_price)?, Some(self.total_price))
        };
        line().map_err(|violation: Violation| violation.to_string())
    }

    fn state(&self) -> Result<(LineStatus, Option<OrderReason>), Problem> {
        let status = word("line_status", self.line_status, LineStatus::from_word)?;
        let reason = self.reason.map(|reason| word("reason", reason, OrderReason::from_word)).transpose()?;
        Ok((status, reason))
    }

    /// What it asked for at its end: the seconds from when it was placed.
    fn terms(&self) -> Result<Terms, Problem> {
        let currency = self.currency.map(Currency::parse).transpose().map_err(|violation| violation.to_string())?;
        let seconds = |expires_at: DateTime<Utc>| {
            let hold = (expires_at - self.placed_at).num_seconds();
            let hold = HoldSeconds::new(hold).ok().filter(|hold| hold.ends(self.placed_at) == Ok(expires_at));
            hold.ok_or_else(|| format!("expires_at {expires_at} is no whole hold after placed_at {}", self.placed_at))
        };
        Ok(Terms { currency, hold: self.expires_at.map(seconds).transpose()? })
    }
}

/// The order that these rows are the lines of, in order of `line_no`.
///
/// # Errors
/// [`StoreError::CorruptRow`].
///
/// # Panics
/// Without a row: there is no order of none.
pub fn order_of(rows: &[OrderValues<'_>]) -> Result<OrderRow, StoreError> {
    let first = rows.first().expect("an order has at least one row");
    order_from(first, rows).map_err(|problem| corrupt("orders", first.order_id.to_string(), problem))
}

fn order_from(first: &OrderValues<'_>, rows: &[OrderValues<'_>]) -> Result<OrderRow, Problem> {
    for (row, line_no) in rows.iter().zip(1..) {
        if row.line_no != line_no {
            return Err(format!("expected line {line_no}, found line {}", row.line_no));
        }
        if row.of_order() != first.of_order() {
            return Err(format!("line {line_no} is of another order than line 1"));
        }
    }
    let lines = rows.iter().map(OrderValues::line).collect::<Result<Vec<_>, _>>()?;
    let states = rows.iter().map(OrderValues::state).collect::<Result<Vec<_>, _>>()?;
    let status = word("status", first.status, Status::from_word)?;
    let user_id = UserId::parse(first.user_id).map_err(|violation| violation.to_string())?;
    let id = OrderId::from_uuid(first.order_id);
    let order = Order::of_lines(id, user_id, lines, None, first.terms()?, first.placed_at).map_err(fault)?;
    let state = OrderState::from_stored(status, &states).map_err(|contradiction| contradiction.to_string())?;
    Ok(OrderRow { offset: first.kafka_offset, order, state, listed_at: first.listed_at })
}

fn fault(fault: OrderFault) -> Problem {
    match fault {
        OrderFault::Product(line_no, violation) => format!("line {line_no}: {violation}"),
        OrderFault::Lines(violation) | OrderFault::Total(violation) | OrderFault::Hold(violation) => {
            violation.to_string()
        }
    }
}

fn word<T>(column: &str, found: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Problem> {
    parse(found).ok_or_else(|| format!("{column} `{found}` is no word of it"))
}

impl ReservationValues<'_> {
    /// As [`sqlx::FromRow`] wants them selected.
    pub const COLUMNS: &'static str =
        "order_id, home_partition, line_no, kafka_offset, product_id, quantity, status, reason, confirmed";

    /// The reservation.
    ///
    /// # Errors
    /// [`StoreError::CorruptRow`].
    pub fn parse(&self) -> Result<ReservationRow, StoreError> {
        let key = || format!("{} line {} of partition {}", self.order_id, self.line_no, self.home_partition);
        self.reservation().map_err(|problem| corrupt("reservations", key(), problem))
    }

    fn reservation(&self) -> Result<ReservationRow, Problem> {
        let said = |violation: Violation| violation.to_string();
        let line_no = LineNo::new(i64::from(self.line_no)).map_err(said)?;
        let key = ReservationKey {
            order_id: OrderId::from_uuid(self.order_id),
            home_partition: self.home_partition,
            line_no,
        };
        let status = word("status", self.status, LineStatus::from_word)?;
        let reason = self.reason.map(|reason| word("reason", reason, RejectionReason::from_word)).transpose()?;
        let state = ReservationState::from_stored(status, self.confirmed, reason).ok_or_else(|| {
            let (reason, confirmed) = (self.reason.unwrap_or("none"), self.confirmed);
            format!("status {}, reason {reason}, confirmed {confirmed} contradict each other", self.status)
        })?;
        Ok(ReservationRow {
            key,
            product_id: ProductId::parse(self.product_id).map_err(said)?,
            quantity: Quantity::new(self.quantity).map_err(said)?,
            state,
            offset: self.kafka_offset,
        })
    }
}

impl<'r> MovementValues<'r> {
    /// As [`sqlx::FromRow`] wants them selected.
    pub const COLUMNS: &'static str = "movement_id, product_id, kind, delta, note, occurred_at";

    /// What is held against another movement of the same id.
    pub fn contents(&self) -> MovementContents<'r> {
        let Self { product_id, kind, delta, note, .. } = *self;
        MovementContents { product_id, kind, delta, note: Note::Held(note) }
    }

    /// The movement.
    ///
    /// # Errors
    /// [`StoreError::CorruptRow`].
    pub fn parse(&self) -> Result<Movement, StoreError> {
        let corrupt = |problem| corrupt("stock_movements", self.movement_id.to_string(), problem);
        self.movement().map_err(|violation| corrupt(violation.to_string()))?.ok_or_else(|| {
            let note = if self.note.is_some() { "with" } else { "without" };
            corrupt(format!("kind `{}` {note} a note", self.kind))
        })
    }

    /// `None`: no movement is of that kind, with or without a note.
    fn movement(&self) -> Result<Option<Movement>, Violation> {
        let kind = match (self.kind, self.note) {
            ("receipt", None) => MovementKind::Receipt(Quantity::new(self.delta)?),
            ("adjustment", Some(note)) => {
                MovementKind::Adjustment { delta: Delta::new(self.delta)?, note: AdjustmentNote::parse(note)? }
            }
            _ => return Ok(None),
        };
        let product_id = ProductId::parse(self.product_id)?;
        Ok(Some(Movement::new(MovementId::from_uuid(self.movement_id), product_id, kind, self.occurred_at)))
    }
}

fn corrupt(table: &'static str, key: String, problem: Problem) -> StoreError {
    StoreError::CorruptRow { table, key, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: OrderValues<'_> = OrderValues {
        order_id: Uuid::from_u128(7),
        line_no: 1,
        kafka_offset: 5,
        user_id: "user-1",
        product_id: "chocolate",
        quantity: 3,
        unit_price: 250,
        total_price: 750,
        currency: None,
        status: "confirmed",
        reason: None,
        line_status: "reserved",
        expires_at: None,
        placed_at: DateTime::UNIX_EPOCH,
        listed_at: DateTime::UNIX_EPOCH,
    };
    const SECOND: OrderValues<'_> = OrderValues { line_no: 2, product_id: "tea", ..ORDER };
    const RESERVATION: ReservationValues<'_> = ReservationValues {
        order_id: Uuid::from_u128(9),
        home_partition: 3,
        line_no: 2,
        kafka_offset: 5,
        product_id: "tea",
        quantity: 3,
        status: "reserved",
        reason: None,
        confirmed: true,
    };
    const MOVEMENT: MovementValues<'_> = MovementValues {
        movement_id: Uuid::from_u128(8),
        product_id: "chocolate",
        kind: "adjustment",
        delta: -2,
        note: Some("counted"),
        occurred_at: DateTime::UNIX_EPOCH,
    };

    #[test]
    fn a_row_is_what_it_says() {
        let hold = Some(DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(60));
        let held = |row| OrderValues { status: "held", currency: Some("EUR"), expires_at: hold, ..row };
        let OrderRow { offset, order, state, .. } = order_of(&[held(ORDER), held(SECOND)]).expect("an order");
        assert_eq!((offset, order.order_id().as_uuid(), state.status()), (5, ORDER.order_id, Status::Held));
        let products: Vec<_> = order.lines().map(|(_, line)| line.product_id().as_str()).collect();
        assert_eq!((products, order.total_price().get()), (vec!["chocolate", "tea"], 1500));
        assert_eq!((order.expires_at(), order.terms().currency), (hold, Currency::parse("EUR").ok()));
        let reservation = RESERVATION.parse().expect("a reservation");
        assert_eq!((reservation.key.line_no.get(), reservation.state), (2, ReservationState::Confirmed));
        let movement = MOVEMENT.parse().expect("a movement");
        assert_eq!(
            (movement.movement_id().as_uuid(), movement.contents()),
            (MOVEMENT.movement_id, MOVEMENT.contents())
        );
        let receipt = MovementValues { kind: "receipt", delta: 5, note: None, ..MOVEMENT };
        assert_eq!(receipt.parse().expect("a receipt").contents(), receipt.contents());
    }

    #[test]
    fn what_no_projector_writes_is_named() {
        let late = Some(DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(1500));
        for (rows, says) in [
            (vec![OrderValues { quantity: 0, ..ORDER }], "from 1 to 1000000000, found 0"),
            (vec![OrderValues { total_price: 751, ..ORDER }], "751"),
            (vec![OrderValues { product_id: "", ..ORDER }], "empty"),
            (vec![SECOND], "expected line 1, found line 2"),
            (vec![ORDER, ORDER], "expected line 2, found line 1"),
            (vec![ORDER, OrderValues { user_id: "eve", ..SECOND }], "line 2 is of another order than line 1"),
            (vec![ORDER, OrderValues { product_id: "chocolate", ..SECOND }], "line 2: must stand in one line only"),
            (vec![OrderValues { currency: Some("eur"), ..ORDER }], "three capitals, found `eur`"),
            (vec![OrderValues { expires_at: late, ..ORDER }], "is no whole hold after placed_at"),
            (vec![OrderValues { status: "gone", ..ORDER }], "status `gone` is no word of it"),
            (vec![OrderValues { line_status: "released", ..ORDER }], "confirmed has a line that is released"),
        ] {
            let error = order_of(&rows).expect_err(says).to_string();
            assert!(error.starts_with(&format!("table orders, row {}: ", ORDER.order_id)), "{error}");
            assert!(error.contains(says), "{error}");
        }
        for (row, says) in [
            (ReservationValues { line_no: 0, ..RESERVATION }, "from 1 to 100, found 0"),
            (ReservationValues { status: "released", ..RESERVATION }, "reason none, confirmed true contradict"),
            (ReservationValues { reason: Some("eaten"), ..RESERVATION }, "reason `eaten` is no word of it"),
        ] {
            let error = row.parse().expect_err(says).to_string();
            let key = format!("{} line {} of partition 3", RESERVATION.order_id, row.line_no);
            assert!(error.starts_with(&format!("table reservations, row {key}: ")) && error.contains(says), "{error}");
        }
        for (row, says) in [
            (MovementValues { note: None, ..MOVEMENT }, "kind `adjustment` without a note"),
            (MovementValues { kind: "receipt", ..MOVEMENT }, "kind `receipt` with a note"),
            (MovementValues { kind: "gift", ..MOVEMENT }, "kind `gift` with a note"),
        ] {
            let error = row.parse().expect_err(says).to_string();
            assert_eq!(error, format!("table stock_movements, row {}: {says}", MOVEMENT.movement_id));
        }
    }
}
