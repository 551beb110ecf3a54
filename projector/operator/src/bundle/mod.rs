//! One file for a bug report: what a doctor finds, the status, the settings, versions, topics, sizes of tables, and what services and projector say of
//! themselves. It only reads.
//!
//! It must never hold a secret, nor what anybody ordered: settings are masked where they are shown, no row of an order is read, and what is known to be a
//! secret is taken out of every text once more before it is written ([`scrub`]). What cannot be had is a text that says why, and keeps nothing else out.
//!
//! Reading order: [`pieces`] (what stands in it), [`gather`] and `tables` (where that comes from), [`scrub`], [`archive`] (how it is written).

mod archive;
mod gather;
mod pieces;
mod scrub;
mod tables;

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

pub use archive::ArchiveError;

use archive::Reserved;
use scrub::Scrubber;

use crate::doctor;
use crate::output::Report;

/// What is put together, and where.
#[derive(Debug)]
pub struct Options {
    pub look: doctor::Options,
    /// The settings as `ledger config show` prints them.
    pub settings: Value,
    /// What must not stand in it, wherever it comes from.
    pub secrets: Vec<String>,
    /// `None`: a name with the time, in the working directory.
    pub file: Option<PathBuf>,
    /// Whether a file that is there is replaced.
    pub force: bool,
}

/// A bundle that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundled {
    pub file: PathBuf,
    pub bytes: u64,
    /// By name within the folder; those that could not be had end with `.failed.txt`.
    pub pieces: Vec<String>,
}

/// Writes a bundle. The place is taken before anybody is asked.
///
/// # Errors
/// [`ArchiveError`], with nothing left behind.
pub async fn run(options: Options) -> Result<Bundled, ArchiveError> {
    let at = Utc::now();
    let name = name_of(at);
    let file = options.file.unwrap_or_else(|| PathBuf::from(format!("{name}.tar")));
    let reserved = Reserved::take(&file, options.force)?;
    let scrubber = Scrubber::new(options.secrets.into_iter().chain(scrub::secrets_of(&options.look)));
    let mut pieces = gather::all(&options.look, options.settings, at).await;
    pieces.iter_mut().for_each(|piece| piece.scrub(&scrubber));
    let names = pieces.iter().map(pieces::Piece::name).collect();
    let bytes = reserved.write(&name, at, &pieces)?;
    Ok(Bundled { file, bytes, pieces: names })
}

/// The folder within it, and the file where no other is asked for. Without colons, which other systems do not take.
fn name_of(at: DateTime<Utc>) -> String {
    format!("ledger-debug-{}", at.format("%Y-%m-%dT%H-%M-%SZ"))
}

impl Report for Bundled {
    fn header(&self) -> Vec<&'static str> {
        vec!["holds"]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.pieces.iter().map(|piece| vec![piece.clone()]).collect()
    }

    fn summary(&self) -> Option<String> {
        let Self { file, bytes, .. } = self;
        Some(format!(
            "{} ({bytes} bytes) is written: no secrets and no orders are in it; look into it before you send it (tar -xOf)",
            file.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_has_the_time() {
        let at = DateTime::parse_from_rfc3339("2026-11-29T00:24:30.9Z").expect("a time").to_utc();
        assert_eq!(name_of(at), "ledger-debug-2026-11-29T00-24-30Z");
    }
}
