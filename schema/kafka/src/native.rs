//! What rdkafka's safe API lacks, by FFI: the topic id (INV-9), a topic's settings from a client that has no background
//! thread of its own for such, headers as raw bytes (the safe call panics on a header name that is not UTF-8, which any
//! producer can send), what a delivery report says besides its code, and offsets of a chosen isolation level. The only file with unsafe code. Each function frees
//! what librdkafka handed over, checks every pointer, and lets none of them out.

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

use crate::faults::Persistence;

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

/// Why a question had no answer.
#[derive(Debug)]
pub(crate) struct NativeFault {
    /// The broker's or the client's, where it is about one.
    pub(crate) code: Option<RDKafkaErrorCode>,
    pub(crate) cause: String,
}

impl NativeFault {
    fn text(cause: impl Into<String>) -> Self {
        Self { code: None, cause: cause.into() }
    }

    /// `None` where the code says that nothing is wrong.
    ///
    /// # Safety
    /// As of [`copied`].
    unsafe fn of(code: c::rd_kafka_resp_err_t, text: *const c_char) -> Option<Self> {
        if code == c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return None;
        }
        // SAFETY: the caller vouches for `text`.
        let cause = unsafe { copied(text) }.unwrap_or_else(|| NO_TEXT.to_owned());
        Some(Self { code: Some(RDKafkaErrorCode::from(code)), cause })
    }
}

impl From<String> for NativeFault {
    fn from(cause: String) -> Self {
        Self::text(cause)
    }
}

/// A topic as DescribeTopics answers.
pub(crate) struct Described {
    /// Base64, as Kafka's tools print it.
    pub(crate) topic_id: String,
    pub(crate) partition_count: usize,
}

/// The answer to a question to the cluster, which is destroyed before the queue that it came by: fields are dropped in
/// their order.
struct Answer {
    event: Owned<c::rd_kafka_event_t>,
    _queue: Owned<c::rd_kafka_queue_t>,
}

/// Asks by `send` and waits up to `timeout`.
///
/// # Safety
/// `handle` lives during the call, and `send` is the sound call of one of librdkafka's administrative questions, of kind `api`.
unsafe fn answer(
    handle: *mut c::rd_kafka_t,
    api: c::rd_kafka_admin_op_t,
    timeout: Duration,
    send: impl FnOnce(*mut c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
) -> Result<Answer, NativeFault> {
    // A longer time than the call can express is as long as it can express.
    let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: `handle` lives, every result is checked for null and destroyed by `Owned`, the queue last.
    unsafe {
        let queue = Owned::new(c::rd_kafka_queue_new(handle), c::rd_kafka_queue_destroy, "queue")?;
        let options = c::rd_kafka_AdminOptions_new(handle, api);
        let options = Owned::new(options, c::rd_kafka_AdminOptions_destroy, "options")?;
        // A timeout that the library refuses would leave its default of a minute; the poll below is bounded all the same.
        c::rd_kafka_AdminOptions_set_request_timeout(options.pointer, timeout_ms, ptr::null_mut(), 0);
        send(options.pointer, queue.pointer);
        let event = c::rd_kafka_queue_poll(queue.pointer, timeout_ms.saturating_add(1000));
        if event.is_null() {
            let (code, cause) = (Some(RDKafkaErrorCode::OperationTimedOut), "no answer in time".to_owned());
            return Err(NativeFault { code, cause });
        }
        let event = Owned::new(event, c::rd_kafka_event_destroy, "answer")?;
        let failed =
            NativeFault::of(c::rd_kafka_event_error(event.pointer), c::rd_kafka_event_error_string(event.pointer));
        failed.map_or(Ok(Answer { event, _queue: queue }), Err)
    }
}

/// What the cluster says of `topic`. Blocks up to `timeout`.
///
/// # Errors
/// What the broker or the client says is wrong.
pub(crate) fn describe_topic<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Described, NativeFault> {
    let handle = client.native_ptr();
    let name = CString::new(topic).map_err(|_| NativeFault::text("the topic name holds a NUL"))?;
    let mut names = [name.as_ptr()];
    // SAFETY: `handle` lives as long as `client`; `names` holds one valid C string and outlives the call, which copies
    // it; the answer lives while it is read.
    unsafe {
        let topics = c::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let topics = Owned::new(topics, c::rd_kafka_TopicCollection_destroy, "topic collection")?;
        let api = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let answer = answer(handle, api, timeout, |options, queue| {
            c::rd_kafka_DescribeTopics(handle, topics.pointer, options, queue);
        })?;
        description_of(answer.event.pointer)
    }
}

/// Reads the answer to DescribeTopics.
///
/// # Safety
/// `event` is a live event, not null.
unsafe fn description_of(event: *mut c::rd_kafka_event_t) -> Result<Described, NativeFault> {
    // SAFETY: the caller vouches for `event`; what is borrowed from it here is used only while it lives.
    unsafe {
        let result = c::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(NativeFault::text("the answer is not about topics"));
        }
        let mut count = 0;
        let descriptions = c::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if descriptions.is_null() || count != 1 || (*descriptions).is_null() {
            return Err(NativeFault::text(format!("expected one topic in the answer, found {count}")));
        }
        let description = *descriptions;
        let error = c::rd_kafka_TopicDescription_error(description);
        if !error.is_null()
            && let Some(fault) = NativeFault::of(c::rd_kafka_error_code(error), c::rd_kafka_error_string(error))
        {
            return Err(fault);
        }
        let id = c::rd_kafka_TopicDescription_topic_id(description);
        if id.is_null() {
            return Err(NativeFault::text("the broker reports no topic id"));
        }
        let topic_id = copied(c::rd_kafka_Uuid_base64str(id));
        let topic_id = topic_id.ok_or_else(|| NativeFault::text("the topic id cannot be printed"))?;
        let mut partition_count = 0;
        c::rd_kafka_TopicDescription_partitions(description, &raw mut partition_count);
        Ok(Described { topic_id, partition_count })
    }
}

