//! Where a stream stands, as the `id:` of its events: opaque to clients, complete for going on at any service.
//!
//! It must never be taken for more than a place: whoever makes one up reads from there what it may read anyhow. Next: [`super::feed`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger_schema::log::LogIdentity;
use sha2::{Digest, Sha256};

/// The first byte. Another form gets another one.
const FORM: u8 = 1;
/// At the end: tells a place from text that only looks like one.
const CHECK_BYTES: usize = 4;
/// No id of a topic with some thousand partitions is longer.
const LONGEST: usize = 16 * 1024;

/// Which topic it is: a topic that is made anew has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TopicMark([u8; 8]);

impl TopicMark {
    pub(crate) fn of(identity: &LogIdentity) -> Self {
        let mut hash = Sha256::new();
        hash.update(identity.cluster_id.as_bytes());
        hash.update([0]);
        hash.update(identity.topic_id.as_bytes());
        let mut mark = [0; 8];
        mark.copy_from_slice(&hash.finalize()[..8]);
        Self(mark)
    }
}

/// A place in the topic of outcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) topic: TopicMark,
    /// By partition, the offset (exclusive) up to which everything was given.
    pub(crate) next_offsets: Vec<i64>,
}

impl Token {
    /// The text of a place; `next_offsets` are not negative.
    pub(crate) fn encode(topic: TopicMark, next_offsets: impl Iterator<Item = i64>) -> String {
        let mut bytes = vec![FORM];
        bytes.extend(topic.0);
        for offset in next_offsets {
            put_number(&mut bytes, offset.unsigned_abs());
        }
        let check = check(&bytes);
        bytes.extend(check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// `None` for text that no service made.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (place, found) = bytes.split_at_checked(bytes.len().checked_sub(CHECK_BYTES)?)?;
        if check(place) != found {
            return None;
        }
        let rest = place.strip_prefix(&[FORM])?;
        let (mark, mut rest) = rest.split_first_chunk::<8>()?;
        let mut next_offsets = Vec::new();
        while !rest.is_empty() {
            next_offsets.push(i64::try_from(take_number(&mut rest)?).ok()?);
        }
        Some(Self { topic: TopicMark(*mark), next_offsets })
    }
}

fn check(place: &[u8]) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&Sha256::digest(place)[..CHECK_BYTES]);
    check
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(topic_id: &str) -> TopicMark {
        let (cluster_id, topic_id) = ("c".to_owned(), topic_id.to_owned());
        TopicMark::of(&LogIdentity { cluster_id, topic_id, partition_count: 2 })
    }

    proptest! {
        #[test]
        fn places_read_back(offsets in prop::collection::vec(0..=i64::MAX, 0..40)) {
            let text = Token::encode(mark("t"), offsets.iter().copied());
            let token = Token::decode(&text).expect("its own");
            prop_assert_eq!((token.topic, token.next_offsets), (mark("t"), offsets));
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        }

        #[test]
        fn other_text_is_none(text in ".{0,80}") {
            prop_assert_eq!(Token::decode(&text), None);
        }
    }

    #[test]
    fn a_changed_or_shortened_place_is_none() {
        let text = Token::encode(mark("t"), [3, 70_000, 0].into_iter());
        for end in 0..text.len() {
            assert_eq!(Token::decode(&text[..end]), None, "{end}");
        }
        let changed = if text.starts_with('A') { text.replacen('A', "B", 1) } else { format!("A{}", &text[1..]) };
        assert_eq!(Token::decode(&changed), None);
        assert_eq!(Token::decode(&"A".repeat(LONGEST + 1)), None);
        assert_ne!(mark("t"), mark("u"), "a topic that was made anew is another one");
    }
}
