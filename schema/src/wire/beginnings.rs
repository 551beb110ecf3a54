//! Bytes that are no JSON, recognised by how they begin, so that a refusal can say what they are. It must never decide whether
//! something is JSON: that is `json.rs`.

/// What bytes that are not JSON are, by how they begin.
pub(super) fn beginning(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => Some("a byte order mark"),
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => Some("UTF-16: the value must be UTF-8"),
        [0, _, _, _, _, _, ..] => Some("a schema registry's frame: the value must be JSON without one"),
        _ => None,
    }
}
