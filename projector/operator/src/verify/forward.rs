//! A partition's tables, folded on in memory to where another set of tables stands: so that the two can be compared row by row,
//! whatever the records between do to rows that stand before. It writes nothing.
//!
//! Memory: the products of the partition, and the rows that the records between make or change.

use std::collections::{BTreeMap, HashMap};

use ledger_database::Watched;
use ledger_fold::{
    BatchFold, Level, MovementRow, OpenOrder, OrderRow, Partition, PartitionState, Prior, ReservationKey,
    ReservationRow, Skips,
};
use ledger_kafka::record::OwnedRecord;
use ledger_schema::{MovementId, OrderId, ProductId};
use ledger_store::{StoreError, at, for_fold};

use super::compared_row::ComparedRow;
use super::evidence::LastLevel;
use super::lookup::Lookups;
use super::table::{DEAD_LETTERS, OPEN_ORDERS, ORDERS, RESERVATIONS, STOCK, STOCK_MOVEMENTS, TableShape};
use super::value::Value;
use super::{expected, ids, row_values};

/// Rows that stand in for those of a table, by key; `None` where the row is gone.
pub(super) type Overlay = BTreeMap<Box<[Value]>, Option<ComparedRow>>;

/// One partition of one set of tables.
pub(super) struct Forward {
    partition: Partition,
    next_offset: i64,
    state: PartitionState,
    orders: HashMap<OrderId, OrderRow>,
    movements: HashMap<MovementId, MovementRow>,
    reservations: HashMap<ReservationKey, ReservationRow>,
    stock: HashMap<ProductId, LastLevel>,
    /// Whether it is open now, of each that was or is.
    open: Vec<(OpenOrder, bool)>,
    letters: Vec<ComparedRow>,
}

impl Forward {
    /// From the rows of the partition, which stands at `next_offset`.
    ///
    /// # Panics
    /// On stock that no fold writes.
    pub(super) async fn start(
        connection: &mut Watched,
        stock: &str,
        partition: Partition,
        next_offset: i64,
        skips: Skips,
    ) -> Result<Self, StoreError> {
        let text = STOCK.select(stock, "WHERE kafka_partition = ?");
        let rows = sqlx::query(text).bind(partition.number).fetch_all(connection).await;
        let mut levels = Vec::new();
        for row in rows.map_err(at("reading stock"))? {
            let row = ComparedRow::read(&STOCK, &row).map_err(at("reading stock"))?;
            let level = Level { available: row.integer(&STOCK, "available"), held: row.integer(&STOCK, "held") };
            // What is no product id was written by no projector, and is no product of the log.
            if let Ok(product_id) = ProductId::parse(row.text(&STOCK, "product_id")) {
                levels.push((product_id, level));
            }
        }
        Ok(Self {
            partition,
            next_offset,
            state: PartitionState::from_stock(levels).with_skips(skips),
            orders: HashMap::new(),
            movements: HashMap::new(),
            reservations: HashMap::new(),
            stock: HashMap::new(),
            open: Vec::new(),
            letters: Vec::new(),
        })
    }

    /// Folds the next records.
    ///
    /// # Panics
    /// On rows that contradict each other.
    pub(super) async fn batch(
        &mut self,
        lookups: &Lookups,
        connection: &mut Watched,
        records: &[OwnedRecord],
    ) -> Result<(), StoreError> {
        let number = self.partition.number;
        let ids = ids::ids_of(&ids::events_of(records), self.partition);
        let found = lookups.rows(connection, number, &ids).await?;
        let mut prior = Prior::default();
        // Rows that no fold writes count as not there: they differ from what is expected in any case.
        for id in &ids.orders {
            let stored = || row_values::order(found.order(id.as_uuid()));
            prior.orders.insert(*id, self.orders.get(id).cloned().or_else(stored));
        }
        for key in &ids.reservations {
            let stored = || found.reservation(key).and_then(row_values::reservation);
            prior.reservations.insert(*key, self.reservations.get(key).cloned().or_else(stored));
        }
        for id in &ids.movements {
            let folded = self.movements.get(id).map(|row| row.movement.clone());
            let stored = || found.movement(id.as_uuid()).and_then(row_values::movement);
            prior.movements.extend(folded.or_else(stored).map(|movement| (*id, movement)));
        }
        let mut fold = BatchFold::new(self.partition, &self.state, &prior, self.next_offset);
        records.iter().for_each(|record| fold.fold(&for_fold(record)));
        let effects = fold.finish();
        assert!(
            effects.wanted.is_empty(),
            "every id of the batch was looked up, and more is wanted: {:?}",
            effects.wanted
        );
        self.state.apply(&effects);
        self.next_offset = effects.next_offset;
        for parked in &effects.parked {
            let at = records.binary_search_by_key(&parked.offset, |record| record.offset);
            let record = &records[at.expect("a parked record is one of its batch")];
            self.letters.push(expected::dead_letter(number, parked, record));
        }
        self.orders
            .extend(effects.orders.into_iter().chain(effects.changed_orders).map(|row| (row.order.order_id(), row)));
        self.movements.extend(effects.movements.into_iter().map(|row| (row.movement.movement_id(), row)));
        let lines = effects.reservations.into_iter().chain(effects.changed_reservations);
        self.reservations.extend(lines.map(|row| (row.key, row)));
        let levels = effects.stock.into_iter();
        self.stock.extend(levels.map(|row| (row.product_id, LastLevel { level: row.level, offset: row.offset })));
        self.open.extend(effects.open_orders.removed.into_iter().map(|open| (open, false)));
        self.open.extend(effects.open_orders.added.into_iter().map(|open| (open, true)));
        Ok(())
    }

    /// What stands in for the rows of each table, by the table's name.
    pub(super) fn overlay(self, overlays: &mut HashMap<&'static str, Overlay>) {
        let number = self.partition.number;
        let mut add = |shape: &'static TableShape, row: ComparedRow, is_there: bool| {
            let key = row.key(shape).into();
            overlays.entry(shape.name).or_default().insert(key, is_there.then_some(row));
        };
        self.orders.values().flat_map(|row| expected::order(number, row)).for_each(|row| add(&ORDERS, row, true));
        self.movements.values().for_each(|row| add(&STOCK_MOVEMENTS, expected::movement(number, row), true));
        self.reservations.values().for_each(|row| add(&RESERVATIONS, expected::reservation(number, row), true));
        self.stock.iter().for_each(|(id, last)| add(&STOCK, expected::stock(number, id, *last), true));
        // In their order: one that was closed after it was opened is gone.
        self.open.iter().for_each(|(open, is_open)| add(&OPEN_ORDERS, expected::open_order(number, open), *is_open));
        self.letters.into_iter().for_each(|row| add(&DEAD_LETTERS, row, true));
    }
}
