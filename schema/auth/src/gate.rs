//! One request at the door: its Host, who sent it, how many that client sent, and whether its role is enough. In this order, so that a stranger is counted
//! by its address before anything is said of its credential, and a client that is let in by its own name.

use std::sync::Arc;

use axum::http::request::Parts;

use crate::authenticator::Authenticator;
use crate::client::TrustedProxies;
use crate::denial::Denied;
use crate::hosts::AllowedHosts;
use crate::rate::Rates;
use crate::role::{Access, Caller};

/// Lets requests in, or not.
#[derive(Debug)]
pub struct Gate {
    /// `None`: nobody is asked.
    pub(crate) authenticator: Option<Arc<Authenticator>>,
    pub(crate) rates: Option<Rates>,
    pub(crate) proxies: TrustedProxies,
    pub(crate) hosts: AllowedHosts,
}

impl Gate {
    /// A gate that lets everybody in; for what is not served at all.
    #[must_use]
    pub fn open() -> Self {
        Self { authenticator: None, rates: None, proxies: TrustedProxies::default(), hosts: AllowedHosts::default() }
    }

    /// Who is let in.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn admit(&self, request: &Parts, access: Access) -> Result<Caller, Denied> {
        if access == Access::Probe {
            return Ok(self.stranger());
        }
        if !self.hosts.allows(&request.headers) {
            return Err(Denied::Host);
        }
        let asked = self.authenticator.as_ref().filter(|_| access.asks_who());
        let caller = match asked {
            Some(authenticator) => authenticator.caller(&request.headers).await,
            None => Ok(self.stranger()),
        };
        self.count(request, caller.as_ref().ok())?;
        let caller = caller?;
        if !access.allows(caller.role()) {
            return Err(Denied::Role { has: caller.role(), needs: access });
        }
        Ok(caller)
    }

    /// Who was not asked: where callers have to say who they are somebody who may do nothing, else whoever comes.
    fn stranger(&self) -> Caller {
        if self.asks_who() { Caller::nobody() } else { Caller::unasked() }
    }

    fn count(&self, request: &Parts, caller: Option<&Caller>) -> Result<(), Denied> {
        let Some(rates) = &self.rates else { return Ok(()) };
        let subject = caller.and_then(|caller| caller.subject.clone());
        let client = subject.unwrap_or_else(|| self.proxies.name_of(request));
        rates
            .take(&client)
            .map_err(|retry_after| Denied::TooManyRequests { per_second: rates.per_second(), retry_after })
    }

    /// Whether callers have to say who they are.
    #[must_use]
    pub fn asks_who(&self) -> bool {
        self.authenticator.is_some()
    }

    /// See [`Authenticator::still_holds`].
    pub async fn still_holds(&self, caller: &Caller) -> bool {
        match &self.authenticator {
            Some(authenticator) => authenticator.still_holds(caller).await,
            None => true,
        }
    }
}
