//! The auditor against stories whose end everybody can work out: it must find nothing where all is right, and every fault that is put in.
//!
//! They must never use the system's code, either.

mod faults;
mod golden;
mod stories;
mod world;
