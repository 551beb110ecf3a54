//! The ticker over open orders and a log in memory, with a clock that stands still.

use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use ledger_fold::{OrderRow, OrderState};
use ledger_schema::domain::HoldSeconds;
use ledger_schema::{Line, LineStatus, Order, ProductId, Quantity, Terms, UnitPrice, UserId};
use ledger_store::OpenCounts;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::*;

const COUNT: i32 = 4;
const HERE: i32 = 1;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_secs(1_000_000).expect("a time")
}

fn product_in(partition: i32) -> ProductId {
    let here = |name: &String| ledger_schema::partitioner::partition_of(name.as_bytes(), COUNT) == partition;
    let name = (0..).map(|n| format!("bar-{n}")).find(here).expect("some name");
    ProductId::parse(&name).expect("valid")
}

/// An order of two lines, the second of which lives elsewhere.
fn row(id: u128, status: Status, placed_at: DateTime<Utc>) -> OrderRow {
    let line = |product| {
        Line::new(product, Quantity::new(2).expect("valid"), UnitPrice::new(5).expect("valid"), None).expect("small")
    };
    let lines = vec![line(product_in(HERE)), line(product_in(2))];
    let terms = Terms { hold: HoldSeconds::new(60).ok(), ..Terms::default() };
    let id = OrderId::from_uuid(uuid::Uuid::from_u128(id));
    let user = UserId::parse("alice").expect("valid");
    let order = Order::of_lines(id, user, lines, None, terms, placed_at).expect("valid");
    let second = if status == Status::Pending { LineStatus::Pending } else { LineStatus::Reserved };
    let state =
        OrderState::from_stored(status, &[(LineStatus::Reserved, None), (second, None)]).expect("no contradiction");
    OrderRow { offset: 7, order, state, listed_at: placed_at }
}

#[derive(Default)]
struct World {
    rows: Vec<OrderRow>,
    appended: Vec<Event>,
    reads: usize,
    fails: bool,
}

#[derive(Clone, Default)]
struct InMemory(Arc<Mutex<World>>);

impl InMemory {
    fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was appended since the last call.
    fn appended(&self) -> Vec<String> {
        let said = |event: &Event| match event {
            Event::OrderRequested(asked) => format!("{} {}", event.event_type(), asked.order_id().as_uuid().as_u128()),
            Event::LineTold(told) => format!("{} {} {}", event.event_type(), told.target.line_no, told.cause),
            other => panic!("{other:?}"),
        };
        std::mem::take(&mut self.world().appended).iter().map(said).collect()
    }
}

impl OpenOrders for InMemory {
    async fn due(
        &mut self,
        partition: i32,
        status: Status,
        up_to: DateTime<Utc>,
        after: Option<OpenOrder>,
    ) -> Result<Vec<OpenOrder>, StoreError> {
        assert_eq!(partition, HERE);
        let mut world = self.world();
        world.reads += 1;
        let mut open: Vec<_> = world.rows.iter().filter_map(OrderRow::open).collect();
        let key = |open: &OpenOrder| (open.due_at, open.order_id);
        open.retain(|open| {
            open.status == status && open.due_at <= up_to && after.is_none_or(|after| key(open) > key(&after))
        });
        open.sort_by_key(key);
        open.truncate(PAGE);
        Ok(open)
    }

    async fn orders(&mut self, _: i32, ids: &[OrderId]) -> Result<Vec<OrderRow>, StoreError> {
        Ok(self.world().rows.iter().filter(|row| ids.contains(&row.order.order_id())).cloned().collect())
    }

    async fn oldest_pending(&mut self, _: i32) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(None)
    }
}

impl AppendsEvents for InMemory {
    async fn append(&self, events: &[Event]) -> Result<(), KafkaError> {
        if self.world().fails {
            return Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut));
        }
        self.world().appended.extend(events.iter().cloned());
        Ok(())
    }
}

fn ticker(memory: &InMemory) -> Ticker<InMemory, InMemory> {
    let shared = Arc::new(Shared::new(COUNT));
    let epoch = shared.begin_epoch(HERE);
    shared.loaded(HERE, epoch);
    let count = |status| {
        let rows = &memory.world().rows;
        i64::try_from(rows.iter().filter(|row| row.state.status() == status).count()).expect("few")
    };
    shared.has_open_orders(HERE, OpenCounts { pending: count(Status::Pending), held: count(Status::Held) });
    Ticker {
        open_orders: memory.clone(),
        log: memory.clone(),
        shared,
        partition_count: COUNT,
        settings: TickSettings {
            every: Duration::from_secs(1),
            hold_grace: Duration::from_millis(250),
            ask_again: Duration::from_secs(30),
        },
        clock: now,
        stop: CancellationToken::new(),
    }
}

/// Of [`row`]: it is held for 60 s.
fn held_until(ends: TimeDelta) -> DateTime<Utc> {
    now() + ends - TimeDelta::seconds(60)
}

