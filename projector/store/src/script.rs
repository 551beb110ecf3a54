//! The rows of a batch on their way into the database: statements that are gathered, and sent many at a time. A small batch writes to half a
//! dozen tables, and what each statement costs then is its round trip, not its work.
//!
//! It must never be begun before the compare-and-set of the batch has hit, and never ends the transaction: what it wrote may be rolled back.
//! Each statement is checked against what it must come to, in order, and is known to failpoints when its answer is there.

use futures_util::StreamExt;
use ledger_database::literals::Literals;
use ledger_database::{Fault, Watched, fault_of};
use ledger_failpoints::FailPoint;
use sqlx::mysql::MySqlArguments;
use sqlx::{AssertSqlSafe, Either, Executor, SqlStr};

use crate::error::{StoreError, at};

/// A statement of many rows is closed at so many bytes of text: what the server holds of it while it works is some times that.
const STATEMENT_BYTES: usize = 128 * 1024;
/// Statements are sent when they have so many bytes together.
const TEXT_BYTES: usize = 512 * 1024;

/// Why a script goes no further. The transaction is to be rolled back.
#[derive(Debug)]
pub(crate) enum Halt {
    /// A unique key objects to an id of the batch: it stands before.
    IdKnown,
    Failed(StoreError),
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// What a statement is, and what it must come to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// For errors.
    pub(crate) name: &'static str,
    pub(crate) point: FailPoint,
    /// Whether a duplicate key says that an id stands before.
    pub(crate) adds_ids: bool,
    /// Rows that it must affect, where it says so.
    pub(crate) affects: Option<Affects>,
}

/// Rows of open orders that a statement removes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Affects {
    pub(crate) rows: usize,
    pub(crate) partition: i32,
    pub(crate) status: &'static str,
}

impl Step {
    pub(crate) const fn new(name: &'static str, point: FailPoint) -> Self {
        Self { name, point, adds_ids: false, affects: None }
    }

    /// As [`Self::new`], of a statement that adds ids.
    pub(crate) const fn adding(name: &'static str, point: FailPoint) -> Self {
        Self { adds_ids: true, ..Self::new(name, point) }
    }
}

/// Statements on one connection.
pub(crate) struct Script<'c> {
    connection: &'c mut Watched,
    literals: Literals,
    steps: Vec<Step>,
}

impl<'c> Script<'c> {
    pub(crate) fn on(connection: &'c mut Watched) -> Self {
        Self { connection, literals: Literals::default(), steps: Vec::new() }
    }

    /// `before`, then `rows` with commas between, each as `write` writes its values, then `after`; as many statements as it takes.
    ///
    /// # Errors
    /// Of statements that are sent meanwhile.
    pub(crate) async fn rows<T: Sync>(
        &mut self,
        step: Step,
        (before, after): (&str, &str),
        rows: &[T],
        write: impl Fn(&mut Literals, &T) + Send + Sync,
    ) -> Result<(), Halt> {
        let mut rows = rows.iter().peekable();
        while rows.peek().is_some() {
            let end = self.literals.len() + STATEMENT_BYTES;
            self.begin(step).sql(before);
            let mut is_first = true;
            while self.literals.len() < end
                && let Some(row) = rows.next()
            {
                self.literals.sql(if is_first { " " } else { "," }).begin_row();
                write(&mut self.literals, row);
                self.literals.end_row();
                is_first = false;
            }
            self.literals.sql(after);
            self.send_what_is_much().await?;
        }
        Ok(())
    }

    /// One statement, as `write` writes it.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub(crate) async fn statement(&mut self, step: Step, write: impl FnOnce(&mut Literals) + Send) -> Result<(), Halt> {
        write(self.begin(step));
        self.send_what_is_much().await
    }

    /// A statement whose values are too large to be doubled as text, or too many to be read as text, after all that was gathered.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub(crate) async fn prepared(&mut self, step: Step, text: SqlStr, values: MySqlArguments) -> Result<(), Halt> {
        self.send().await?;
        let done = sqlx::query_with(text, values).execute(&mut *self.connection).await;
        checked(step, done.map(|done| done.rows_affected()))
    }

    /// Sends what is left.
    ///
    /// # Errors
    /// Of the first statement that fails.
    pub(crate) async fn finish(mut self) -> Result<(), Halt> {
        self.send().await
    }

    fn begin(&mut self, step: Step) -> &mut Literals {
        if !self.literals.is_empty() {
            self.literals.sql(";");
        }
        self.steps.push(step);
        &mut self.literals
    }

    async fn send_what_is_much(&mut self) -> Result<(), Halt> {
        if self.literals.len() < TEXT_BYTES { Ok(()) } else { self.send().await }
    }

    async fn send(&mut self) -> Result<(), Halt> {
        if self.steps.is_empty() {
            return Ok(());
        }
        let steps = std::mem::take(&mut self.steps);
        send(self.connection, self.literals.take(), steps, checked).await
    }
}

/// Sends statements that stand in one text, and has each looked at when its answer is there: what it is, and the rows that it affected. Those
/// after one that failed, or is refused, were not begun or do not count: the transaction is to be rolled back.
///
/// # Errors
/// Of the first that is refused; an answer too many or too few.
pub(crate) async fn send<S, E: From<StoreError>>(
    connection: &mut Watched,
    text: String,
    statements: Vec<S>,
    mut look: impl FnMut(S, Result<u64, sqlx::Error>) -> Result<(), E>,
) -> Result<(), E> {
    let unexpected = |how_many| {
        let cause = format!("the server gave {how_many} answers than it was sent statements");
        E::from(at("writing a batch")(sqlx::Error::Protocol(cause)))
    };
    let mut statements = statements.into_iter();
    let mut answers = connection.fetch_many(AssertSqlSafe(text));
    while let Some(answer) = answers.next().await {
        let affected = match answer {
            Ok(Either::Left(done)) => Ok(done.rows_affected()),
            Ok(Either::Right(_)) => continue,
            Err(error) => Err(error),
        };
        look(statements.next().ok_or_else(|| unexpected("more"))?, affected)?;
    }
    statements.next().map_or(Ok(()), |_| Err(unexpected("fewer")))
}

/// A statement that was answered: whether it came to what it must come to.
fn checked(step: Step, affected: Result<u64, sqlx::Error>) -> Result<(), Halt> {
    let affected = match affected {
        Ok(affected) => affected,
        Err(error) if step.adds_ids && fault_of(&error) == Fault::DuplicateKey => return Err(Halt::IdKnown),
        Err(error) => return Err(at(step.name)(error).into()),
    };
    ledger_failpoints::reach(step.point);
    match step.affects {
        Some(Affects { rows, partition, status }) if usize::try_from(affected) != Ok(rows) => {
            Err(StoreError::OpenOrdersGone { partition, status, expected: rows, removed: affected }.into())
        }
        _ => Ok(()),
    }
}
