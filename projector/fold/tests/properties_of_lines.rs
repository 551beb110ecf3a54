//! Properties of orders of several lines over three partitions, with a relay that delivers late, out of turn between partitions, and
//! more than once. After every batch the stock adds up and nothing is negative (`support/tables.rs`); at the end no order is undecided,
//! an order has all of its lines or none, and a replay of each log gives the same tables, however it is cut.

#![expect(clippy::unwrap_used, reason = "the records are of this file's own making")]

mod support;

use std::collections::BTreeMap;

use ledger_fold::{LineState, Partition, ReservationKey, ReservationState, Stage, ToldEntry, asked_again};
use ledger_schema::wire::{Event, encode};
use ledger_schema::{OrderId, Status};
use proptest::prelude::*;
use support::tables::Tables;
use support::{OUT_OF_STOCK, Owned, RESERVED, asked, basket, order, receipt, told, uuid};

/// Of three partitions: milk in 0, chocolate in 1, tea and p in 2.
const PRODUCTS: [&str; 4] = ["milk", "chocolate", "tea", "p"];
const COUNT: i32 = 3;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Receive(usize, i64),
    /// Which products, by bits; the first is the home.
    Place {
        id: u32,
        products: usize,
        first: usize,
        pieces: i64,
        hold: bool,
    },
    Ask {
        id: u32,
        what: u8,
        late: bool,
    },
    /// Folds up to so many records of a partition.
    Fold(usize, usize),
    /// The relay of a partition appends up to so many of what it has.
    Relay(usize, usize),
    /// It appends one again that it has appended before.
    Again(usize, prop::sample::Index),
    /// Somebody else writes what only a relay should.
    Nonsense(u8, u32, usize, usize),
}

struct Ledger {
    tables: Vec<Tables>,
    logs: Vec<Vec<Owned>>,
    /// How much of what each partition tells its relay has appended.
    relayed: Vec<usize>,
    placed: BTreeMap<u32, &'static str>,
    next_movement: u32,
}

impl Ledger {
    fn new() -> Self {
        let tables = (0..COUNT).map(|number| Tables::new(Partition { number, count: COUNT })).collect();
        Self { tables, logs: vec![Vec::new(); 3], relayed: vec![0; 3], placed: BTreeMap::new(), next_movement: 1_000 }
    }

    fn append(&mut self, value: String) {
        let event = ledger_schema::wire::decode(Some(value.as_bytes())).unwrap();
        let key = event.product_id().as_str().as_bytes().to_vec();
        let partition = ledger_schema::partitioner::partition_of(&key, COUNT);
        let log = &mut self.logs[usize::try_from(partition).unwrap()];
        let offset = i64::try_from(log.len()).unwrap();
        log.push(Owned { offset, key: Some(key), value: Some(value.into_bytes()) });
    }

    fn append_told(&mut self, entry: &ToldEntry) {
        let value = encode(&Event::LineTold(entry.event.clone()));
        let before: Vec<usize> = self.logs.iter().map(Vec::len).collect();
        self.append(String::from_utf8(value).unwrap());
        let at = usize::try_from(entry.partition).unwrap();
        assert_eq!(self.logs[at].len(), before[at] + 1, "it goes where the fold says");
    }

    fn fold(&mut self, partition: usize, most: usize) {
        let from = usize::try_from(self.tables[partition].next_offset).unwrap();
        let to = self.logs[partition].len().min(from + most);
        self.tables[partition].fold(&self.logs[partition][from..to]);
    }

