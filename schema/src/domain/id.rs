//! Ids of orders and movements: UUIDs. Derived from the client's `Idempotency-Key` where it sends one, so that
//! every service gives a retry the same id without looking anything up (design.md, "Identity").
//!
//! Which texts are ids must never be left to a library: a replay must accept the same records for ever. Next:
//! [`super::timestamp`], the other grammar of this kind.

use std::fmt;

use uuid::Uuid;

use super::shown::shown;
use super::{IdempotencyKey, ProductId, UserId, Violation};

/// Namespace of the ids below (a UUIDv4 drawn once). Changing it would give every retry a new id.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d2f_1b0e_93a4_4c1e_8a57_20c4_9f3b_71d6);

/// UUIDv5 over length-prefixed parts: without the lengths, user `a` with key `b c` and user `a b` with key `c`
/// could meet in one id.
fn derived(kind: &str, scope: &str, key: &IdempotencyKey) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{kind}:{}:{scope}:{}", scope.len(), key.as_str()).as_bytes())
}

fn parse(text: &str) -> Result<Uuid, Violation> {
    hyphenated(text.as_bytes()).map(Uuid::from_bytes).ok_or_else(|| Violation::NotAUuid { found: shown(text) })
}

/// Where the pairs of digits stand in the hyphenated form.
const PAIRS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
const NO_DIGIT: u8 = 0xFF;

/// The value of each byte as a hexadecimal digit of either case.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        digits[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

/// 8-4-4-4-12 hexadecimal digits of either case, of any version and variant, and nothing else: one id has one spelling
/// but for the case. (Not the forms that libraries also take: without hyphens, in braces, as `urn:uuid:`.) A change is a
/// new fold version.
fn hyphenated(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut seen = 0;
    let id = PAIRS.map(|at| {
        let [high, low] = [text[at], text[at + 1]].map(|byte| DIGITS[usize::from(byte)]);
        seen |= high | low;
        (high << 4) | (low & 0x0F)
    });
    // One check for all digits: only what is no digit has a bit above the lowest four.
    (seen <= 0x0F && [text[8], text[13], text[18], text[23]] == *b"----").then_some(id)
}

macro_rules! uuid_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// # Errors
            /// [`Violation::NotAUuid`] unless `text` is a hyphenated UUID of any version.
            pub fn parse(text: &str) -> Result<Self, Violation> {
                parse(text).map(Self)
            }

            pub fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
    };
}

uuid_type!(
    /// An order's id.
    OrderId
);
uuid_type!(
    /// A receipt's or an adjustment's id.
    MovementId
);

impl OrderId {
    /// The id of the order that `user_id` places under `key`, for ever and on every service.
    pub fn from_key(user_id: &UserId, key: &IdempotencyKey) -> Self {
        Self(derived("order", user_id.as_str(), key))
    }

    /// Whether it is of the kind that keys give (UUID version 5): anybody can compute such an id of any user and key.
    pub fn may_be_of_a_key(self) -> bool {
        self.0.get_version_num() == 5
    }
}

impl MovementId {
    /// The id of the movement of `product_id` under `key`. Receipts and adjustments share the keys of a product.
    pub fn from_key(product_id: &ProductId, key: &IdempotencyKey) -> Self {
        Self(derived("movement", product_id.as_str(), key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> UserId {
        UserId::parse(text).expect("valid")
    }

    fn key(text: &str) -> IdempotencyKey {
        IdempotencyKey::parse(text).expect("valid")
    }

    #[test]
    fn a_key_gives_one_id_for_ever() {
        // Golden: if this changes, retries of running clients become new orders.
        assert_eq!(OrderId::from_key(&user("alice"), &key("k1")).to_string(), "9f2631d6-3c2e-53af-beb2-a3cf56829356");
        assert!(OrderId::from_key(&user("alice"), &key("k1")).may_be_of_a_key());
        assert!(!OrderId::parse("77a436fd-64f9-4d35-999b-a957195f5d23").expect("valid").may_be_of_a_key());
        let product = ProductId::parse("alice").expect("valid");
        assert_ne!(
            MovementId::from_key(&product, &key("k1")).as_uuid(),
            OrderId::from_key(&user("alice"), &key("k1")).as_uuid()
        );
    }

    #[test]
    fn scope_and_key_do_not_run_together() {
        assert_ne!(OrderId::from_key(&user("a:1"), &key("b")), OrderId::from_key(&user("a"), &key("1:b")));
        assert_ne!(OrderId::from_key(&user("a"), &key("b")), OrderId::from_key(&user("a"), &key("c")));
    }

    #[test]
    fn only_hyphenated_uuids_parse() {
        assert!(OrderId::parse("77a436fd-64f9-4d35-999b-a957195f5d23").is_ok());
        assert_eq!(
            OrderId::parse("77A436FD-64F9-4D35-999B-A957195F5D23"),
            OrderId::parse("77a436fd-64f9-4d35-999b-a957195f5d23")
        );
        for any in ["00000000-0000-0000-0000-000000000000", "ffffffff-FFFF-ffff-FFFF-ffffffffffff"] {
            assert_eq!(OrderId::parse(any).map(|id| id.to_string()), Ok(any.to_lowercase()), "of any version");
        }
        for bad in [
            "",
            "77a436fd64f94d35999ba957195f5d23",
            "{77a436fd-64f9-4d35-999b-a957195f5d23}",
            "urn:uuid:77a436fd-64f9-4d35-999b-a957195f5d23",
            "77a436fd-64f9-4d35-999b-a957195f5d2g",
            "77a436fd-64f9-4d35-999b-a957195f5d2",
            "77a436fd-64f9-4d35-999b-a957195f5d234",
            " 77a436fd-64f9-4d35-999b-a957195f5d2",
            "77a436fd_64f9-4d35-999b-a957195f5d23",
            "77a436f-d64f9-4d35-999b-a957195f5d23",
            "77a436fd-64f9-4d35-999b-a957195f5d\u{e9}",
            "0x77a436fd64f94d35999ba957195f5d2300",
        ] {
            assert_eq!(OrderId::parse(bad), Err(Violation::NotAUuid { found: bad.to_owned() }));
        }
    }
}
