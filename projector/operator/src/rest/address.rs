//! Where the services are, as `--url` says it. It must never take an address that holds a secret: it is printed in errors.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use thiserror::Error;

use super::error::RestError;

/// `http://HOST:PORT` or `https://HOST:PORT`, with a path where a proxy puts the services below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrl(Url);

/// Why a text is no address of services.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidAddress {
    #[error("must be of the form http://HOST:PORT or https://HOST:PORT: {0}")]
    NotAUrl(String),
    #[error("must begin with http:// or https://, found {0}://")]
    Scheme(String),
    #[error("must hold no user, password, query or fragment")]
    More,
}

impl FromStr for ServiceUrl {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `127.0.0.1:8080` is what people type.
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&whole).map_err(|error| InvalidAddress::NotAUrl(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidAddress::Scheme(url.scheme().to_owned()));
        }
        let bare =
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        if bare { Ok(Self(url)) } else { Err(InvalidAddress::More) }
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl ServiceUrl {
    /// Whether it is reached by TLS.
    pub fn is_secured(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether what is sent there leaves this machine.
    pub(super) fn is_this_machine(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    /// The address of a resource; each segment is escaped.
    ///
    /// # Errors
    /// [`RestError::NotAddressable`] for a segment that every URL library takes for a step in the tree.
    pub(super) fn of(&self, segments: &[&str], query: &[(&str, String)]) -> Result<Url, RestError> {
        let mut url = self.0.clone();
        if let Some(name) = segments.iter().find(|segment| matches!(**segment, "" | "." | "..")) {
            return Err(RestError::NotAddressable { name: (*name).to_owned() });
        }
        url.path_segments_mut()
            .map_err(|()| RestError::NotAddressable { name: self.to_string() })?
            .pop_if_empty()
            .extend(segments);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str, segments: &[&str], query: &[(&str, String)]) -> Result<String, String> {
        let url: ServiceUrl = url.parse().map_err(|error: InvalidAddress| error.to_string())?;
        url.of(segments, query).map(|url| url.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn segments_are_escaped_and_a_path_stays() {
        assert_eq!(at("127.0.0.1:8080", &["orders"], &[]), Ok("http://127.0.0.1:8080/orders".to_owned()));
        assert_eq!(at("https://h", &["orders"], &[]), Ok("https://h/orders".to_owned()));
        let query = [("after", "1:2".to_owned())];
        assert_eq!(
            at("http://h/shop/", &["stock", "a/b?c#d%é"], &query),
            Ok("http://h/shop/stock/a%2Fb%3Fc%23d%25%C3%A9?after=1%3A2".to_owned())
        );
    }

    #[test]
    fn what_is_no_address_is_named() {
        for (url, says) in [
            ("ftp://h", "must begin with http:// or https://, found ftp://"),
            ("http://u:secret@h", "must hold no user"),
            ("http://h/?x=1", "must hold no user"),
            ("http://", "must be of the form"),
            ("h:99999", "must be of the form"),
        ] {
            let error = at(url, &["orders"], &[]).expect_err(url);
            assert!(error.contains(says) && !error.contains("secret"), "{url}: {error}");
        }
        for name in ["", ".", ".."] {
            assert!(at("h", &["stock", name], &[]).is_err(), "{name}");
        }
    }
}
