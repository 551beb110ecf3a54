//! Tokens of every kind at the gate, and keys that are rotated in a file and at a URL. No server but the small one of the test.

#[path = "../minting/mod.rs"]
mod minting;
mod rotation;
mod settings;
mod verdicts;
mod world;
