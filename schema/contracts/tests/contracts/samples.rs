//! The golden samples: each fits its schema and every released revision of it, and the newest reader and writer still read and write it
//! byte for byte.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ledger_contracts::{Contract, Topic, released, samples};
use ledger_schema::ParkReason;
use ledger_schema::wire::{Outcome, OutcomeError, decode, encode};
use serde_json::Value;

use crate::validator::{Validator, fits};

#[test]
fn every_sample_is_known_and_every_type_has_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden");
    let files: BTreeSet<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let known: BTreeSet<String> = samples::ALL.iter().map(|sample| sample.file.to_owned()).collect();
    assert_eq!(files, known, "a sample of golden/ and samples.rs");
    for contract in Contract::ALL {
        assert!(samples::of(*contract).count() > 0, "{} has no golden sample", contract.title());
    }
}

/// Backward: what was ever written is read. Forward: what it says is written as the same type and version, so that whoever reads that
/// one can go on reading it.
#[test]
fn what_was_written_is_read_and_would_be_written_again_as_it_was() {
    for sample in samples::ALL {
        fits(sample.contract, sample.json.as_bytes());
        let (contract, written) = match sample.contract.topic() {
            Topic::Orders => {
                let event = decode(Some(sample.json.as_bytes())).unwrap();
                (Contract::of_event(&event), encode(&event))
            }
            Topic::Outcomes => {
                let outcome = Outcome::decode(sample.json.as_bytes()).unwrap();
                (Contract::of_outcome(&outcome), outcome.encode())
            }
        };
        assert_eq!(contract, sample.contract, "{}", sample.file);
        assert_eq!(String::from_utf8(written).unwrap(), sample.json, "{}", sample.file);
    }
}

#[test]
fn every_sample_fits_every_revision_that_was_released() {
    let history = released::read(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert!(!history.is_empty());
    for (contract, revisions) in history {
        for (revision, schema) in revisions {
            let validator = Validator::of([(contract, schema)]);
            for sample in samples::of(contract) {
                let value: Value = serde_json::from_str(sample.json).unwrap();
                if let Err(error) = validator.against(contract, &value) {
                    panic!("{} does not fit revision {revision} of {}: {error}", sample.file, contract.title());
                }
            }
        }
    }
}

/// The two versions differ by a member that may be left out: but for the number, each one's reader reads the other's records.
#[test]
fn versions_1_and_2_of_an_order_differ_by_the_channel_alone() {
    let (one, two) = (Contract::OrderPlacedV1, Contract::OrderPlacedV2);
    for (sample, reader) in [(one, two), (two, one)] {
        for sample in samples::of(sample) {
            let mut value: Value = serde_json::from_str(sample.json).unwrap();
            value["version"] = reader.version().into();
            fits(reader, value.to_string().as_bytes());
            assert!(decode(Some(value.to_string().as_bytes())).is_ok());
        }
    }
    let members = |contract: Contract| -> BTreeSet<String> {
        contract.schema()["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let (older, newer) = (members(one), members(two));
    assert_eq!(newer.difference(&older).collect::<Vec<_>>(), ["channel"]);
    assert!(older.is_subset(&newer));
    assert_eq!(one.schema()["required"], two.schema()["required"]);
}

/// A version that the reader knows has a schema, and the other way round.
#[test]
fn the_readers_know_what_has_a_schema_and_nothing_else() {
    let types: BTreeSet<(Topic, &str)> =
        Contract::ALL.iter().map(|contract| (contract.topic(), contract.event_type())).collect();
    for (topic, event_type) in types {
        for version in 0..20 {
            let value = serde_json::json!({"type": event_type, "version": version});
            let text = value.to_string();
            let is_known = match topic {
                Topic::Orders => decode(Some(text.as_bytes())).unwrap_err().reason != ParkReason::UnknownVersion,
                Topic::Outcomes => {
                    !matches!(Outcome::decode(text.as_bytes()).unwrap_err(), OutcomeError::UnknownVersion { .. })
                }
            };
            assert_eq!(Contract::of_value(topic, &value).is_some(), is_known, "{text}");
        }
    }
}
