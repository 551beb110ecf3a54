//! The schemas that were released, in `released/TOPIC/TYPE.vN.rM.json`: revision M of that type and version. They are history, never
//! edited and never removed, since data and readers in the world follow them.
//!
//! It must never take a revision back. What may change, and how that is decided: [`crate::compare`].

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::compare::{forbidden, without_annotations};
use crate::contract::{Contract, Topic};
use crate::text;

const FOLDER: &str = "released";

/// Revisions of each contract, ascending.
pub type History = BTreeMap<Contract, Vec<(u32, Value)>>;

/// Reads them.
///
/// # Errors
/// When a file is not JSON, or no contract has its name: a type that was released has a schema for ever.
pub fn read(folder: &Path) -> Result<History> {
    let mut history = History::new();
    for topic in Topic::ALL {
        let folder = folder.join(FOLDER).join(topic.name());
        if !folder.exists() {
            continue;
        }
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            let name = name.to_str().context("a name of a released schema is not UTF-8")?;
            let (contract, revision) = named(topic, name)?;
            let schema = fs::read_to_string(folder.join(name))?;
            let schema = serde_json::from_str(&schema).with_context(|| format!("{name} is not JSON"))?;
            history.entry(contract).or_default().push((revision, schema));
        }
    }
    for (contract, revisions) in &mut history {
        revisions.sort_by_key(|(revision, _)| *revision);
        let numbers = revisions.iter().map(|(revision, _)| *revision);
        ensure!(numbers.eq(1..=u32::try_from(revisions.len())?), "revisions of {} are missing", contract.title());
    }
    Ok(history)
}

/// `order_placed.v1.r2.json`.
fn named(topic: Topic, name: &str) -> Result<(Contract, u32)> {
    let parts = name.strip_suffix(".json").and_then(|name| name.rsplit_once(".r"));
    let Some((stem, Ok(revision))) = parts.map(|(stem, revision)| (stem, revision.parse())) else {
        bail!("{name} is not TYPE.vVERSION.rREVISION.json");
    };
    let mut contracts = Contract::ALL.iter().filter(|contract| contract.topic() == topic);
    let contract = contracts.find(|contract| contract.file_stem() == stem);
    let contract = contract
        .with_context(|| format!("{stem} was released on {}, and no type has its schema any more", topic.name()))?;
    Ok((*contract, revision))
}

/// What `now` gives must not break what was released: one line for each member that does.
pub fn problems(history: &History, now: impl Fn(Contract) -> Value) -> Vec<String> {
    let mut problems = Vec::new();
    for (contract, revisions) in history {
        let compatibility = contract.topic().compatibility();
        let newer = now(*contract);
        for (revision, older) in revisions {
            for difference in forbidden(older, &newer, compatibility) {
                problems.push(format!(
                    "{} (revision {revision}, {}): {difference}",
                    contract.title(),
                    compatibility.name()
                ));
            }
        }
    }
    problems
}

/// Adds a revision of each contract that has none, or whose last one takes something else than it does now, and names them.
///
/// # Errors
/// When it would break what was released, or a file cannot be written.
pub fn release(folder: &Path) -> Result<Vec<String>> {
    let history = read(folder)?;
    let problems = problems(&history, Contract::schema);
    ensure!(problems.is_empty(), "this is another type, and needs another version:\n{}", problems.join("\n"));
    let mut added = Vec::new();
    for contract in Contract::ALL {
        let schema = contract.schema();
        let revisions = history.get(contract).map_or(&[][..], Vec::as_slice);
        let same = |(_, last): &(u32, Value)| without_annotations(Some(last)) == without_annotations(Some(&schema));
        if revisions.last().is_some_and(same) {
            continue;
        }
        let name = format!("{}/{}.r{}.json", contract.topic().name(), contract.file_stem(), revisions.len() + 1);
        let path = folder.join(FOLDER).join(&name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&path, text::of(&schema)).with_context(|| format!("{name} cannot be written"))?;
        added.push(format!("{FOLDER}/{name} released"));
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_type_version_and_revision() {
        assert_eq!(named(Topic::Orders, "order_placed.v3.r12.json").expect("a name"), (Contract::OrderPlacedV3, 12));
        assert_eq!(named(Topic::Outcomes, "stock_changed.v2.r1.json").expect("a name"), (Contract::StockChangedV2, 1));
        for (name, why) in [
            ("order_placed.v3.json", "is not TYPE.vVERSION.rREVISION.json"),
            ("order_eaten.v1.r1.json", "order_eaten.v1 was released on orders, and no type has its schema any more"),
        ] {
            let error = named(Topic::Orders, name).expect_err(name).to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    /// By hand on the real ones: what a person would do, and what the test then says.
    #[test]
    fn a_released_type_that_is_changed_is_named_with_the_member() {
        let history: History =
            [Contract::OrderPlacedV1, Contract::OrderPlacedV3, Contract::LineDecidedV1, Contract::OrderCancelledV1]
                .map(|contract| (contract, vec![(1, contract.schema())]))
                .into();
        assert_eq!(problems(&history, Contract::schema), [] as [String; 0]);
        let changed = problems(&history, |contract| {
            let mut schema = contract.schema();
            let properties = schema["properties"].as_object_mut().expect("members");
            match contract {
                Contract::OrderPlacedV1 => {
                    let user = properties.remove("user_id").expect("it is there");
                    properties.insert("customer_id".to_owned(), user);
                }
                Contract::OrderPlacedV3 => properties["lines"]["items"]["properties"]["quantity"]["maximum"] = 5.into(),
                Contract::LineDecidedV1 => drop(properties["status"]["enum"].as_array_mut().expect("words").pop()),
                _ => properties["reason"]["enum"].as_array_mut().expect("words").push("melted".into()),
            }
            schema
        });
        assert_eq!(
            changed,
            [
                "OrderPlaced version 1 (revision 1, FULL_TRANSITIVE): user_id: is gone (older readers refuse what is written now)",
                "OrderPlaced version 3 (revision 1, FULL_TRANSITIVE): lines[].quantity: `maximum` was 1000000000, is 5 (what was written is refused)",
                "LineDecided version 1 (revision 1, FULL_TRANSITIVE): status: `enum` lost \"rejected\" (what was written is refused)",
            ],
            "and a word more is nothing that BACKWARD_TRANSITIVE forbids"
        );
    }
}
