//! Where Java's default partitioner puts a key, after the description of MurmurHash2 with Kafka's seed.
//!
//! It must never be the system's own: a key that both put in the same wrong place would be right for both.

pub(super) fn java_partition(key: &[u8], count: i32) -> i32 {
    const MIX: i32 = 0x5bd1_e995;
    let size = i32::try_from(key.len()).expect("an event has at most 262,144 bytes, its product id fewer");
    let mut hash = 0x9747_b28c_u32.cast_signed() ^ size;
    let whole = key.len() / 4 * 4;
    for at in (0..whole).step_by(4) {
        let word = i32::from_le_bytes([key[at], key[at + 1], key[at + 2], key[at + 3]]).wrapping_mul(MIX);
        let word = (word ^ (word.cast_unsigned() >> 24).cast_signed()).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ word;
    }
    let tail = &key[whole..];
    if !tail.is_empty() {
        let mut last = [0; 4];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ i32::from_le_bytes(last)).wrapping_mul(MIX);
    }
    hash = (hash ^ (hash.cast_unsigned() >> 13).cast_signed()).wrapping_mul(MIX);
    hash ^= (hash.cast_unsigned() >> 15).cast_signed();
    (hash & i32::MAX) % count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same published vectors that everybody uses (Kafka's `UtilsTest`).
    #[test]
    fn partitions_are_where_java_puts_them() {
        for (key, hash) in [("21", -973_932_308_i32), ("foobar", -790_332_482), ("abc", 479_470_107)] {
            assert_eq!(java_partition(key.as_bytes(), 1_000_003), (hash & i32::MAX) % 1_000_003, "{key}");
        }
    }
}