#[tokio::test(start_paused = true)]
async fn a_hold_is_over_after_its_grace_and_is_ended_once() {
    let memory = InMemory::default();
    let ends = [(1, -250), (2, -249), (3, 1000)];
    memory.world().rows =
        ends.iter().map(|(id, ms)| row(*id, Status::Held, held_until(TimeDelta::milliseconds(*ms)))).collect();
    let (mut ticker, mut turns) = (ticker(&memory), Turns::new());
    for expected in [&["HoldExpired 1"][..], &[], &[]] {
        assert_eq!(ticker.tick(&mut turns).await, Ok(false));
        assert_eq!(memory.appended(), expected);
    }
    // It got lost after all, or its record was not taken.
    tokio::time::advance(Duration::from_secs(30)).await;
    ticker.tick(&mut turns).await.expect("no failure");
    assert_eq!(memory.appended(), ["HoldExpired 1"]);
    let Event::OrderRequested(asked) = ({
        tokio::time::advance(Duration::from_secs(600)).await;
        ticker.tick(&mut turns).await.expect("no failure");
        memory.world().appended.remove(0)
    }) else {
        panic!("a request")
    };
    assert_eq!(
        (asked.occurred_at(), asked.home_product_id(), asked.kind()),
        (now(), &product_in(HERE), &RequestKind::Expire)
    );
}

#[tokio::test(start_paused = true)]
async fn lines_that_are_undecided_for_long_are_asked_for_again_in_the_same_words() {
    let memory = InMemory::default();
    let placed =
        [(1, 29), (2, 30), (3, 3000)].map(|(id, age)| row(id, Status::Pending, now() - TimeDelta::seconds(age)));
    memory.world().rows = placed.to_vec();
    let (mut ticker, mut turns) = (ticker(&memory), Turns::new());
    ticker.tick(&mut turns).await.expect("no failure");
    // Both were placed by the record 1-7 of this test.
    assert_eq!(memory.appended(), ["LineRequested 2 1-7-0", "LineRequested 2 1-7-0"]);
    memory.world().rows.remove(1);
    tokio::time::advance(Duration::from_secs(31)).await;
    ticker.tick(&mut turns).await.expect("no failure");
    assert_eq!(memory.appended(), ["LineRequested 2 1-7-0"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_appended_about_a_partition_that_an_operator_has_paused_until_it_is_resumed() {
    let memory = InMemory::default();
    memory.world().rows = vec![
        row(1, Status::Held, held_until(TimeDelta::seconds(-1))),
        row(2, Status::Pending, now() - TimeDelta::seconds(60)),
    ];
    let (mut ticker, mut turns) = (ticker(&memory), Turns::new());
    for (is_held, expected) in
        [(true, &[][..]), (true, &[]), (false, &["HoldExpired 1", "LineRequested 2 1-7-0"]), (true, &[])]
    {
        ticker.shared.hold(HERE, is_held);
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(ticker.tick(&mut turns).await, Ok(false));
        assert_eq!(memory.appended(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_expiry_that_fails_is_appended_with_the_next_tick() {
    let memory = InMemory::default();
    memory.world().rows = vec![
        row(1, Status::Held, held_until(TimeDelta::seconds(-1))),
        row(2, Status::Pending, now() - TimeDelta::seconds(60)),
    ];
    memory.world().fails = true;
    let (mut ticker, mut turns) = (ticker(&memory), Turns::new());
    assert!(ticker.tick(&mut turns).await.is_err());
    memory.world().fails = false;
    ticker.tick(&mut turns).await.expect("no failure");
    // The line waits for its turn: it may stand on the log, and a log that fails must not be filled with repeats.
    assert_eq!(memory.appended(), ["HoldExpired 1"]);
}

#[tokio::test(start_paused = true)]
async fn more_than_a_page_is_looked_at_at_once_and_nothing_is_asked_where_nothing_is_open() {
    let memory = InMemory::default();
    let many = u128::try_from(PAGE + 1).expect("small");
    memory.world().rows = (0..many).map(|id| row(id, Status::Held, held_until(TimeDelta::seconds(-100)))).collect();
    let (mut first, mut turns) = (ticker(&memory), Turns::new());
    assert_eq!(first.tick(&mut turns).await, Ok(true));
    assert_eq!(memory.appended().len(), PAGE);
    assert_eq!(first.tick(&mut turns).await, Ok(false));
    assert_eq!(memory.appended().len(), 1);
    let reads = memory.world().reads;
    memory.world().rows.clear();
    for _ in 0..3 {
        ticker(&memory).tick(&mut turns).await.expect("no failure");
    }
    assert_eq!(memory.world().reads, reads);
    // Another owner's partitions are none of ours.
    let gone = ticker(&memory);
    gone.shared.end_epoch(HERE);
    gone.shared.has_open_orders(HERE, OpenCounts { pending: 1, held: 1 });
    let mut gone = gone;
    gone.tick(&mut turns).await.expect("no failure");
    assert_eq!((memory.world().reads, turns.len()), (reads, 0));
}
