//! Formats of other programs that end up on the log by a setting: recognised, so that the detail of a dead letter says
//! what to change.
//!
//! It must never decide whether a record is accepted: it adds words to a refusal. Next: [`super::members`].

use super::members::{Member, Members};

/// What a record without `type` or `version` is, if it is an envelope that is known.
pub(super) fn envelope(members: &Members<'_>) -> Option<&'static str> {
    let has = |wanted: &[Member]| wanted.iter().all(|member| members.has(*member));
    if has(&[Member::Specversion]) {
        return Some("this is a CloudEvent in structured mode (it has specversion): the value must be its data alone");
    }
    if has(&[Member::Schema, Member::Payload]) {
        return Some(
            "this is an envelope of Kafka Connect (it has schema and payload): the value must be the payload alone \
             (schemas.enable=false)",
        );
    }
    has(&[Member::Op, Member::After])
        .then_some("this is a change event of Debezium (it has op and after): the value must be the row alone")
}
