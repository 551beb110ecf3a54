//! Reads of one product's stock that come at the same time are one statement. A few statements run at once; what comes while all of
//! them are out goes into the next one. So the more readers there are, the less each costs the database, and a lone one waits for
//! nobody.
//!
//! A statement begins after every read that it answers has come, so none is answered with what was before it. It must never answer
//! a read from memory, and never show a reader more of a snapshot than it asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ledger_schema::ProductId;
use tokio::sync::oneshot;

use super::error::ReadError;
use super::pool::{Reader, Statement};
use super::standing::{Concern, Snapshot, with_standing};
use super::stock::StockRow;

/// Statements that are out at once. With one, a reader waits for the whole of the statement before its own; more leave less to
/// gather. Also below the number of connections, so that other reads find one.
const STATEMENTS_AT_ONCE: usize = 2;
/// Most products of one statement.
const LARGEST: usize = 64;

/// A statement with these places for products.
macro_rules! of_products {
    ($places:literal) => {
        with_standing!(
            every partition,
            [product_id, available, held, kafka_partition, kafka_offset],
            concat!("FROM stock WHERE product_id IN (", $places, ")")
        )
    };
}

/// By how many products they name. A server prepares each text once a connection, so there are few.
const BY_PRODUCTS: [(usize, &str); 4] = [
    (1, of_products!("?")),
    (4, of_products!("?, ?, ?, ?")),
    (16, of_products!("?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?")),
    (
        LARGEST,
        of_products!(
            "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, \
             ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
        ),
    ),
];

/// What a reader is answered with.
type Answer = Result<Snapshot<Option<StockRow>>, ReadError>;

/// Reads that wait for the next statement.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    asked: Vec<Asked>,
    statements: usize,
}

#[derive(Debug)]
struct Asked {
    product_id: ProductId,
    /// What its standing is to be of.
    concern: Concern,
    answer: oneshot::Sender<Answer>,
}

impl Gathered {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a read in; true when a statement has to begin.
    fn ask(&self, asked: Asked) -> bool {
        let mut inner = self.lock();
        inner.asked.push(asked);
        let begins = inner.statements < STATEMENTS_AT_ONCE;
        inner.statements += usize::from(begins);
        begins
    }

    /// What the next statement is of, first come first served. When there is nothing, one statement less is out.
    fn next(&self) -> Vec<Asked> {
        let mut inner = self.lock();
        let count = inner.asked.len().min(LARGEST);
        if count == 0 {
            inner.statements -= 1;
        }
        inner.asked.drain(..count).collect()
    }
}

/// Statements that are out, one after the other. One that panics is counted out, too: else nobody would be answered any more.
struct Turn<'a>(&'a Gathered);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut inner = self.0.lock();
            inner.statements -= 1;
            if inner.statements == 0 {
                // No statement is out that would take them: dropped, they are told that the reading was stopped.
                inner.asked.clear();
            }
        }
    }
}

impl Reader {
    /// Stock of a product, with the standing of the partitions that the read is about.
    ///
    /// # Errors
    /// [`ReadError`], all of them retryable; one that others share when the statement was theirs, too.
    pub(crate) async fn stock_of(&self, product_id: ProductId, concern: Concern) -> Answer {
        let (answer, answered) = oneshot::channel();
        if self.gathered.ask(Asked { product_id, concern, answer }) {
            let this = self.clone();
            tokio::spawn(async move { this.answer_gathered().await });
        }
        // Dropped without an answer when the runtime stops, or the statement panicked.
        answered.await.unwrap_or(Err(ReadError::Stopped))
    }

    async fn answer_gathered(&self) {
        let _turn = Turn(&self.gathered);
        loop {
            let asked = self.gathered.next();
            let Some(last) = asked.last() else { return };
            let (places, text) = fitting(asked.len());
            let mut ids: Vec<String> = asked.iter().map(|asked| asked.product_id.to_string()).collect();
            // A place that nobody needs names the last product once more.
            ids.resize(places, last.product_id.to_string());
            let bind = move |statement: Statement| ids.iter().cloned().fold(statement, Statement::bind);
            let snapshot = self.snapshot(text, Concern::Every, bind).await;
            answer_each(asked, snapshot);
        }
    }
}

/// The shortest statement with places for so many products.
fn fitting(count: usize) -> (usize, &'static str) {
    let found = BY_PRODUCTS.into_iter().find(|(places, _)| *places >= count);
    found.unwrap_or_else(|| unreachable!("{count} products were taken for a statement of {LARGEST}"))
}

