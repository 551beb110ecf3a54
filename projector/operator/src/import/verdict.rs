//! What becomes of one order of the old topic: by what this run has met, and by what the ledger holds. Nothing is appended that the
//! fold would park, as far as it can be known. It must never ask anything itself. Next: [`super::orders`].

use super::legacy_record::{IdOrigin, Taken};
use super::refusal::Refusal;
use super::seen::{Before, Seen};
use super::stored::StoredOrders;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Append,
    /// Folded by an earlier run.
    AlreadyThere,
    /// Met in this run.
    Repeat,
    /// The same id stands with other contents.
    Conflict(Refusal),
    /// A change of an order.
    Refused(Refusal),
}

/// Decides. What this run has met goes first: it is what the topic says, whether it is folded by now or not.
pub(super) fn verdict(taken: &Taken, seen: &Seen, stored: &StoredOrders) -> Verdict {
    let order = &taken.order;
    let differs = |why: String| {
        if taken.is_update {
            Verdict::Refused(Refusal::change("op", format!("is an update of an order (u): {why}")))
        } else {
            Verdict::Conflict(Refusal::new("order_id", why))
        }
    };
    match seen.before(order.order_id(), order.contents()) {
        Before::Same => return Verdict::Repeat,
        Before::Other(position) => {
            let id = order.order_id();
            return differs(format!("order {id} stands at {position} of the same topic with other contents"));
        }
        Before::Nothing => {}
    }
    let rows = stored.of(order.order_id());
    if rows.iter().any(|row| row.difference(order).is_none()) {
        return Verdict::AlreadyThere;
    }
    if let Some(why) = rows.first().and_then(|row| row.difference(order)) {
        return differs(why);
    }
    if let IdOrigin::Place { earlier } = taken.id
        && stored.of(earlier).iter().any(|row| row.is(order))
    {
        return Verdict::AlreadyThere;
    }
    if taken.is_update {
        let id = order.order_id();
        let why = format!("is an update of an order (u) that was not read before: what {id} was at first is not known");
        return Verdict::Refused(Refusal::change("op", why));
    }
    Verdict::Append
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use ledger_schema::{Order, OrderId, Position, ProductId, Quantity, UnitPrice, UserId};
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> OrderId {
        OrderId::from_uuid(Uuid::from_u128(n))
    }

    fn order(n: u128, product: &str, quantity: i64, placed_at: DateTime<Utc>) -> Order {
        let user = UserId::parse("alice").expect("valid");
        let product = ProductId::parse(product).expect("valid");
        let (quantity, price) = (Quantity::new(quantity).expect("valid"), UnitPrice::new(250).expect("valid"));
        Order::new(id(n), user, product, quantity, price, None, placed_at).expect("valid")
    }

    fn taken(n: u128, product: &str, quantity: i64, is_update: bool) -> Taken {
        Taken { order: order(n, product, quantity, DateTime::UNIX_EPOCH), id: IdOrigin::Stated, is_update }
    }

    #[test]
    fn what_was_met_or_is_stored_decides() {
        let place = Position { partition: 3, offset: 4 };
        let mut seen = Seen::new(10, 0);
        seen.remember(id(1), order(1, "tea", 3, DateTime::UNIX_EPOCH).contents(), place);
        let stored = StoredOrders::of_orders(&[order(2, "tea", 3, DateTime::UNIX_EPOCH)], place);
        let met = format!("order {} stands at 3:4 of the same topic with other contents", id(1));
        let held = format!("order {} stands at 3:4 with other contents: qty 3, here 4", id(2));
        let moved = format!("order {} stands at 3:4 with other contents: product_id tea, here milk", id(2));
        let conflict = |why: &str| Verdict::Conflict(Refusal::new("order_id", why));
        let update = |why: &str| Verdict::Refused(Refusal::change("op", format!("is an update of an order (u){why}")));
        for (taken, expected) in [
            (taken(1, "tea", 3, false), Verdict::Repeat),
            (taken(1, "tea", 3, true), Verdict::Repeat),
            (taken(1, "tea", 4, false), conflict(&met)),
            (taken(1, "milk", 3, false), conflict(&met)),
            (taken(1, "tea", 4, true), update(&format!(": {met}"))),
            (taken(2, "tea", 3, false), Verdict::AlreadyThere),
            (taken(2, "tea", 3, true), Verdict::AlreadyThere),
            (taken(2, "tea", 4, false), conflict(&held)),
            // In another partition of the log the fold would not meet the first one, and both would stand.
            (taken(2, "milk", 3, false), conflict(&moved)),
            (taken(2, "tea", 4, true), update(&format!(": {held}"))),
            (taken(3, "tea", 3, false), Verdict::Append),
            (
                taken(3, "tea", 3, true),
                update(&format!(" that was not read before: what {} was at first is not known", id(3))),
            ),
        ] {
            assert_eq!(verdict(&taken, &seen, &stored), expected, "{taken:?}");
        }
    }

    #[test]
    fn what_an_earlier_version_imported_by_its_place_is_there() {
        let place = Position { partition: 3, offset: 4 };
        let noon = DateTime::from_timestamp_millis(1_709_208_000_000).expect("a time");
        let stored = StoredOrders::of_orders(&[order(1, "tea", 3, noon)], place);
        let seen = Seen::new(10, 0);
        for (quantity, placed_at, expected) in [
            (3, noon, Verdict::AlreadyThere),
            // The topic was made anew: what stands there now is another order, with an id of its own.
            (4, noon, Verdict::Append),
            (3, DateTime::UNIX_EPOCH, Verdict::Append),
        ] {
            let id = IdOrigin::Place { earlier: id(1) };
            let taken = Taken { order: order(2, "tea", quantity, placed_at), id, is_update: false };
            assert_eq!(verdict(&taken, &seen, &stored), expected, "{quantity} {placed_at}");
        }
    }
}
