//! The generated files: what they are, writing them, and how those that are committed differ.
//!
//! It must never touch a file of `released/`: that is [`crate::released`].

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::contract::{Contract, Topic};
use crate::{asyncapi, text};

/// What a person has to run when they differ.
pub const REGENERATE: &str = "cargo xtask contracts";

/// Path below the folder of contracts, and text.
pub fn generated() -> BTreeMap<String, String> {
    let schemas = Contract::ALL.iter().map(|contract| (contract.path(), text::of(&contract.schema())));
    schemas.chain([(asyncapi::PATH.to_owned(), text::of(&asyncapi::document()))]).collect()
}

/// Those of the kind that are there.
fn committed(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut add = |path: String| -> Result<()> {
        let text = fs::read_to_string(folder.join(&path)).with_context(|| format!("{path} cannot be read"))?;
        found.insert(path, text);
        Ok(())
    };
    if folder.join(asyncapi::PATH).exists() {
        add(asyncapi::PATH.to_owned())?;
    }
    for topic in Topic::ALL {
        let topic = topic.name();
        if !folder.join(topic).exists() {
            continue;
        }
        for entry in fs::read_dir(folder.join(topic))? {
            let name = entry?.file_name();
            let name = name.to_str().with_context(|| format!("a name in {topic} is not UTF-8"))?;
            add(format!("{topic}/{name}"))?;
        }
    }
    Ok(found)
}

/// What of them is not as it would be generated, one line each.
///
/// # Errors
/// When a file cannot be read.
pub fn differences(folder: &Path) -> Result<Vec<String>> {
    let (generated, committed) = (generated(), committed(folder)?);
    let mut differences = Vec::new();
    for (path, text) in &generated {
        match committed.get(path) {
            None => differences.push(format!("{path} is missing")),
            Some(found) if found != text => {
                let line = text.lines().zip(found.lines()).take_while(|(wanted, found)| wanted == found).count() + 1;
                differences.push(format!("{path} differs from line {line} on"));
            }
            Some(_) => {}
        }
    }
    differences.extend(
        committed
            .keys()
            .filter(|path| !generated.contains_key(*path))
            .map(|path| format!("{path} is of no type that the code writes")),
    );
    Ok(differences)
}

/// Writes those that differ, removes those that nothing writes any more, and names both.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path) -> Result<Vec<String>> {
    let (generated, committed) = (generated(), committed(folder)?);
    let mut changed = Vec::new();
    for (path, text) in &generated {
        if committed.get(path) == Some(text) {
            continue;
        }
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file, text).with_context(|| format!("{path} cannot be written"))?;
        changed.push(format!("{path} written"));
    }
    for path in committed.keys().filter(|path| !generated.contains_key(*path)) {
        fs::remove_file(folder.join(path)).with_context(|| format!("{path} cannot be removed"))?;
        changed.push(format!("{path} removed"));
    }
    Ok(changed)
}
