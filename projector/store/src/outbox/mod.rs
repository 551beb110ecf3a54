//! Everything that one batch of one partition has to publish: [`entry`] (what is published), [`of_batch`] (which entries a
//! batch has), [`format`] (the blob of a row), [`error`].

pub mod entry;
pub mod error;
pub mod format;
pub mod of_batch;

pub use entry::{EntryContent, EntryHeader, OutboxEntry};
pub use error::{OutboxError, OutboxKey};
pub use format::{EncodedEntries, decode_entries, decompress, encode_entries};
pub use of_batch::{encode, told_entry};
