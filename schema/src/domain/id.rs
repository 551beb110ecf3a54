//! Ids of orders and movements: UUIDs. Derived from the client's `Idempotency-Key` where it sends one, so that
//! every service gives a retry the same id without asking anybody (design.md, "Identity").

use std::fmt;

use uuid::Uuid;

use super::{IdempotencyKey, ProductId, UserId, Violation};

/// Namespace of the ids below (a UUIDv4 drawn once). Changing it would give every retry a new id.
const NAMESPACE: Uuid = Uuid::from_u128(0x6d2f_1b0e_93a4_4c1e_8a57_20c4_9f3b_71d6);

/// UUIDv5 over length-prefixed parts: without the lengths, user `a` with key `b c` and user `a b` with key `c`
/// could meet in one id.
fn derived(kind: &str, scope: &str, key: &IdempotencyKey) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{kind}:{}:{scope}:{}", scope.len(), key.as_str()).as_bytes())
}

fn parse(text: &str) -> Result<Uuid, Violation> {
    // Only the hyphenated form: one id, one spelling.
    if text.len() != 36 {
        return Err(Violation::NotAUuid { found: text.chars().take(64).collect() });
    }
    Uuid::try_parse(text).map_err(|_| Violation::NotAUuid { found: text.chars().take(64).collect() })
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
        for bad in [
            "",
            "77a436fd64f94d35999ba957195f5d23",
            "{77a436fd-64f9-4d35-999b-a957195f5d23}",
            "77a436fd-64f9-4d35-999b-a957195f5d2g",
        ] {
            assert_eq!(OrderId::parse(bad), Err(Violation::NotAUuid { found: bad.to_owned() }));
        }
    }
}