/// Name and value of each setting of `topic`, defaults among them. Blocks up to `timeout`.
///
/// # Errors
/// What the broker or the client says is wrong.
pub(crate) fn topic_settings<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Vec<(String, String)>, NativeFault> {
    let handle = client.native_ptr();
    let name = CString::new(topic).map_err(|_| NativeFault::text("the topic name holds a NUL"))?;
    // SAFETY: `handle` lives as long as `client`; `name` is a valid C string and outlives the call, which copies it; the
    // answer lives while it is read.
    unsafe {
        let kind = c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
        let resource = c::rd_kafka_ConfigResource_new(kind, name.as_ptr());
        let resource = Owned::new(resource, c::rd_kafka_ConfigResource_destroy, "resource")?;
        let mut resources = [resource.pointer];
        let api = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
        let answer = answer(handle, api, timeout, |options, queue| {
            c::rd_kafka_DescribeConfigs(handle, resources.as_mut_ptr(), resources.len(), options, queue);
        })?;
        settings_of(answer.event.pointer)
    }
}

/// Reads the answer to DescribeConfigs.
///
/// # Safety
/// `event` is a live event, not null.
unsafe fn settings_of(event: *mut c::rd_kafka_event_t) -> Result<Vec<(String, String)>, NativeFault> {
    // SAFETY: the caller vouches for `event`; what is borrowed from it here is used only while it lives.
    unsafe {
        let result = c::rd_kafka_event_DescribeConfigs_result(event);
        if result.is_null() {
            return Err(NativeFault::text("the answer is not about settings"));
        }
        let mut count = 0;
        let resources = c::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
        if resources.is_null() || count != 1 || (*resources).is_null() {
            return Err(NativeFault::text(format!("expected one topic in the answer, found {count}")));
        }
        let resource = *resources;
        let (code, text) =
            (c::rd_kafka_ConfigResource_error(resource), c::rd_kafka_ConfigResource_error_string(resource));
        if let Some(fault) = NativeFault::of(code, text) {
            return Err(fault);
        }
        let mut count = 0;
        let entries = c::rd_kafka_ConfigResource_configs(resource, &raw mut count);
        if entries.is_null() {
            return Err(NativeFault::text("the answer holds no settings"));
        }
        let mut settings = Vec::with_capacity(count);
        for entry in std::slice::from_raw_parts(entries, count) {
            let (name, value) = (c::rd_kafka_ConfigEntry_name(*entry), c::rd_kafka_ConfigEntry_value(*entry));
            if let (Some(name), Some(value)) = (copied(name), copied(value)) {
                settings.push((name, value));
            }
        }
        Ok(settings)
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

/// Whether a record whose delivery is reported may have been written, by any of its attempts that the client doubts.
pub(crate) fn persistence(message: &BorrowedMessage<'_>) -> Persistence {
    // SAFETY: the message lives during the call, which only reads it.
    match unsafe { c::rd_kafka_message_status(message.ptr()) } {
        c::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_NOT_PERSISTED => Persistence::No,
        c::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_POSSIBLY_PERSISTED => Persistence::Possible,
        c::rd_kafka_msg_status_t::RD_KAFKA_MSG_STATUS_PERSISTED => Persistence::Yes,
    }
}

/// How long ago a record whose delivery is reported was queued; as long as can be when the client does not know.
pub(crate) fn waited(message: &BorrowedMessage<'_>) -> Duration {
    // SAFETY: the message lives during the call, which only reads it.
    let micros = unsafe { c::rd_kafka_message_latency(message.ptr()) };
    u64::try_from(micros).map_or(Duration::MAX, Duration::from_micros)
}

/// The broker's own words about a record that it refused, if it gave any.
pub(crate) fn refusal_text(message: &BorrowedMessage<'_>) -> Option<String> {
    // SAFETY: the message lives during the call; the text is copied.
    unsafe { copied(c::rd_kafka_message_produce_errstr(message.ptr())) }
}

/// Every error code that librdkafka has a text for.
#[cfg(test)]
pub(crate) fn known_codes() -> Vec<RDKafkaErrorCode> {
    let (mut descriptions, mut count) = (ptr::null(), 0);
    // SAFETY: the list is static; entries between the codes are zeroed, which is a code, too.
    let descriptions = unsafe {
        c::rd_kafka_get_err_descs(&raw mut descriptions, &raw mut count);
        std::slice::from_raw_parts(descriptions, count)
    };
    let with_text = descriptions.iter().filter(|description| !description.desc.is_null());
    with_text.map(|description| RDKafkaErrorCode::from(description.code)).collect()
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
