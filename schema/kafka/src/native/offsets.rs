//! First offset, last stable offset and high watermark of several partitions at the price of one.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::call::{NativeFault, answer};

/// Which offset of a partition [`list_offsets`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    First,
    LastStable,
    HighWatermark,
}

/// The offset of each of `partitions`, in one request per leader. (The client's own call asks partition by partition, and knows only
/// the isolation level that the client was made with.) Blocks up to `timeout`.
///
/// # Errors
/// The first that a broker or the client reports; it is not asked again.
pub(crate) fn list_offsets<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    partitions: &[i32],
    bound: Bound,
    timeout: Duration,
) -> Result<BTreeMap<i32, i64>, NativeFault> {
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    let offset = if bound == Bound::First { Offset::Beginning } else { Offset::End };
    for partition in partitions {
        let added = asked.add_partition_offset(topic, *partition, offset);
        added.map_err(|error| NativeFault::text(error.to_string()))?;
    }
    let handle = client.native_ptr();
    // SAFETY: `handle` lives as long as `client`, and `asked` during the call, which copies it; an error that the setter hands
    // over is destroyed at once; the answer lives while it is read.
    unsafe {
        let api = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS;
        let answer = answer(handle, api, timeout, |options, queue| {
            if bound == Bound::LastStable {
                let committed = c::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED;
                let refused = c::rd_kafka_AdminOptions_set_isolation_level(options, committed);
                if !refused.is_null() {
                    let (code, text) = (c::rd_kafka_error_code(refused), c::rd_kafka_error_string(refused));
                    let fault = NativeFault::of(code, text);
                    c::rd_kafka_error_destroy(refused);
                    return Err(fault.unwrap_or_else(|| NativeFault::text("the isolation level is refused")));
                }
            }
            c::rd_kafka_ListOffsets(handle, asked.ptr(), options, queue);
            Ok(())
        })?;
        offsets_of(answer.event.pointer, partitions.len())
    }
}

/// Reads the answer to ListOffsets.
///
/// # Safety
/// `event` is a live event, not null.
unsafe fn offsets_of(event: *mut c::rd_kafka_event_t, expected: usize) -> Result<BTreeMap<i32, i64>, NativeFault> {
    // SAFETY: the caller vouches for `event`; what is borrowed from it here is used only while it lives, and each pointer is checked.
    unsafe {
        let result = c::rd_kafka_event_ListOffsets_result(event);
        if result.is_null() {
            return Err(NativeFault::text("the answer is not about offsets"));
        }
        let mut count = 0;
        let infos = c::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        let mut offsets = BTreeMap::new();
        for index in 0..if infos.is_null() { 0 } else { count } {
            let info = *infos.add(index);
            if info.is_null() {
                continue;
            }
            let found = c::rd_kafka_ListOffsetsResultInfo_topic_partition(info);
            if found.is_null() {
                continue;
            }
            let code = (*found).err;
            if let Some(fault) = NativeFault::of(code, c::rd_kafka_err2str(code)) {
                return Err(fault);
            }
            offsets.insert((*found).partition, (*found).offset);
        }
        // A partition that nobody answered for has no offset: not an answer, then.
        if offsets.len() != expected || offsets.values().any(|offset| *offset < 0) {
            let cause = format!("expected the offsets of {expected} partitions, found {offsets:?}");
            return Err(NativeFault { code: Some(RDKafkaErrorCode::LeaderNotAvailable), cause });
        }
        Ok(offsets)
    }
}
