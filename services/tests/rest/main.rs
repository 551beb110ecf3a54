//! The service from outside, on a real MariaDB and a real Kafka: every test has a database and a topic of its own and
//! plays the projector by SQL and by outcomes. `outages` uses librdkafka's mock cluster, whose brokers can be taken down.

mod another_log;
mod bad_input;
mod caching;
mod callers;
mod changes;
mod documents;
mod events;
mod keys;
mod lines;
mod lists;
mod manners;
#[path = "../../../schema/auth/tests/minting/mod.rs"]
mod minting;
mod movements;
mod never_back;
mod outages;
mod outcomes;
mod page;
mod proxy;
mod refusals;
#[path = "../../../schema/kafka/tests/refusing_broker/mod.rs"]
mod refusing_broker;
mod socket;
mod start;
mod traces;
mod waits;
mod world;
mod writes;
