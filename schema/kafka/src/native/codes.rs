//! The error codes that librdkafka knows, for the test that none of them is left out.

use std::ptr;

use rdkafka::bindings as c;
use rdkafka::error::RDKafkaErrorCode;

/// Every error code that librdkafka has a text for.
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
