//! What rdkafka's safe API lacks, by FFI: the topic id (INV-9), headers as raw bytes (the safe call panics on a
//! header name that is not UTF-8, which any producer can send), and offsets of a chosen isolation level. The only file with unsafe code. Each function frees what
//! librdkafka handed over, checks every pointer, and lets none of them out.

#![expect(unsafe_code, reason = "librdkafka's C API; see the head of this file")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};

/// What stands for the text of an error that has none.
const NO_TEXT: &str = "an error without a text";

/// A pointer that is destroyed with its scope.
struct Owned<T> {
    pointer: *mut T,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T), what: &str) -> Result<Self, String> {
        if pointer.is_null() { Err(format!("librdkafka gave no {what}")) } else { Ok(Self { pointer, destroy }) }
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer is not null, was handed to us to destroy, and is destroyed once.
        unsafe { (self.destroy)(self.pointer) }
    }
}

/// Copies a C string.
///
/// # Safety
/// `text` is null or points to a NUL-terminated string that lives during the call.
unsafe fn copied(text: *const c_char) -> Option<String> {
    // SAFETY: not null, and the caller vouches for the rest.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// The topic's id, base64 as Kafka's tools print it. Blocks up to `timeout`.
///
/// # Errors
/// What the broker or the client says is wrong.
pub(crate) fn topic_id<C: ClientContext>(client: &Client<C>, topic: &str, timeout: Duration) -> Result<String, String> {
    let handle = client.native_ptr();
    let name = CString::new(topic).map_err(|_| "the topic name holds a NUL".to_owned())?;
    let mut names = [name.as_ptr()];
    // A longer time than the call can express is as long as it can express.
    let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: `handle` lives as long as `client`; `names` holds one valid C string and outlives the call, which copies
    // it; every result is checked for null and destroyed by `Owned`, the queue last.
    unsafe {
        let queue = Owned::new(c::rd_kafka_queue_new(handle), c::rd_kafka_queue_destroy, "queue")?;
        let topics = c::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let topics = Owned::new(topics, c::rd_kafka_TopicCollection_destroy, "topic collection")?;
        let api = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = c::rd_kafka_AdminOptions_new(handle, api);
        let options = Owned::new(options, c::rd_kafka_AdminOptions_destroy, "options")?;
        // A timeout that the library refuses would leave its default of a minute; the poll below is bounded all the same.
        c::rd_kafka_AdminOptions_set_request_timeout(options.pointer, timeout_ms, ptr::null_mut(), 0);
        c::rd_kafka_DescribeTopics(handle, topics.pointer, options.pointer, queue.pointer);
        let event = c::rd_kafka_queue_poll(queue.pointer, timeout_ms.saturating_add(1000));
        let event = Owned::new(event, c::rd_kafka_event_destroy, "answer in time")?;
        id_of_event(event.pointer)
    }
}

/// Reads the id out of the answer to DescribeTopics.
///
/// # Safety
/// `event` is a live event, not null.
unsafe fn id_of_event(event: *mut c::rd_kafka_event_t) -> Result<String, String> {
    // SAFETY: the caller vouches for `event`; what is borrowed from it here is used only while it lives.
    unsafe {
        if c::rd_kafka_event_error(event) != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(copied(c::rd_kafka_event_error_string(event)).unwrap_or_else(|| NO_TEXT.to_owned()));
        }
        let result = c::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err("the answer is not about topics".to_owned());
        }
        let mut count = 0;
        let descriptions = c::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if descriptions.is_null() || count != 1 || (*descriptions).is_null() {
            return Err(format!("expected one topic in the answer, found {count}"));
        }
        let description = *descriptions;
        let error = c::rd_kafka_TopicDescription_error(description);
        if !error.is_null() && c::rd_kafka_error_code(error) != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(copied(c::rd_kafka_error_string(error)).unwrap_or_else(|| NO_TEXT.to_owned()));
        }
        let id = c::rd_kafka_TopicDescription_topic_id(description);
        if id.is_null() {
            return Err("the broker reports no topic id".to_owned());
        }
        copied(c::rd_kafka_Uuid_base64str(id)).ok_or_else(|| "the topic id cannot be printed".to_owned())
    }
}

