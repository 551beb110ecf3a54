//! The way from the consumer's thread to one writer: a queue that is bounded by records and by bytes, with control
//! messages in order among the records. A control message is always taken in: it must get through also when the
//! database is away and the queue is full. Read next: `writer/`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ledger_kafka::record::{Epoch, OwnedRecord};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// What a writer gets besides records.
#[derive(Debug)]
pub enum Control {
    /// The partition is ours; its records come from `start_offset` on, under `epoch`; or none, since an operator has paused it.
    Assigned { partition: i32, epoch: Epoch, start_offset: i64, is_paused: bool },
    /// Answer when everything before this is done or dropped.
    Barrier(oneshot::Sender<()>),
    /// Nothing more comes.
    Stop,
}

/// How much is taken or held at once. Whichever limit is reached first counts; one record is always allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub records: usize,
    pub bytes: usize,
}

/// What a writer takes.
#[derive(Debug)]
pub enum Taken {
    Records(Vec<OwnedRecord>),
    Control(Control),
    /// Nothing came for a while.
    Idle,
}

#[derive(Debug)]
enum Item {
    Record(OwnedRecord),
    Control(Control),
}

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Item>,
    records: usize,
    bytes: usize,
    closed: bool,
}

/// The queue of one writer.
#[derive(Debug)]
pub struct Intake {
    inner: Mutex<Inner>,
    room: Notify,
    arrived: Notify,
    held: Limits,
}

impl Intake {
    /// A queue that holds at most `held`.
    pub fn new(held: Limits) -> Self {
        Self { inner: Mutex::default(), room: Notify::new(), arrived: Notify::new(), held }
    }

    /// Puts a record in when there is room now.
    ///
    /// # Errors
    /// The record, when there is none.
    pub fn try_push(&self, record: OwnedRecord) -> Result<(), OwnedRecord> {
        let inner = self.lock();
        if self.is_full(&inner) {
            return Err(record);
        }
        self.put(inner, record);
        Ok(())
    }

    /// Puts a record in when there is room, waiting for it up to `wait`. One feeder of a queue may wait at a time.
    ///
    /// # Errors
    /// The record, when there was no room in time.
    pub async fn push_within(&self, mut record: OwnedRecord, wait: Duration) -> Result<(), OwnedRecord> {
        let deadline = Instant::now() + wait;
        loop {
            record = match self.try_push(record) {
                Ok(()) => return Ok(()),
                Err(record) => record,
            };
            // Room that was made since we looked has left its notice, so the wait ends at once.
            if tokio::time::timeout_at(deadline, self.room.notified()).await.is_err() {
                return self.try_push(record);
            }
        }
    }

    /// Puts a record in whether or not there is room. For the one record in hand when its partition is paused.
    pub fn push_over(&self, record: OwnedRecord) {
        self.put(self.lock(), record);
    }

    /// Tells the writer something. When it has ended, the message is dropped, and with it who waits for an answer is freed.
    pub fn tell(&self, control: Control) {
        let mut inner = self.lock();
        if !inner.closed {
            inner.queue.push_back(Item::Control(control));
        }
        drop(inner);
        self.arrived.notify_one();
    }

    /// The writer ends: drops what is here and whatever comes. Nothing is lost by it, since positions are only moved with
    /// what was folded.
    pub fn close(&self) {
        let mut inner = self.lock();
        *inner = Inner { closed: true, ..Inner::default() };
        drop(inner);
        self.room.notify_one();
    }

    /// Whether less than half of the room is taken, so that paused partitions may go on.
    pub fn is_half_empty(&self) -> bool {
        let inner = self.lock();
        inner.records * 2 <= self.held.records && inner.bytes * 2 <= self.held.bytes
    }

    /// Takes what is there, up to `limits`; waits while there is nothing, at most `idle`. With a `linger` above zero it waits
    /// that long for more when less than `limits` is there.
    pub async fn take(&self, limits: Limits, linger: Duration, idle: Duration) -> Taken {
        let mut taken = Vec::new();
        let mut bytes = 0;
        let mut lingered = linger.is_zero();
        loop {
            if let Some(control) = self.take_available(limits, &mut taken, &mut bytes) {
                return Taken::Control(control);
            }
            let full = taken.len() >= limits.records || bytes >= limits.bytes;
            if !taken.is_empty() && (full || lingered) {
                return Taken::Records(taken);
            }
            if taken.is_empty() {
                // A wake-up that the time-out drops is not lost: what arrived is found by the next call, which looks first.
                if tokio::time::timeout(idle, self.arrived.notified()).await.is_err() {
                    return Taken::Idle;
                }
            } else {
                tokio::time::sleep(linger).await;
                lingered = true;
            }
        }
    }

