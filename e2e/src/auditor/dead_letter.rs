//! A dead letter in the auditor's spelling.
//!
//! It must never take a reason for right that the auditor did not decide by itself, nor an odd word for a reason.

/// The reasons that the auditor decides by itself; the others it leaves open.
const DECIDED_REASONS: [&str; 8] = [
    "wrong-key",
    "wrong-partition",
    "conflicting-duplicate",
    "stock-overflow",
    "unknown-order",
    "unknown-line",
    "wrong-cause",
    "hold-not-over",
];

/// Stands for the reasons that the auditor does not decide.
pub(super) const UNDECIDED: &str = "undecodable-or-invalid";

/// Long values stand in the row by length and checksum.
pub(super) fn dead_letter_row(reason: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> String {
    let is_word = !reason.is_empty() && reason.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let reason = match reason {
        reason if DECIDED_REASONS.contains(&reason) => reason,
        _ if is_word => UNDECIDED,
        _ => "NO REASON",
    };
    let show = |bytes: Option<&[u8]>| match bytes {
        None => "none".to_owned(),
        Some(bytes) => {
            let sum = bytes.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
            format!("{} bytes with sum {sum:016x}", bytes.len())
        }
    };
    format!("{reason} key={} value={}", show(key), show(value))
}
