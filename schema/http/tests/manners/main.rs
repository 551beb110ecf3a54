//! What clients do to a connection, and what they get: over real sockets, with a router of the test's own. Needs no server.

mod bodies;
mod refusals;
mod rotation;
mod slow;
mod tls;
mod world;
