//! Who may do what: every route, each role, each way in which a credential can be wrong; and limits that one client cannot break for others.

mod browsers;
mod door;
mod matrix;
mod own;
mod rates;
mod silence;
mod world;
