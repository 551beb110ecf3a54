//! The ends of several partitions at the price of one.
//!
//! Not by the administrative ListOffsets: in librdkafka 2.12.1 that call works on its request in the caller's thread while
//! the client's own thread may already answer and free it, when a leader is missing and metadata arrive in that moment.
//! AddressSanitizer shows a use after free within seconds, and a projector died of it with two of three brokers away. The
//! call below waits for leaders in the caller's thread alone; the same sanitizer finds nothing there, with leaders that move.

use std::ffi::c_int;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as c;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::call::NativeFault;

/// Puts, for each partition of `asked`, the offset in the place of what is asked: a time in milliseconds since 1970, or the
/// beginning or the end. One request per leader; the end is that of the isolation level that the client was made with.
/// Blocks up to `timeout`.
///
/// # Errors
/// The first that a broker or the client reports; it is not asked again. (The client's safe call keeps the list to itself when
/// it fails, and with it what each partition lacks: of partitions without a leader it only says that it does not know them.)
pub(crate) fn look_up_offsets<C: ClientContext>(
    client: &Client<C>,
    asked: &TopicPartitionList,
    timeout: Duration,
) -> Result<(), NativeFault> {
    // A longer time than the call can express is as long as it can express.
    let timeout_ms = c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX);
    // SAFETY: client and list live during the call, which keeps neither; nobody else has the list.
    let code = unsafe { c::rd_kafka_offsets_for_times(client.native_ptr(), asked.ptr(), timeout_ms) };
    let lacking = asked.elements().iter().find_map(|found| match found.error() {
        Err(KafkaError::OffsetFetch(code)) => Some(code),
        _ => None,
    });
    match (RDKafkaErrorCode::from(code), lacking) {
        (RDKafkaErrorCode::NoError, None) => Ok(()),
        (RDKafkaErrorCode::NoError | RDKafkaErrorCode::UnknownPartition, Some(code)) | (code, _) => {
            Err(NativeFault { code: Some(code), cause: code.to_string() })
        }
    }
}
