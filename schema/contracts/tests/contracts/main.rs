//! The contract of the topics against the code: what is committed is what is generated, every sample and every event that is made up
//! fits its schema, what the decoder refuses the schema refuses, and what was released still holds.
#![expect(clippy::unwrap_used, reason = "a test says where it failed by panicking there")]

mod agreement;
mod committed;
mod made_up;
mod outcomes;
mod samples;
mod validator;
