//! Properties against an independent, naive auditor: one that reads the same JSON with `serde_json::Value`, keeps
//! everything in plain maps, and shares no line with the fold. However a log is cut into batches, and whatever of it
//! is read again, the result is the auditor's.

#![expect(clippy::unwrap_used, reason = "the records are of this file's own making")]

mod support;

use std::collections::BTreeMap;

use ledger_fold::{BatchEffects, Level, OrderRow, PartitionState, Prior};
use ledger_schema::Order;
use proptest::prelude::*;
use serde_json::Value;
use support::{ONLY, Owned, adjustment, fold, order, order_over, receipt};

/// What is stored: by order id, by movement id, by product, by parked offset, and the outcomes in order.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Tables {
    orders: BTreeMap<String, (i64, String)>,
    movements: BTreeMap<String, (i64, String)>,
    stock: BTreeMap<String, (i64, i64)>,
    parked: BTreeMap<i64, String>,
    outcomes: Vec<(String, i64)>,
    duplicates: u64,
}

/// The naive auditor. `seen` maps an id to the contents that came first.
fn audit(records: &[Owned]) -> Tables {
    let mut tables = Tables::default();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for record in records {
        let offset = record.offset;
        let value = record.value.as_deref().and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        let Some(value) = value.filter(|value| value["product_id"].is_string()) else {
            let empty = record.value.as_ref().is_none_or(Vec::is_empty);
            tables.parked.insert(offset, if empty { "empty-value" } else { "undecodable" }.to_owned());
            continue;
        };
        let product = value["product_id"].as_str().unwrap().to_owned();
        if record.key.as_deref() != Some(product.as_bytes()) {
            tables.parked.insert(offset, "wrong-key".to_owned());
            continue;
        }
        let is_order = value["type"] == "OrderPlaced";
        let id = value[if is_order { "order_id" } else { "movement_id" }].as_str().unwrap().to_owned();
        let slot = format!("{is_order} {id}");
        // What a retry must repeat: not the version that says it, nor where it was placed.
        let mut contents = value.clone();
        for other in ["version", "channel"] {
            let _removed = contents.as_object_mut().unwrap().remove(other);
        }
        let contents = contents.to_string();
        match seen.get(&slot) {
            Some(first) if *first == contents => {
                tables.duplicates += 1;
                continue;
            }
            Some(_) => {
                tables.parked.insert(offset, "conflicting-duplicate".to_owned());
                continue;
            }
            None => seen.insert(slot, contents),
        };
        let change = match value["type"].as_str().unwrap() {
            "OrderPlaced" => -value["quantity"].as_i64().unwrap(),
            "StockReceived" => value["quantity"].as_i64().unwrap(),
            _ => value["delta"].as_i64().unwrap(),
        };
        let known = tables.stock.get(&product).map(|(available, _)| *available);
        let introduces = value["type"] == "StockReceived";
        let status = match known.or(introduces.then_some(0)) {
            None => "unknown-product",
            Some(available) if available + change < 0 && is_order => "out-of-stock",
            Some(available) if available + change < 0 => "below-zero",
            Some(available) => {
                tables.stock.insert(product.clone(), (available + change, offset));
                "confirmed"
            }
        };
        let left = tables.stock.get(&product).map_or(-1, |(available, _)| *available);
        tables.outcomes.push((format!("0-{offset}-0"), if status == "confirmed" { left } else { -1 }));
        let rows = if is_order { &mut tables.orders } else { &mut tables.movements };
        rows.insert(id, (offset, status.to_owned()));
    }
    tables
}

/// Plays a database: applies a committed batch.
fn store(tables: &mut Tables, effects: &BatchEffects) {
    for row in &effects.orders {
        let word = row.state.reason().map_or("confirmed", |reason| reason.as_str());
        let earlier = tables.orders.insert(row.order.order_id().to_string(), (row.offset, word.to_owned()));
        assert_eq!(earlier, None, "INV-5: an id takes effect once");
    }
    for row in &effects.movements {
        let word = row.decision.reason().map_or("confirmed", |reason| reason.as_str());
        let earlier = tables.movements.insert(row.movement.movement_id().to_string(), (row.offset, word.to_owned()));
        assert_eq!(earlier, None, "INV-5: an id takes effect once");
    }
    for row in &effects.stock {
        assert!(row.level.available >= 0, "INV-2");
        assert_eq!(row.level.held, 0, "nothing here is held");
        tables.stock.insert(row.product_id.to_string(), (row.level.available, row.offset));
    }
    for parked in &effects.parked {
        assert_eq!(tables.parked.insert(parked.offset, parked.reason.to_string()), None);
    }
    for entry in &effects.outcomes {
        let value: Value = serde_json::from_slice(&entry.outcome.encode()).unwrap();
        tables.outcomes.push((entry.event_id.to_string(), value["available"].as_i64().unwrap_or(-1)));
    }
    tables.duplicates += effects.duplicate_count;
}