    /// Moves records over; gives the control message in front when no record was taken before it.
    fn take_available(&self, limits: Limits, taken: &mut Vec<OwnedRecord>, bytes: &mut usize) -> Option<Control> {
        let mut inner = self.lock();
        while taken.len() < limits.records && *bytes < limits.bytes {
            match inner.queue.pop_front() {
                None => break,
                Some(Item::Record(record)) => {
                    let size = record.size();
                    inner.records -= 1;
                    inner.bytes -= size;
                    *bytes += size;
                    taken.push(record);
                }
                Some(Item::Control(control)) if taken.is_empty() => return Some(control),
                Some(control) => {
                    inner.queue.push_front(control);
                    break;
                }
            }
        }
        drop(inner);
        self.room.notify_one();
        None
    }

    fn put(&self, mut inner: MutexGuard<'_, Inner>, record: OwnedRecord) {
        if inner.closed {
            return;
        }
        inner.records += 1;
        inner.bytes += record.size();
        let was_empty = inner.queue.is_empty();
        inner.queue.push_back(Item::Record(record));
        drop(inner);
        // A writer that finds something looks again before it waits, so only the first arrival has to wake it.
        if was_empty {
            self.arrived.notify_one();
        }
    }

    fn is_full(&self, inner: &Inner) -> bool {
        inner.records >= self.held.records || inner.bytes >= self.held.bytes
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock was held cannot have left the queue half-changed in a way that loses records.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64) -> OwnedRecord {
        OwnedRecord::from_parts(0, offset, 1, None, Some(&[0; 100]), &[])
    }

    fn offsets(taken: Taken) -> Vec<i64> {
        match taken {
            Taken::Records(records) => records.iter().map(|record| record.offset).collect(),
            other => panic!("{other:?} where records were expected"),
        }
    }

    const MANY: Limits = Limits { records: 100, bytes: 1 << 20 };
    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn order_is_kept_and_limits_hold() {
        let intake = Intake::new(Limits { records: 3, bytes: 1 << 20 });
        for offset in 0..3 {
            intake.try_push(record(offset)).expect("room");
        }
        assert_eq!(intake.try_push(record(3)), Err(record(3)));
        assert_eq!(intake.push_within(record(3), Duration::from_millis(1)).await, Err(record(3)));
        intake.push_over(record(3));
        intake.tell(Control::Stop);
        assert!(!intake.is_half_empty());
        assert_eq!(offsets(intake.take(Limits { records: 2, ..MANY }, Duration::ZERO, LONG).await), [0, 1]);
        assert_eq!(offsets(intake.take(Limits { bytes: 1, ..MANY }, Duration::ZERO, LONG).await), [2]);
        assert!(intake.is_half_empty());
        assert_eq!(offsets(intake.take(MANY, Duration::ZERO, LONG).await), [3]);
        assert!(matches!(intake.take(MANY, Duration::ZERO, LONG).await, Taken::Control(Control::Stop)));
    }

    #[tokio::test]
    async fn a_waiting_writer_wakes() {
        let intake = std::sync::Arc::new(Intake::new(MANY));
        let waiting = tokio::spawn({
            let intake = intake.clone();
            async move { offsets(intake.take(MANY, Duration::ZERO, LONG).await) }
        });
        intake.try_push(record(7)).expect("room");
        assert_eq!(waiting.await.expect("taken"), [7]);
    }

    #[tokio::test]
    async fn an_idle_writer_learns_that_it_is() {
        let intake = Intake::new(MANY);
        assert!(matches!(intake.take(MANY, Duration::ZERO, Duration::from_millis(1)).await, Taken::Idle));
        intake.try_push(record(7)).expect("room");
        assert_eq!(offsets(intake.take(MANY, Duration::ZERO, Duration::from_millis(1)).await), [7]);
    }

    #[tokio::test]
    async fn room_is_waited_for() {
        let intake = std::sync::Arc::new(Intake::new(Limits { records: 1, bytes: 1 << 20 }));
        intake.push_over(record(0));
        let pushing = tokio::spawn({
            let intake = intake.clone();
            async move { intake.push_within(record(1), Duration::from_secs(60)).await }
        });
        assert_eq!(offsets(intake.take(MANY, Duration::ZERO, LONG).await), [0]);
        pushing.await.expect("pushed").expect("room");
        assert_eq!(offsets(intake.take(MANY, Duration::ZERO, LONG).await), [1]);
    }
}
