//! What partitions told each other through the log, against what each had to tell: everything that follows from a record stands on the
//! log of whom it concerns, and nothing stands there that follows from none.
//!
//! It must never ask for a number of times: the same may stand there twice, and changes nothing.

use std::collections::BTreeSet;

use super::expected::Expected;
use super::expected::event::{Step, Told};

/// What does not fit.
#[derive(Debug, Default)]
pub(super) struct Gossip {
    /// Had to be told, and stands nowhere.
    pub(super) missing: Vec<String>,
    /// Stands on the log, and follows from nothing there.
    pub(super) groundless: Vec<String>,
}

pub(super) fn compare(expected: &Expected) -> Gossip {
    let heard: BTreeSet<String> = expected.heard.iter().map(|(_, told)| format!("{told:?}")).collect();
    let all = expected.told.values().flatten();
    let missing = all.filter(|told| !heard.contains(&format!("{told:?}")));
    let groundless = expected.heard.iter().filter(|(_, told)| !has_ground(expected, told));
    Gossip {
        missing: missing.map(|told| format!("told by nobody: {told:?}")).collect(),
        groundless: groundless
            .map(|((partition, offset), told)| format!("at {partition}:{offset}, from nothing: {told:?}"))
            .collect(),
    }
}

/// Whether the record that it names as its cause gives rise to it. A decision that is told again bears the cause of the record by which it
/// was made, under any index.
fn has_ground(expected: &Expected, told: &Told) -> bool {
    let (partition, offset, _) = told.cause;
    let Some(all) = expected.told.get(&(partition, offset)) else { return false };
    let is_decision = matches!(told.step, Step::Decided(_));
    all.iter().any(|one| if is_decision { Told { cause: told.cause, ..one.clone() } == *told } else { one == told })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(step: Step, index: i64) -> Told {
        let [order_id, home_product, product] = ["i", "tea", "milk"].map(str::to_owned);
        Told { cause: (0, 5, index), step, order_id, line_no: 2, home_product, product, quantity: 1 }
    }

    #[test]
    fn what_is_told_by_nobody_and_what_follows_from_nothing_are_named() {
        let mut expected = Expected::default();
        expected.told.insert((0, 5), vec![told(Step::Requested, 0)]);
        assert_eq!(compare(&expected).missing.len(), 1);
        expected.heard = vec![((1, 7), told(Step::Requested, 0)), ((1, 9), told(Step::Requested, 0))];
        let Gossip { missing, groundless } = compare(&expected);
        assert!(missing.is_empty() && groundless.is_empty(), "{missing:?} {groundless:?}");
        expected.heard.push(((1, 11), told(Step::Released, 1)));
        expected.heard.push(((1, 13), told(Step::Requested, 1)));
        let groundless = compare(&expected).groundless;
        assert!(groundless.len() == 2 && groundless[0].starts_with("at 1:11"), "{groundless:?}");
    }
}
