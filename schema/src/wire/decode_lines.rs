//! Version 3 of `OrderPlaced`: an order of 1 to 100 lines, with currency and hold where it has them.
//!
//! It must never take lines out of order, or with gaps: their numbers name them in every table and event that follows.
//! Next: [`super::decode_requests`].

use super::Event;
use super::decode::{DecodeError, field};
use super::members::{Member, Members};
use crate::domain::{
    Channel, Currency, HoldSeconds, Line, LineNo, Order, OrderFault, OrderId, ProductId, Quantity, Terms, UnitPrice,
    UserId, Violation, parse_timestamp,
};

/// A line as it is written.
struct Written {
    line_no: i64,
    product_id: String,
    quantity: i64,
    unit_price: i64,
    total_price: i64,
}

pub(super) fn order_of_lines(members: &Members<'_>) -> Result<Event, DecodeError> {
    let order_id = members.text(Member::OrderId)?;
    let user_id = members.text(Member::UserId)?;
    let written = members.objects(Member::Lines)?;
    let written: Vec<Written> = (1..)
        .zip(&written)
        .map(|(number, line)| kinds(line).map_err(|error| error.in_line(number)))
        .collect::<Result<_, _>>()?;
    let total_price = members.integer(Member::TotalPrice)?;
    let currency = members.optional_text(Member::Currency)?;
    let hold_seconds = members.optional_integer(Member::HoldSeconds)?;
    let placed_at = members.text(Member::PlacedAt)?;
    let channel = members.optional_text(Member::Channel)?;

    let order_id = field(Member::OrderId, OrderId::parse(&order_id))?;
    let user_id = field(Member::UserId, UserId::parse(&user_id))?;
    let lines = (1..)
        .zip(&written)
        .map(|(number, line)| rules(number, line).map_err(|error| error.in_line(number)))
        .collect::<Result<_, _>>()?;
    let currency = currency.map(|code| field(Member::Currency, Currency::parse(&code))).transpose()?;
    let hold = hold_seconds.map(|seconds| field(Member::HoldSeconds, HoldSeconds::new(seconds))).transpose()?;
    let placed_at = field(Member::PlacedAt, parse_timestamp(&placed_at))?;
    let channel = channel.map(|channel| field(Member::Channel, Channel::parse(&channel))).transpose()?;
    let terms = Terms { currency, hold };
    let order = Order::of_lines(order_id, user_id, lines, Some(total_price), terms, placed_at).map_err(named)?;
    Ok(Event::OrderPlaced(match channel {
        Some(channel) => order.over(channel),
        None => order,
    }))
}

fn kinds(line: &Members<'_>) -> Result<Written, DecodeError> {
    Ok(Written {
        line_no: line.integer(Member::LineNo)?,
        product_id: line.text(Member::ProductId)?.into_owned(),
        quantity: line.integer(Member::Quantity)?,
        unit_price: line.integer(Member::UnitPrice)?,
        total_price: line.integer(Member::TotalPrice)?,
    })
}

/// The rules of the line that stands `number`th.
fn rules(number: usize, line: &Written) -> Result<Line, DecodeError> {
    let line_no = field(Member::LineNo, LineNo::new(line.line_no))?;
    if line_no.index() + 1 != number {
        // No number where there can be no such line: that there are too many is said of all of them.
        let expected = i16::try_from(number).unwrap_or(i16::MAX);
        return field(Member::LineNo, Err(Violation::OtherLine { expected, found: line_no.get() }));
    }
    let product_id = field(Member::ProductId, ProductId::parse(&line.product_id))?;
    let quantity = field(Member::Quantity, Quantity::new(line.quantity))?;
    let unit_price = field(Member::UnitPrice, UnitPrice::new(line.unit_price))?;
    field(Member::TotalPrice, Line::new(product_id, quantity, unit_price, Some(line.total_price)))
}

fn named(fault: OrderFault) -> DecodeError {
    match fault {
        OrderFault::Lines(violation) => DecodeError::field(Member::Lines, &violation),
        OrderFault::Product(line_no, violation) => {
            DecodeError::field(Member::ProductId, &violation).in_line(line_no.index() + 1)
        }
        OrderFault::Total(violation) => DecodeError::field(Member::TotalPrice, &violation),
        OrderFault::Hold(violation) => DecodeError::field(Member::HoldSeconds, &violation),
    }
}
