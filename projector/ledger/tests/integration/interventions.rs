//! `ledger pause`, `resume` and `skip` on a real Kafka and a real MariaDB: INV-14, whoever folds, and whatever is swapped.

mod pauses;
mod skips;
mod swaps;

use serde_json::Value;

use crate::setting::{Setting, code, last_line, stderr};

/// What an intervention answers, in the name of ann.
fn answer(setting: &Setting, args: &[&str]) -> Value {
    let output = setting.ledger(&[args, &["--as", "ann", "--output", "json"]].concat());
    assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn check_refused(setting: &Setting, args: &[&str], exit: i32, says: &str) {
    let output = setting.ledger(&[args, &["--as", "ann"]].concat());
    assert_eq!(code(&output), exit, "{args:?}: {}", stderr(&output));
    assert!(stderr(&output).contains(says), "{args:?}: expected {says}\nfound {}", last_line(&output));
}

/// Pauses one partition; gives where it stays, as the command says.
fn paused_at(setting: &Setting, partition: i32) -> i64 {
    let paused = answer(setting, &["pause", &partition.to_string(), "--reason", "a test"]);
    let one = &paused["partitions"][0];
    assert_eq!((&one["partition"], &one["by"], &one["reason"]), (&partition.into(), &"ann".into(), &"a test".into()));
    one["nextOffset"].as_i64().expect("an offset")
}

async fn position(setting: &Setting, partition: i32) -> i64 {
    setting.number(&format!("SELECT next_offset FROM positions WHERE kafka_partition = {partition}")).await
}
