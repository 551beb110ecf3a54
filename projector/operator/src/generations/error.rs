//! Why something about generations was refused or failed. Each error says what an operator can do; none of them leaves the
//! live tables half changed.

use ledger_database::requirements::RequirementError;
use ledger_database::schema_version::SchemaVersionError;
use ledger_database::{DatabaseError, Fault, fault_of};
use ledger_kafka::KafkaUseError;
use ledger_store::StoreError;
use ledger_store::generations::{Holder, State};
use ledger_store::log_check::LogCheckError;
use projector::relay::RelayError;
use thiserror::Error;

use super::holder_connection::HolderConnection;

#[derive(Debug, Error)]
pub enum GenerationsError {
    #[error(
        "refused: {holder} holds the guard of the generations{connection}; only one such command runs at a time. If its host is \
         gone, `KILL {}`, by the owner's login or an administrator's, frees it", holder.connection_id
    )]
    Guarded { holder: Box<Holder>, connection: HolderConnection },
    #[error("generation {generation} is not known; `ledger generations list` shows which are")]
    Unknown { generation: i32 },
    #[error("nothing was folded from topic {topic} yet: there is no generation to go back from")]
    NothingLive { topic: String },
    #[error("no generation before {live}, which is live, is kept{}", listed(kept))]
    NoPrevious { live: i32, kept: Vec<i32> },
    #[error("generation {generation} cannot be rolled back to: it is {}, and only one that is kept can be", state.as_str())]
    NotKept { generation: i32, state: State },
    #[error(
        "records of topic {topic} partition {partition} are gone that its tables do not have: expected the log to begin at {expected} at most, found {found}"
    )]
    RecordsGone { topic: String, partition: i32, expected: i64, found: i64 },
    #[error("generation {generation} is live: it cannot be dropped")]
    IsLive { generation: i32 },
    #[error("generation {generation} cannot be swapped in: {missing} is missing")]
    Incomplete { generation: i32, missing: String },
    #[error(
        "generation {generation} cannot be swapped in: its table {table} is not like the live one: expected `{expected}`, found `{found}`; `ledger rebuild --restart` builds one anew"
    )]
    AnotherShape { generation: i32, table: String, expected: String, found: String },
    #[error(
        "the positions of generation {generation} do not fit: expected {expected}, found {found}; the live tables are untouched"
    )]
    Positions { generation: i32, expected: String, found: String },
    #[error(
        "the live tables would become generation {generation}, and tables of that name are there: {tables}; `ledger generations drop {generation}` drops them, they belong to nothing"
    )]
    NameTaken { generation: i32, tables: String },
    #[error(
        "the tables could not be swapped in {attempts} attempts over {seconds} s, since others held them; the live tables are untouched, and the same command tries again"
    )]
    Busy { attempts: u32, seconds: u64 },
    #[error(
        "partition {partition} is paused at {stands}, and generation {generation} stands at {found}: it would not be folded on from there, \
         and reads would wait until it is resumed. Where the relay still publishes (`ledger_relay_cursor`), the same command works in a moment; \
         else `ledger resume {partition}` first. The live tables are untouched"
    )]
    Paused { generation: i32, partition: i32, stands: i64, found: i64 },
    #[error("a `ledger migrate` is running; the live tables are untouched, and the same command tries again")]
    Migrating,
    #[error(
        "the connection was lost while the tables were swapped: {0}; `ledger generations list` shows which generation is live"
    )]
    SwapUnknown(sqlx::Error),
    /// After the RENAME.
    #[error(
        "generation {generation} is live now, but that could not be written down: {cause}; the same command does it"
    )]
    NotWrittenDown { generation: i32, cause: Box<Self> },
    #[error("the database server did not give the guard of the generations, and nobody holds it")]
    NoGuard,
    /// How far the log is published cannot be known.
    #[error(transparent)]
    Cursor(#[from] RelayError),
    #[error("{step}: {cause}")]
    Sql { step: &'static str, cause: sqlx::Error },
    #[error(transparent)]
    Schema(#[from] SchemaVersionError),
    /// A setting or a table is not as it must be: all of them.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] LogCheckError),
    #[error(transparent)]
    Kafka(#[from] KafkaUseError),
}

impl GenerationsError {
    /// Whether the tables may have been swapped all the same.
    pub fn may_have_swapped(&self) -> bool {
        matches!(self, Self::SwapUnknown(_) | Self::NotWrittenDown { .. })
    }

    pub fn is_unreachable(&self) -> bool {
        match self {
            Self::Schema(error) => error.is_unreachable(),
            Self::Requirement(error) => error.is_unreachable(),
            Self::Database(error) => error.is_unreachable(),
            Self::Kafka(error) => error.is_unreachable(),
            Self::Cursor(error) => error.is_unreachable(),
            Self::Log(error) => error.is_unreachable(),
            Self::Store(error) => error.is_unreachable(),
            Self::SwapUnknown(error) => fault_of(error) == Fault::ConnectionLost,
            Self::NotWrittenDown { cause, .. } => cause.is_unreachable(),
            Self::Sql { cause, .. } => fault_of(cause) == Fault::ConnectionLost,
            _ => false,
        }
    }
}

/// Which others there are to go to.
fn listed(kept: &[i32]) -> String {
    if kept.is_empty() {
        return String::new();
    }
    let kept: Vec<String> = kept.iter().map(i32::to_string).collect();
    format!("; kept: {}, which --to can name", kept.join(", "))
}

/// Names the step in an error of the database.
pub(crate) fn sql(step: &'static str) -> impl Fn(sqlx::Error) -> GenerationsError {
    move |cause| GenerationsError::Sql { step, cause }
}
