//! Which partition a key lies in: murmur2 as the Java client hashes, which librdkafka calls `murmur2_random`.
//! (librdkafka's own default, `consistent_random`, hashes with CRC32 and would put keys elsewhere.)
//!
//! It must never change: where a key lies is decided once, for ever. Next: [`crate::topics`], which freezes the count.

/// The name to set as `partitioner` on every producer that writes the log.
pub const PARTITIONER: &str = "murmur2_random";

/// Seed and mixing constants of `org.apache.kafka.common.utils.Utils.murmur2`.
const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

fn murmur2(data: &[u8]) -> u32 {
    // The Java code starts from an int length.
    let length = u32::try_from(data.len()).expect("a key is shorter than 2^31 bytes: Kafka's lengths are i32");
    let mut h = SEED ^ length;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = chunk.iter().rev().fold(0, |k, byte| (k << 8) | u32::from(*byte));
        k = k.wrapping_mul(M);
        k ^= k >> R;
        k = k.wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        h ^= rest.iter().rev().fold(0, |k, byte| (k << 8) | u32::from(*byte));
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

/// The partition of `key` among `partition_count`: `toPositive(murmur2(key)) % count`.
///
/// # Panics
/// Without partitions. No topic is without: the count is the log's own (INV-9), and a key that was
/// placed somewhere all the same would be a wrong stock.
pub fn partition_of(key: &[u8], partition_count: i32) -> i32 {
    assert!(partition_count > 0, "a log has at least one partition, found {partition_count}");
    let positive = (murmur2(key) & 0x7fff_ffff).cast_signed();
    positive % partition_count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn agrees_with_the_java_client() {
        for (text, expected) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()), expected.cast_unsigned(), "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "a log has at least one partition, found 0")]
    fn no_partition_is_no_place() {
        partition_of(b"chocolate", 0);
    }

    #[test]
    fn is_within_the_count() {
        for n in 1..=16 {
            for key in ["", "a", "chocolate", "CATALOG-001", "チョコ"] {
                assert!((0..n).contains(&partition_of(key.as_bytes(), n)));
            }
        }
    }
}