/// Calls `each` with name and value of every header, in order.
pub(crate) fn for_each_header(message: &BorrowedMessage<'_>, mut each: impl FnMut(&[u8], Option<&[u8]>)) {
    let mut headers = ptr::null_mut();
    // SAFETY: the message lives during this function, and owns headers, names and values; nothing of them is kept.
    unsafe {
        if c::rd_kafka_message_headers(message.ptr(), &raw mut headers)
            != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return;
        }
        for index in 0.. {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            let found = c::rd_kafka_header_get_all(headers, index, &raw mut name, &raw mut value, &raw mut size);
            if found != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
                return;
            }
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
            each(CStr::from_ptr(name).to_bytes(), value);
        }
    }
}

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
) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let mut asked = TopicPartitionList::with_capacity(partitions.len());
    let offset = if bound == Bound::First { Offset::Beginning } else { Offset::End };
    for partition in partitions {
        asked.add_partition_offset(topic, *partition, offset)?;
    }
    let handle = client.native_ptr();
    // A longer time than the call can express is as long as it can express.
    let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: `handle` lives as long as `client`, and `asked` during the call, which copies it; every result is checked for null and
    // destroyed by `Owned`, the queue last. An error that a setter hands over is destroyed at once.
    unsafe {
        let queue = Owned::new(c::rd_kafka_queue_new(handle), c::rd_kafka_queue_destroy, "queue").map_err(no_client)?;
        let options = c::rd_kafka_AdminOptions_new(handle, c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS);
        let options = Owned::new(options, c::rd_kafka_AdminOptions_destroy, "options").map_err(no_client)?;
        c::rd_kafka_AdminOptions_set_request_timeout(options.pointer, timeout_ms, ptr::null_mut(), 0);
        if bound == Bound::LastStable {
            let committed = c::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED;
            let refused = c::rd_kafka_AdminOptions_set_isolation_level(options.pointer, committed);
            if !refused.is_null() {
                let code = RDKafkaErrorCode::from(c::rd_kafka_error_code(refused));
                c::rd_kafka_error_destroy(refused);
                return Err(KafkaError::AdminOp(code));
            }
        }
        c::rd_kafka_ListOffsets(handle, asked.ptr(), options.pointer, queue.pointer);
        let event = c::rd_kafka_queue_poll(queue.pointer, timeout_ms.saturating_add(1000));
        let event = Owned::new(event, c::rd_kafka_event_destroy, "answer in time")
            .map_err(|_| KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut))?;
        offsets_of_event(event.pointer, partitions.len())
    }
}

fn no_client(what: String) -> KafkaError {
    KafkaError::ClientCreation(what)
}

/// Reads the offsets out of the answer to ListOffsets.
///
/// # Safety
/// `event` is a live event, not null.
unsafe fn offsets_of_event(event: *mut c::rd_kafka_event_t, expected: usize) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let failed = |code: c::rd_kafka_resp_err_t| KafkaError::MetadataFetch(RDKafkaErrorCode::from(code));
    // SAFETY: the caller vouches for `event`; what is borrowed from it here is used only while it lives, and each pointer is checked.
    unsafe {
        let code = c::rd_kafka_event_error(event);
        if code != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(failed(code));
        }
        let result = c::rd_kafka_event_ListOffsets_result(event);
        let mut count = 0;
        let infos = if result.is_null() {
            ptr::null_mut()
        } else {
            c::rd_kafka_ListOffsets_result_infos(result, &raw mut count)
        };
        let mut offsets = BTreeMap::new();
        for index in 0..if infos.is_null() { 0 } else { count } {
            let info = *infos.add(index);
            let found =
                if info.is_null() { ptr::null() } else { c::rd_kafka_ListOffsetsResultInfo_topic_partition(info) };
            if found.is_null() {
                continue;
            }
            let code = (*found).err;
            if code != c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(failed(code));
            }
            offsets.insert((*found).partition, (*found).offset);
        }
        // A partition that nobody answered for has no offset: not an answer, then.
        if offsets.len() != expected || offsets.values().any(|offset| *offset < 0) {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::LeaderNotAvailable));
        }
        Ok(offsets)
    }
}
