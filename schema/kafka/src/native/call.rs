//! What every call by FFI needs: pointers that are destroyed, texts that are copied, an error with its code, and the way a
//! question to the cluster is asked and awaited.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::error::RDKafkaErrorCode;

use crate::faults::fault_of_code;

/// What stands for the text of an error that has none.
const NO_TEXT: &str = "an error without a text";

/// A pointer that is destroyed with its scope.
pub(super) struct Owned<T> {
    pub(super) pointer: *mut T,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    pub(super) fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T), what: &str) -> Result<Self, String> {
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
pub(super) unsafe fn copied(text: *const c_char) -> Option<String> {
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
    pub(super) fn text(cause: impl Into<String>) -> Self {
        Self { code: None, cause: cause.into() }
    }

    /// Whether the same question may be answered a moment later.
    pub(crate) fn passes(&self) -> bool {
        self.code.is_some_and(|code| fault_of_code(code).passes())
    }

    /// `None` where the code says that nothing is wrong.
    ///
    /// # Safety
    /// As of [`copied`].
    pub(super) unsafe fn of(code: c::rd_kafka_resp_err_t, text: *const c_char) -> Option<Self> {
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

/// The answer to a question to the cluster, which is destroyed before the queue that it came by: fields are dropped in
/// their order.
pub(super) struct Answer {
    pub(super) event: Owned<c::rd_kafka_event_t>,
    _queue: Owned<c::rd_kafka_queue_t>,
}

/// Asks by `send` and waits up to `timeout`; where `send` fails, nothing was asked.
///
/// # Safety
/// `handle` lives during the call, and `send` is the sound call of one of librdkafka's administrative questions, of kind `api`.
pub(super) unsafe fn answer(
    handle: *mut c::rd_kafka_t,
    api: c::rd_kafka_admin_op_t,
    timeout: Duration,
    send: impl FnOnce(*mut c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t) -> Result<(), NativeFault>,
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
        send(options.pointer, queue.pointer)?;
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