/// The order as a table gives it back: without its channel.
fn as_stored(row: &OrderRow) -> OrderRow {
    let order = &row.order;
    let line = order.first_line().clone();
    let (id, user, product) = (order.order_id(), order.user_id().clone(), order.product_id().clone());
    let order = Order::new(id, user, product, line.quantity(), line.unit_price(), None, order.placed_at()).unwrap();
    OrderRow { order, ..row.clone() }
}

/// Plays the projector over a log cut at `cuts`, as the writer does it: fold supposing that ids are new; when an id is
/// stored already, fold again knowing it. A batch in `lost` is folded once more after a restart, without its commit.
fn project(records: &[Owned], cuts: &[usize], lost: &[bool]) -> Tables {
    let mut tables = Tables::default();
    let mut prior_events = Prior::default();
    let mut state = PartitionState::default();
    let mut next_offset = 0;
    let mut from = 0;
    for (nth, to) in cuts.iter().copied().chain([records.len()]).enumerate() {
        let batch = &records[from.min(to)..to];
        if lost.get(nth).copied().unwrap_or(false) {
            // Folded, but the process died before the commit: a new one reads its state from the tables.
            let _never_committed = fold(ONLY, &state, &prior_events, next_offset, batch);
            state = PartitionState::from_stock(tables.stock.iter().map(|(id, (available, _))| {
                (ledger_schema::ProductId::parse(id).unwrap(), Level { available: *available, held: 0 })
            }));
        }
        let optimistic = fold(ONLY, &state, &Prior::default(), next_offset, batch);
        let collides = optimistic.orders.iter().any(|row| prior_events.orders.contains_key(&row.order.order_id()))
            || optimistic.movements.iter().any(|row| prior_events.movements.contains_key(&row.movement.movement_id()));
        let effects = if collides { fold(ONLY, &state, &prior_events, next_offset, batch) } else { optimistic };
        store(&mut tables, &effects);
        state.apply(&effects);
        next_offset = effects.next_offset;
        prior_events.orders.extend(effects.orders.iter().map(|row| (row.order.order_id(), Some(as_stored(row)))));
        prior_events
            .movements
            .extend(effects.movements.iter().map(|row| (row.movement.movement_id(), row.movement.clone())));
        // The next read begins somewhere before the position, as after a seek: what was folded is passed over.
        from = to.saturating_sub(3);
    }
    tables
}

fn records() -> impl Strategy<Value = Vec<Owned>> {
    let product = prop::sample::select(vec!["chocolate", "tea", "p/2"]);
    let one = (0..12u8, 1..20u32, product, 1..6i64).prop_map(|(kind, id, product, pieces)| {
        let (key, value) = match kind {
            0..=2 => (product, Some(order(id, "u", product, pieces, 3))),
            3 => (product, Some(order_over("web", id, "u", product, pieces, 3))),
            4 => (product, Some(order_over("till-3", id, "u", product, pieces, 3))),
            5 => (product, Some(order(id, "v", product, pieces, 3))),
            6..=7 => (product, Some(receipt(id, product, pieces))),
            8 => (product, Some(adjustment(id, product, pieces))),
            9 => (product, Some(adjustment(id, product, -pieces))),
            10 => ("elsewhere", Some(order(id, "u", product, pieces, 3))),
            _ => (
                product,
                [None, Some(String::new()), Some("{".to_owned())][usize::try_from(pieces).unwrap() % 3].clone(),
            ),
        };
        (key.as_bytes().to_vec(), value.map(String::into_bytes))
    });
    prop::collection::vec((one, 0..3i64), 0..80).prop_map(|records| {
        let mut offset = -1;
        records
            .into_iter()
            .map(|((key, value), gap)| {
                offset += 1 + i64::from(gap == 2);
                Owned { offset, key: Some(key), value }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_split_repeat_or_replay_agrees_with_the_auditor(
        records in records(),
        cuts in prop::collection::vec(0..80usize, 0..6),
        lost in prop::collection::vec(any::<bool>(), 0..7),
    ) {
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| *cut < records.len()).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let expected = audit(&records);
        prop_assert_eq!(&project(&records, &cuts, &lost), &expected);
        prop_assert_eq!(&project(&records, &[], &[]), &expected);
    }

    #[test]
    fn inv_3_stock_is_movements_minus_orders(records in records()) {
        let effects = fold(ONLY, &PartitionState::default(), &Prior::default(), 0, &records);
        for row in &effects.stock {
            let moved: i64 = effects.movements.iter()
                .filter(|moved| *moved.movement.product_id() == row.product_id && moved.decision.reason().is_none())
                .map(|moved| moved.movement.delta().get()).sum();
            let sold: i64 = effects.orders.iter()
                .filter(|sold| *sold.order.product_id() == row.product_id && sold.state.reason().is_none())
                .map(|sold| sold.order.first_line().quantity().get()).sum();
            prop_assert_eq!(row.level.available, moved - sold);
        }
    }
}
