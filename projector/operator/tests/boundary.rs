//! The running service cannot change which tables are live. Its manifest does not list this crate, and neither its sources
//! nor those that it builds on hold a statement that renames, drops or alters a table.

use std::path::{Path, PathBuf};

const PROJECTOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|kind| kind == "rs") {
            found.push(entry);
        }
    }
}

#[test]
fn the_running_service_changes_no_table() {
    let mut found = Vec::new();
    for folder in ["src", "store/src", "../schema/database/src", "../schema/kafka/src"] {
        sources(&Path::new(PROJECTOR).join(folder), &mut found);
    }
    assert!(found.len() > 30, "the sources were not found: {found:?}");
    for file in found {
        // How a table was made may be read.
        let text = std::fs::read_to_string(&file).expect("a source").to_uppercase().replace("SHOW CREATE TABLE", "");
        for statement in ["RENAME TABLE", "DROP TABLE", "ALTER TABLE", "CREATE TABLE", "TRUNCATE TABLE"] {
            assert!(!text.contains(statement), "{} holds {statement}", file.display());
        }
    }
}

#[test]
fn the_running_service_does_not_know_the_operator() {
    for manifest in ["Cargo.toml", "store/Cargo.toml", "fold/Cargo.toml"] {
        let text = std::fs::read_to_string(Path::new(PROJECTOR).join(manifest)).expect("a manifest");
        assert!(!text.contains("ledger-operator"), "{manifest} lists ledger-operator");
    }
}