/// Readers that have gone do not care.
fn answer_each(asked: Vec<Asked>, snapshot: Result<Snapshot<Vec<StockRow>>, ReadError>) {
    match snapshot {
        Ok(Snapshot { found, standing }) => {
            let rows: HashMap<&str, &StockRow> = found.iter().map(|row| (row.product_id.as_str(), row)).collect();
            for Asked { product_id, concern, answer } in asked {
                let found = rows.get(product_id.as_str()).map(|row| (*row).clone());
                let _ = answer.send(Ok(Snapshot { found, standing: standing.about(concern) }));
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for Asked { answer, .. } in asked {
                let _ = answer.send(Err(ReadError::Shared(error.clone())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::standing::PartitionStanding;
    use super::*;

    fn asked(product: &str, partition: i32) -> (Asked, oneshot::Receiver<Answer>) {
        let (answer, answered) = oneshot::channel();
        let concern = Concern::One(partition);
        (Asked { product_id: ProductId::parse(product).expect("an id"), concern, answer }, answered)
    }

    fn row(product: &str, available: i64) -> StockRow {
        StockRow { product_id: product.to_owned(), available, held: 0, kafka_partition: 0, kafka_offset: 0 }
    }

    #[test]
    fn what_comes_while_all_statements_are_out_goes_into_the_next_one() {
        let gathered = Gathered::default();
        let begins: Vec<bool> = (0..100).map(|_| gathered.ask(asked("tea", 0).0)).collect();
        assert_eq!(begins.iter().filter(|begins| **begins).count(), STATEMENTS_AT_ONCE);
        assert_eq!((gathered.next().len(), gathered.next().len()), (LARGEST, 100 - LARGEST));
        assert!(!gathered.ask(asked("tea", 0).0), "two are out");
        assert_eq!(gathered.next().len(), 1);
        assert!(gathered.next().is_empty(), "one has ended");
        assert!(gathered.ask(asked("tea", 0).0), "so another may begin");
    }

    #[test]
    fn a_statement_that_panics_leaves_nobody_waiting() {
        let gathered = Gathered::default();
        let (first, _) = asked("tea", 0);
        let (second, mut second_answered) = asked("rice", 0);
        assert!(gathered.ask(first) && gathered.ask(second));
        for _ in 0..STATEMENTS_AT_ONCE {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _turn = Turn(&gathered);
                panic!("as a statement may");
            }));
            assert!(ended.is_err());
        }
        assert_eq!(second_answered.try_recv().err(), Some(oneshot::error::TryRecvError::Closed));
        assert!(gathered.ask(asked("tea", 0).0), "and the next one begins a statement");
    }

    #[test]
    fn every_statement_has_as_many_places_as_it_says() {
        for (places, text) in BY_PRODUCTS {
            let (_, products) = text.split_once(" IN (").expect("the places");
            assert_eq!(products.matches('?').count(), places);
        }
        let places = |count| fitting(count).0;
        assert_eq!([1, 2, 4, 5, 16, 17, LARGEST].map(places), [1, 4, 4, 16, 16, 64, 64]);
    }

    #[tokio::test]
    async fn each_gets_its_own_row_and_the_standing_of_its_partition_alone() {
        let (tea, tea_answered) = asked("tea", 0);
        let (again, again_answered) = asked("tea", 0);
        let (none, none_answered) = asked("nothing", 3);
        let (gone, _) = asked("rice", 1);
        let standing = |next_offset| PartitionStanding { next_offset, furthest: next_offset };
        let standing = [(0, standing(7)), (3, standing(9))].into_iter().collect();
        let found = vec![row("rice", 1), row("tea", 5)];
        answer_each(vec![tea, none, gone, again], Ok(Snapshot { found, standing }));
        for answered in [tea_answered, again_answered] {
            let Snapshot { found, standing } = answered.await.expect("an answer").expect("read");
            assert_eq!(found, Some(row("tea", 5)));
            let partitions: Vec<_> = standing.partitions().map(|(partition, at)| (partition, at.next_offset)).collect();
            assert_eq!(partitions, [(0, 7)]);
        }
        let Snapshot { found, standing } = none_answered.await.expect("an answer").expect("read");
        assert_eq!((found, standing.of(3).next_offset), (None, 9));
    }

    #[tokio::test]
    async fn what_went_wrong_is_said_to_each() {
        let (one, one_answered) = asked("tea", 0);
        let (other, other_answered) = asked("rice", 1);
        answer_each(vec![one, other], Err(ReadError::Stopped));
        for answered in [one_answered, other_answered] {
            let error = answered.await.expect("an answer").expect_err("not read");
            assert_eq!(error.to_string(), ReadError::Stopped.to_string());
        }
    }
}
