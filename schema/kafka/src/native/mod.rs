//! What rdkafka's safe API lacks, by FFI: the topic id (INV-9), a topic's or a broker's settings from a client that has no background
//! thread of its own for such, headers as raw bytes (the safe call panics on a header name that is not UTF-8, which any
//! producer can send), what a delivery report says besides its code, what each partition lacks when a look-up of offsets fails, and
//! a token for a client that nobody polls. The only folder
//! with unsafe code. Each function frees what librdkafka handed over, checks every pointer, and lets none of them out.

#![expect(unsafe_code, reason = "librdkafka's C API; see the head of this file")]

mod call;
#[cfg(test)]
mod codes;
mod messages;
mod offsets;
mod token;
mod topics;

pub(crate) use call::NativeFault;
#[cfg(test)]
pub(crate) use codes::known_codes;
pub(crate) use messages::{for_each_header, last_header, persistence, refusal_text, waited};
pub(crate) use offsets::look_up_offsets;
pub(crate) use token::set_token;
pub(crate) use topics::{Described, SettingsOf, describe_topic, settings};
