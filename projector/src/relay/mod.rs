//! The relay: publishes a partition's outbox to Kafka, each outcome exactly once, in position order (INV-6).
//!
//! The argument. One relay per owned partition has one transactional producer, with the partition's `transactional.id`. A
//! Kafka transaction holds outcomes, dead letters, and the *cursor*: the position up to which everything is published. So the
//! cursor says exactly what readers of committed records can see, and it never expires. The order of a start is what
//! makes it safe:
//! 1. `init_transactions`: fences every earlier producer of the partition and ends what it left open,
//! 2. wait while tables are being swapped: whoever swaps sets that barrier, then fences ([`fence_all`]), so a relay that opened its
//!    producer before the fence is fenced, and one that opened it after the fence sees the barrier,
//! 3. read the cursor: nobody can move it now but us,
//! 4. publish what lies after it: rows of the live generation alone.
//!
//! What the fold has another partition told (a line is asked for, decided, sold, given back) goes to the log itself, by a producer without a
//! transaction, and is acknowledged before the transaction begins whose cursor passes it. So it is never lost, and may come twice, also
//! from a relay that was frozen for years: the fold drops repeats for ever. Inside of the transaction it would stop every reader of the log
//! behind it for as long as this process is frozen.
//!
//! After any error, time-out or doubt the producer is thrown away and 1 to 3 are done again; whether the doubtful
//! transaction stood, the cursor tells. The outbox is read before a Kafka transaction begins and pruned after it is committed: no
//! SQL runs inside one, so neither side ever waits for the other.
//!
//! Reading order: [`plan`] (what to publish), [`sizing`] (how much at once), [`cursor`], [`publisher`] (the transaction), [`delivery`]
//! (what became of its records), [`rows`] (the outbox's SQL),
//! [`seam`] (Kafka and outbox, as the loop sees them) and [`servers`] (as they are), [`partition`] (the loop), [`telling`] (what other partitions are told), [`group`] (one loop per owned partition), [`step`] (what a loop is doing, for whoever watches).

mod cursor;
mod delivery;
mod ends;
mod error;
mod fence;
mod group;
mod partition;
mod patience;
mod plan;
mod publisher;
mod rows;
mod seam;
mod servers;
mod settings;
mod sizing;
mod step;
mod telling;

pub use cursor::CursorReader;
pub use ends::ends_of_log;
pub use error::RelayError;
pub use fence::fence_all;
pub use group::{OnRefusal, RelayGroup, Relays};
pub use partition::PartitionRelay;
pub use plan::Publication;
pub use rows::{Outstanding, PlainRow};
pub use seam::{OutboxRows, PublishError, RelayBroker, RelayProducer, TooLarge};
pub use servers::OutboxTable;
pub use settings::{Compression, RelaySettings, RelayTopics};
pub use step::CurrentStep;
