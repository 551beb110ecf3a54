//! What the end-to-end tests stand on: a whole ledger of their own on the test servers ([`ledger`]), a client that
//! speaks its REST ([`client`]), how one waits until everything is done ([`rest`]), and an auditor that checks the result ([`auditor`]).
//!
//! It must never use `ledger-fold` or `ledger-schema`: it looks at the system from outside, and its auditor decides
//! by itself what is right.

pub mod auditor;
pub mod client;
pub mod ledger;
pub mod rest;
