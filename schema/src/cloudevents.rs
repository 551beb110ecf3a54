//! Headers of the CloudEvents Kafka binding, binary mode (CloudEvents 1.0.2, Kafka Protocol Binding 3.2): each
//! attribute is a header `ce_NAME`, the value is the data alone.
//!
//! It must never put anything into a header that the value does not have: what reads the log reads values. Next: [`crate::wire`].

/// The header with the media type of the value.
pub const CONTENT_TYPE: &str = "content-type";
pub const CE_ID: &str = "ce_id";
pub const CE_TYPE: &str = "ce_type";

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
