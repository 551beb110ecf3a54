//! Headers of the CloudEvents Kafka binding, binary mode (CloudEvents 1.0.2, Kafka Protocol Binding 3.2): each
//! attribute is a header `ce_NAME`, the value is the data alone.
//!
//! It must never put anything into a header that the value does not have: what reads the log reads values. Next: [`crate::wire`].

use chrono::{DateTime, Datelike, SecondsFormat};

/// The header with the media type of the value.
pub const CONTENT_TYPE: &str = "content-type";
pub const CE_ID: &str = "ce_id";
pub const CE_TYPE: &str = "ce_type";

/// When it happened, RFC 3339. SDKs that miss it report the time of reading.
pub const CE_TIME: &str = "ce_time";

/// The value of [`CE_TIME`] for Kafka's time of a record (milliseconds since 1970), in UTC to the millisecond; `None` where RFC
/// 3339 cannot write it, as a writer's clock may be anything.
pub fn time(record_time_ms: i64) -> Option<String> {
    let time = DateTime::from_timestamp_millis(record_time_ms).filter(|time| (1970..=9999).contains(&time.year()))?;
    Some(time.to_rfc3339_opts(SecondsFormat::Millis, true))
}

/// Required attributes plus `subject` (what it is about: the product id). `id` is unique within `source`.
pub fn headers<'a>(
    id: &'a str,
    event_type: &'a str,
    source: &'a str,
    subject: &'a str,
) -> [(&'static str, &'a str); 6] {
    [
        ("ce_specversion", "1.0"),
        (CE_ID, id),
        (CE_TYPE, event_type),
        ("ce_source", source),
        ("ce_subject", subject),
        (CONTENT_TYPE, "application/json"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_to_the_millisecond_where_it_can_be() {
        for (time_ms, written) in [
            (0, Some("1970-01-01T00:00:00.000Z")),
            (1_795_428_000_123, Some("2026-11-23T10:00:00.123Z")),
            (253_402_300_799_999, Some("9999-12-31T23:59:59.999Z")),
            (253_402_300_800_000, None),
            (-1, None),
            (i64::MAX, None),
        ] {
            assert_eq!(time(time_ms).as_deref(), written);
        }
    }
}
