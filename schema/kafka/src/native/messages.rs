//! What a message tells besides what rdkafka's safe API shows: headers as bytes, and what a delivery report says.

use std::ffi::CStr;
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::message::BorrowedMessage;

use super::call::copied;
use crate::faults::Persistence;

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

/// The value of the last header called `name`; `None` where there is none, or it has no value.
pub(crate) fn last_header<'m>(message: &'m BorrowedMessage<'_>, name: &CStr) -> Option<&'m [u8]> {
    let mut headers = ptr::null_mut();
    let (mut value, mut size) = (ptr::null(), 0);
    // SAFETY: the message owns its headers and their values, and outlives what is given; the name is only read.
    unsafe {
        let ok = c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        if c::rd_kafka_message_headers(message.ptr(), &raw mut headers) != ok
            || c::rd_kafka_header_get_last(headers, name.as_ptr(), &raw mut value, &raw mut size) != ok
        {
            return None;
        }
        (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size))
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