    fn relay(&mut self, partition: usize, most: usize) {
        let from = self.relayed[partition];
        let to = self.tables[partition].told.len().min(from + most);
        let told = self.tables[partition].told[from..to].to_vec();
        for entry in &told {
            self.append_told(entry);
        }
        self.relayed[partition] = to;
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Receive(product, pieces) => {
                self.next_movement += 1;
                self.append(receipt(self.next_movement, PRODUCTS[*product], *pieces));
            }
            Step::Place { id, products, first, pieces, hold } => {
                let mut chosen: Vec<(&str, i64)> =
                    (0..4).filter(|at| products & (1 << at) != 0).map(|at| (PRODUCTS[at], *pieces)).collect();
                let at = first % chosen.len();
                chosen.rotate_left(at);
                self.placed.entry(*id).or_insert(PRODUCTS.into_iter().find(|name| *name == chosen[0].0).unwrap());
                self.append(match (chosen.len(), hold) {
                    (1, false) => order(*id, "u", chosen[0].0, *pieces, 1),
                    _ => basket(*id, &chosen, hold.then_some(600)),
                });
            }
            Step::Ask { id, what, late } => {
                let home = self.placed.get(id).copied().unwrap_or("tea");
                let word = ["OrderConfirmRequested", "OrderCancelRequested", "HoldExpired"][usize::from(*what) % 3];
                self.append(asked(word, *id, home, if *late { "11:00:00" } else { "10:01:00" }));
            }
            Step::Fold(partition, most) => self.fold(*partition, *most),
            Step::Relay(partition, most) => self.relay(*partition, *most),
            Step::Again(partition, index) => {
                let relayed = self.relayed[*partition];
                if relayed > 0 {
                    let entry = self.tables[*partition].told[index.index(relayed)].clone();
                    self.append_told(&entry);
                }
            }
            Step::Nonsense(kind, id, home, product) => {
                let (home, product) = (PRODUCTS[*home], PRODUCTS[*product]);
                let line = (2, product, 1);
                self.append(match kind % 5 {
                    0 => told("LineRequested", "0-999-0", 500 + id, home, line, ""),
                    1 => told("LineReleased", "1-999-0", 500 + id, home, line, ""),
                    2 => told("LineDecided", "2-999-0", 500 + id, home, line, RESERVED),
                    3 => told("LineDecided", "1-999-0", 500 + id, home, line, OUT_OF_STOCK),
                    _ => told("LineConfirmed", "0-999-0", 500 + id, home, line, ""),
                });
            }
        }
    }

    /// Nothing new happens: everything is folded and relayed until nothing is left, as running owners do.
    fn settle(&mut self) {
        for _round in 0..100 {
            for partition in 0..3 {
                self.fold(partition, usize::MAX >> 1);
                self.relay(partition, usize::MAX >> 1);
            }
            let rest = |at: usize| {
                self.relayed[at] == self.tables[at].told.len()
                    && usize::try_from(self.tables[at].next_offset).unwrap() == self.logs[at].len()
            };
            if (0..3).all(rest) {
                return;
            }
        }
        panic!("it goes in a circle");
    }

    fn reservation(
        &self,
        order_id: OrderId,
        home: i32,
        line_no: ledger_schema::LineNo,
        at: i32,
    ) -> Option<ReservationState> {
        let key = ReservationKey { order_id, home_partition: home, line_no };
        self.tables[usize::try_from(at).unwrap()].reservations.get(&key).map(|row| row.state)
    }

    /// All or nothing, over all partitions, once everything has arrived.
    fn check_at_rest(&self) {
        for tables in &self.tables {
            let home = tables.partition;
            for row in tables.orders.values() {
                let id = row.order.order_id();
                assert_ne!(row.state.status(), Status::Pending, "order {id} is undecided");
                for (line_no, line) in row.order.lines() {
                    let at = home.of(line.product_id());
                    if at == home.number {
                        continue;
                    }
                    let found = self.reservation(id, home.number, line_no, at);
                    let expected = match (row.state.stage(), row.state.line(line_no)) {
                        (Stage::Confirmed, _) => vec![Some(ReservationState::Confirmed)],
                        (Stage::Held, _) => vec![Some(ReservationState::Reserved)],
                        (_, LineState::Rejected(reason)) => vec![Some(ReservationState::Rejected(reason))],
                        // Refused without anybody being asked; or given back; or refused after the order had ended.
                        _ => {
                            let refused = |state| matches!(state, Some(ReservationState::Rejected(_)));
                            if refused(found) { vec![found] } else { vec![None, Some(ReservationState::Released)] }
                        }
                    };
                    assert!(expected.contains(&found), "line {line_no} of {id} ({:?}): {found:?}", row.state);
                }
            }
            let kept =
                tables.reservations.values().filter(|row| row.state.status() == ledger_schema::LineStatus::Reserved);
            for row in kept {
                let home = &self.tables[usize::try_from(row.key.home_partition).unwrap()];
                let order = home.orders.get(&row.key.order_id).map(|row| row.state.stage());
                assert!(matches!(order, Some(Stage::Held | Stage::Confirmed)), "{:?} is taken for {order:?}", row.key);
            }
        }
    }

    /// The same log, in batches of another size: the same tables.
    fn check_replay(&self, cut: usize) {
        for tables in &self.tables {
            let mut again = Tables::new(tables.partition);
            for records in self.logs[usize::try_from(tables.partition.number).unwrap()].chunks(cut) {
                again.fold(records);
            }
            assert_eq!(&again, tables);
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..4usize, 1..6i64).prop_map(|(product, pieces)| Step::Receive(product, pieces)),
        4 => (1..8u32, 1..16usize, 0..4usize, 1..4i64, any::<bool>())
            .prop_map(|(id, products, first, pieces, hold)| Step::Place { id, products, first, pieces, hold }),
        3 => (1..8u32, any::<u8>(), any::<bool>()).prop_map(|(id, what, late)| Step::Ask { id, what, late }),
        6 => (0..3usize, 1..6usize).prop_map(|(partition, most)| Step::Fold(partition, most)),
        5 => (0..3usize, 1..4usize).prop_map(|(partition, most)| Step::Relay(partition, most)),
        2 => (0..3usize, any::<prop::sample::Index>()).prop_map(|(partition, index)| Step::Again(partition, index)),
        1 => (any::<u8>(), 0..3u32, 0..4usize, 0..4usize)
            .prop_map(|(kind, id, home, product)| Step::Nonsense(kind, id, home, product)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn inv_3_all_or_nothing_whatever_comes_when_and_how_often(
        steps in prop::collection::vec(step(), 0..90),
        cut in 1..9usize,
    ) {
        let mut ledger = Ledger::new();
        for product in 0..4 {
            ledger.step(&Step::Receive(product, 6));
        }
        for one in &steps {
            ledger.step(one);
        }
        ledger.settle();
        ledger.check_at_rest();
        ledger.check_replay(cut);
    }

    /// Where there is enough of everything, no schedule of the relays makes a difference: the same orders, lines and stock.
    #[test]
    fn any_interleaving_and_repetition_gives_the_same_state(
        orders in prop::collection::vec((1..16usize, 0..4usize, 1..4i64, any::<bool>()), 1..8),
        steps in prop::collection::vec(
            prop_oneof![
                (0..3usize, 1..6usize).prop_map(|(partition, most)| Step::Fold(partition, most)),
                (0..3usize, 1..4usize).prop_map(|(partition, most)| Step::Relay(partition, most)),
                (0..3usize, any::<prop::sample::Index>()).prop_map(|(partition, index)| Step::Again(partition, index)),
            ],
            0..120,
        ),
    ) {
        let play = |steps: &[Step]| {
            let mut ledger = Ledger::new();
            for product in 0..4 {
                ledger.step(&Step::Receive(product, 1_000));
            }
            for (id, (products, first, pieces, hold)) in (1..).zip(&orders) {
                ledger.step(&Step::Place { id, products: *products, first: *first, pieces: *pieces, hold: *hold });
            }
            for one in steps {
                ledger.step(one);
            }
            ledger.settle();
            let told = |tables: &Tables| {
                let stock: Vec<_> = tables.stock.iter().map(|(product, (level, _))| (product.clone(), *level)).collect();
                let orders: Vec<_> = tables.orders.values().map(|row| (row.order.order_id(), row.state.clone())).collect();
                let lines: Vec<_> = tables.reservations.values().map(|row| (row.key, row.state)).collect();
                (stock, orders, lines)
            };
            ledger.tables.iter().map(told).collect::<Vec<_>>()
        };
        prop_assert_eq!(play(&steps), play(&[]));
    }

    /// What a relay never sent is mended by asking again: the tables of the home alone say what has to be asked.
    #[test]
    fn what_got_lost_is_asked_again(lost_requests in any::<bool>(), lost_answers in any::<bool>(), pieces in 1..9i64) {
        let mut ledger = Ledger::new();
        for product in 0..4 {
            ledger.step(&Step::Receive(product, 6));
        }
        ledger.step(&Step::Place { id: 1, products: 15, first: 1, pieces, hold: false });
        ledger.fold(1, 9);
        if lost_requests {
            ledger.relayed[1] = ledger.tables[1].told.len();
        }
        ledger.relay(1, 9);
        for partition in [0, 2] {
            ledger.fold(partition, 9);
            if lost_answers {
                ledger.relayed[partition] = ledger.tables[partition].told.len();
            }
        }
        ledger.settle();
        let id = OrderId::parse(&uuid(1)).unwrap();
        let row = ledger.tables[1].orders[&id].clone();
        let again = asked_again(&row, ledger.tables[1].partition);
        let undecided = pieces <= 6 && (lost_requests || lost_answers);
        prop_assert_eq!(row.state.status() == Status::Pending, undecided);
        prop_assert_eq!(again.is_empty(), !undecided);
        for entry in &again {
            ledger.append_told(entry);
        }
        ledger.settle();
        ledger.check_at_rest();
        let expected = if pieces <= 6 { Status::Confirmed } else { Status::Rejected };
        prop_assert_eq!(ledger.tables[1].orders[&id].state.status(), expected);
    }
}
