//! A piece of a bundle: its name and its text, or why there is none.

use serde::Serialize;

use super::scrub::Scrubber;

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    file: &'static str,
    text: Result<String, String>,
}

impl Piece {
    pub(super) fn text(file: &'static str, text: Result<String, String>) -> Self {
        Self { file, text }
    }

    pub(super) fn json(file: &'static str, value: Result<impl Serialize, String>) -> Self {
        let text = |value| serde_json::to_string_pretty(&value).map_err(|error| error.to_string());
        Self { file, text: value.and_then(text) }
    }

    /// Its name within the folder. One that could not be had says so by its name.
    pub(super) fn name(&self) -> String {
        match self.text {
            Ok(_) => self.file.to_owned(),
            Err(_) => format!("{}.failed.txt", self.file),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.text {
            Ok(text) | Err(text) => text.as_bytes(),
        }
    }

    pub(super) fn scrub(&mut self, scrubber: &Scrubber) {
        let text = match &mut self.text {
            Ok(text) | Err(text) => text,
        };
        *text = scrubber.scrubbed(text);
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
}
