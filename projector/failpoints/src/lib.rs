//! Failpoints: a named point at every line that writes, where a test has the process die as by `kill -9`. They are
//! armed in `ledger-failpoints` alone (feature `armed`); without the feature, as users build `ledger`, reaching one is nothing at all.
//!
//! The variable `FAILPOINTS` sets them at the start, in the words of the crate `fail`, and `kill` besides:
//! `FAILPOINTS="store.committed=1*off->kill;relay.committed=0.1%kill"`. A name that no point has is refused, since a point that
//! is never reached would look like one that was survived.
//!
//! It must never do anything else at a point: what is tested is the code as it is.

/// Defines the points, their names, and the list of all.
macro_rules! failpoints {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)+) => {
        /// A point. The part of the name before the dot is the command that reaches it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FailPoint {
            $($(#[$doc])* $point,)+
        }

        impl FailPoint {
            pub const ALL: &[Self] = &[$(Self::$point,)+];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)+
                }
            }
        }
    };
}

failpoints! {
    /// A writer's transaction is open.
    StoreBegun = "store.begun",
    /// The compare-and-set of one partition hit.
    StorePositionMoved = "store.position-moved",
    /// After each statement of its kind.
    StoreOrders = "store.orders",
    StoreMovements = "store.movements",
    StoreReservations = "store.reservations",
    StoreChangedOrders = "store.changed-orders",
    StoreChangedReservations = "store.changed-reservations",
    StoreOpenRemoved = "store.open-removed",
    StoreOpenAdded = "store.open-added",
    StoreStock = "store.stock",
    StoreDeadLetters = "store.dead-letters",
    /// After the outbox row of one partition.
    StoreOutbox = "store.outbox",
    /// All is written, COMMIT comes next.
    StoreWritten = "store.written",
    /// COMMIT was answered; nobody else knows yet.
    StoreCommitted = "store.committed",

    /// Earlier producers are fenced; the cursor is not read yet.
    RelayFenced = "relay.fenced",
    /// What other partitions have to know stands on the log; no Kafka transaction is open, and the cursor stands before it.
    RelayTold = "relay.told",
    /// A Kafka transaction is open.
    RelayBegun = "relay.begun",
    /// Outcomes and dead letters are handed over, the cursor is not.
    RelayEntriesSent = "relay.entries-sent",
    RelayCursorSent = "relay.cursor-sent",
    /// The broker has all of them, the commit comes next.
    RelayDelivered = "relay.delivered",
    RelayCommitted = "relay.committed",
    /// What is published is about to be removed from the outbox.
    RelayPrunes = "relay.prunes",
    /// One outbox row is removed; the statement may be one of several in a transaction.
    RelayRemoved = "relay.removed",
    RelayPruned = "relay.pruned",

    /// What was due stands on the log: holds that are over, lines that are asked for again. Nothing remembers it yet.
    TickAppended = "tick.appended",

    RedriveClaimed = "redrive.claimed",
    RedriveAppended = "redrive.appended",
    RedriveMarked = "redrive.marked",

    /// The rows of derived ids are on the disk, none of their orders is appended.
    ImportIdsWritten = "import.ids-written",
    /// A record is handed to the import's producer.
    ImportSent = "import.sent",

    /// The generation has its row and number, and no table.
    RebuildBegun = "rebuild.begun",
    /// After each table.
    RebuildTable = "rebuild.table",
    RebuildKeysDropped = "rebuild.keys-dropped",
    /// All is there to load into.
    RebuildPositions = "rebuild.positions",
    /// All is folded up to the cursor; the phase is still the load.
    RebuildLoaded = "rebuild.loaded",
    RebuildKeysAdded = "rebuild.keys-added",
    /// After each phase's beginning is written down.
    RebuildPhase = "rebuild.phase",
    RebuildCompared = "rebuild.compared",
    RebuildWrittenDown = "rebuild.written-down",
    /// The barrier is set, no relay is fenced yet; then all are.
    SwapBarrier = "swap.barrier",
    SwapFenced = "swap.fenced",
    /// A rebuild's swap, or a rollback's: before each attempt, after the one that hit, and after it was written down.
    SwapRenames = "swap.renames",
    SwapRenamed = "swap.renamed",
    /// What waits for an answer was told again; it is not written down that the target is live.
    SwapSettled = "swap.settled",
    SwapWrittenDown = "swap.written-down",
}

/// Dies here, where `FAILPOINTS` says so.
#[cfg(feature = "armed")]
pub fn reach(point: FailPoint) {
    fail::fail_point!(point.name(), |_| die(point));
}

/// Nothing: this build has no failpoints.
#[cfg(not(feature = "armed"))]
#[inline(always)]
pub const fn reach(_: FailPoint) {}

/// At once: nothing is closed, neither by librdkafka nor towards MariaDB, and nothing is dropped.
#[cfg(feature = "armed")]
fn die(point: FailPoint) {
    tracing::warn!(point = point.name(), "killed at a failpoint");
    nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL).expect("a process may kill itself");
}

/// Sets what `FAILPOINTS` says, if anything.
///
/// # Errors
/// What is wrong with it.
#[cfg(feature = "armed")]
pub fn arm() -> Result<(), String> {
    let text = match std::env::var("FAILPOINTS") {
        Ok(text) => text,
        Err(std::env::VarError::NotPresent) => return Ok(()),
        Err(error) => return Err(format!("FAILPOINTS: {error}")),
    };
    for setting in text.split(';').map(str::trim).filter(|setting| !setting.is_empty()) {
        let (name, actions) = setting.split_once('=').ok_or_else(|| format!("{setting}: must be NAME=ACTIONS"))?;
        if FailPoint::ALL.iter().all(|point| point.name() != name) {
            return Err(format!("{name}: there is no such point"));
        }
        // `return` is the one action that calls back, which is where `die` is.
        fail::cfg(name, &actions.replace("kill", "return")).map_err(|error| format!("{setting}: {error}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    /// How often each point stands in the sources below `folder`, this file apart.
    fn count_uses(folder: &Path, uses: &mut BTreeMap<String, usize>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                count_uses(&entry, uses);
            } else if entry.extension().is_some_and(|kind| kind == "rs") && !entry.ends_with("failpoints/src/lib.rs") {
                let text = std::fs::read_to_string(&entry).unwrap();
                for after in text.split("FailPoint::").skip(1) {
                    let point: String = after.chars().take_while(char::is_ascii_alphanumeric).collect();
                    // The list itself is read where the points are named.
                    if point != "ALL" {
                        *uses.entry(point).or_default() += 1;
                    }
                }
            }
        }
    }

    #[test]
    fn each_point_stands_at_one_line() {
        let mut uses = BTreeMap::new();
        let projector = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for sources in ["src", "store/src", "operator/src", "ledger/src"] {
            count_uses(&projector.join(sources), &mut uses);
        }
        let all = FailPoint::ALL.iter().map(|point| (format!("{point:?}"), 1));
        assert_eq!(uses, all.collect());
    }

    #[test]
    fn names_are_unique_and_say_whose_they_are() {
        let names: std::collections::BTreeSet<&str> = FailPoint::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), FailPoint::ALL.len());
        assert!(
            names
                .iter()
                .all(|name| name.split_once('.').is_some_and(|(whose, what)| !whose.is_empty() && !what.is_empty()))
        );
    }
}
