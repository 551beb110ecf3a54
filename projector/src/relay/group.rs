//! The relays of the partitions that this projector owns: started at assignment, stopped at revocation. A relay that
//! outlives its ownership is harmless: the next owner's producer fences it. It must never let one end unnoticed.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::error::RelayError;
use super::partition::PartitionRelay;
use super::servers::{KafkaBroker, OutboxTable};
use super::settings::RelaySettings;
use super::step::{CurrentStep, LOOK};
use crate::shared::Shared;

/// How long a stop waits for transactions in flight. What takes longer is left, and fenced by the next owner.
const STOP_LIMIT: Duration = Duration::from_secs(5);
const STOP_POLL: Duration = Duration::from_millis(5);

struct Running {
    stop: CancellationToken,
    thread: JoinHandle<()>,
    step: Arc<CurrentStep>,
}

/// What the watch needs; it holds it only while it looks, so that a group that is dropped is gone.
struct Watched {
    running: Mutex<BTreeMap<i32, Running>>,
    on_refusal: OnRefusal,
}

impl Watched {
    fn running(&self) -> MutexGuard<'_, BTreeMap<i32, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Called when a relay met what needs a person.
pub type OnRefusal = Arc<dyn Fn(RelayError) + Send + Sync>;

/// Starts and stops the relays of one projector. Besides [`RelayGroup`], the simulator has one.
pub trait Relays {
    /// Starts the relays of `partitions`; one that runs already is left alone.
    ///
    /// # Errors
    /// [`RelayError::Thread`] when a thread cannot be made.
    fn start(&self, partitions: &[i32]) -> Result<(), RelayError>;

    /// Stops every relay, so that the next owner need not wait for a fence; waits for them, five seconds at most.
    fn stop(&self) -> impl Future<Output = ()>;
}

/// The relays of one projector.
pub struct RelayGroup {
    settings: Arc<RelaySettings>,
    /// Tells of commits.
    shared: Arc<Shared>,
    runtime: Handle,
    watched: Arc<Watched>,
}

impl RelayGroup {
    pub fn new(settings: RelaySettings, shared: Arc<Shared>, runtime: Handle, on_refusal: OnRefusal) -> Self {
        let watched = Arc::new(Watched { running: Mutex::default(), on_refusal });
        runtime.spawn(watch(Arc::downgrade(&watched)));
        Self { settings: Arc::new(settings), shared, runtime, watched }
    }
}

impl Relays for RelayGroup {
    fn start(&self, partitions: &[i32]) -> Result<(), RelayError> {
        let mut running = self.watched.running();
        for partition in partitions.iter().copied() {
            if running.contains_key(&partition) {
                continue;
            }
            let commits = self.shared.commits(partition);
            let (stop, step) = (CancellationToken::new(), Arc::new(CurrentStep::default()));
            let relay = PartitionRelay {
                broker: KafkaBroker { settings: Arc::clone(&self.settings), partition },
                outbox: OutboxTable::new(Arc::clone(&self.settings), partition),
                partition,
                commits,
                shared: Arc::clone(&self.shared),
                stop: stop.clone(),
                step: Arc::clone(&step),
            };
            let (on_refusal, runtime) = (Arc::clone(&self.watched.on_refusal), self.runtime.clone());
            let work = move || {
                // A relay that died would leave its partition's outcomes unpublished without a word.
                let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(relay.run())));
                if let Err(error) = ended.unwrap_or(Err(RelayError::Panicked { partition })) {
                    on_refusal(error);
                }
            };
            let thread = std::thread::Builder::new()
                .name(format!("relay-{partition}"))
                .spawn(work)
                .map_err(|cause| RelayError::Thread { partition, cause })?;
            running.insert(partition, Running { stop, thread, step });
        }
        Ok(())
    }

    /// Blocks: for the consumer's own thread only.
    async fn stop(&self) {
        let stopping = std::mem::take(&mut *self.watched.running());
        stopping.values().for_each(|relay| relay.stop.cancel());
        let begin = Instant::now();
        for (partition, relay) in stopping {
            while !relay.thread.is_finished() && begin.elapsed() < STOP_LIMIT {
                std::thread::sleep(STOP_POLL);
            }
            if relay.thread.is_finished() {
                // It has reported by itself how it ended.
                let _ended = relay.thread.join();
            } else {
                tracing::warn!(partition, "the relay is still inside a transaction; it is left to be fenced");
            }
        }
    }
}

/// Looks at every relay that runs, for as long as the group lives; the first that is stuck is reported.
async fn watch(watched: Weak<Watched>) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(watched) = watched.upgrade() else { return };
        let stuck = watched.running().iter().find_map(|(partition, relay)| {
            relay.step.look().map(|(step, seconds)| RelayError::Stuck { partition: *partition, step, seconds })
        });
        if let Some(error) = stuck {
            return (watched.on_refusal)(error);
        }
    }
}
