//! Who calls, and what they may do: API keys and JWTs, roles, the rate of one client, and which names a server answers to. Used by the order
//! services and the projector alike; each says which route needs what ([`Access`]) and how a denial looks as its own problem.
//!
//! It must never let a request in because something failed, never say "unknown" of a key that could not be looked up, and never print,
//! log or keep a secret: of a key the hash is stored, of a token nothing.
//!
//! Reading order: [`role`] (who may what), `credential` (the header), [`api_key`], [`key_table`] (SQL), `key_cache`, [`jwt`], [`authenticator`],
//! [`rate`], `client` (who is counted), `hosts`, [`gate`] (one request, all of it), [`settings`].

pub mod api_key;
pub mod authenticator;
mod client;
mod credential;
mod denial;
pub mod gate;
mod hosts;
pub mod jwt;
mod key_cache;
pub mod key_table;
pub mod rate;
pub mod role;
pub mod settings;

pub use api_key::{ApiKey, KeyId};
pub use authenticator::Authenticator;
pub use denial::{Denied, Unproven};
pub use gate::Gate;
pub use key_cache::{FRESH, GRACE, KeySource};
pub use key_table::StoredKey;
pub use role::{Access, Caller, Role};
pub use settings::{AuthArgs, AuthSettingsError};
