//! The routes: each handler takes parsed values and hands them on; no rule lives here. Reading order: `router`, `orders`.

mod documents;
mod events;
mod movements;
mod operations;
mod orders;
mod page;
mod preferring;
mod router;
mod status;
mod stock;

#[cfg(test)]
pub(crate) use router::document;
pub(crate) use router::{ROUTES, router};
