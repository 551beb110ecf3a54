//! Which names a server answers to (`LEDGER_ALLOWED_HOSTS`): a page of a stranger whose name was made to mean this address (DNS rebinding) is refused.

use axum::http::HeaderMap;
use axum::http::header::HOST;

/// Names or addresses, in lower case, each with its port or for every port. Without any, all are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    pub(crate) fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    pub(crate) fn allows(&self, headers: &HeaderMap) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
        let host = host.to_ascii_lowercase();
        self.0.iter().any(|allowed| *allowed == host || *allowed == without_port(&host))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn names_with_their_port_or_for_every_port() {
        let allowed = AllowedHosts::new(&["Shop.example".to_owned(), "127.0.0.1:8081".to_owned(), "[::1]".to_owned()]);
        for (host, is_allowed) in [
            ("shop.example", true),
            ("SHOP.EXAMPLE:8443", true),
            ("127.0.0.1:8081", true),
            ("127.0.0.1:8082", false),
            ("127.0.0.1", false),
            ("[::1]:9", true),
            ("evil.example", false),
            ("shop.example.evil.example", false),
            ("evil.example:8081", false),
            ("", false),
        ] {
            let headers: HeaderMap = [(HOST, HeaderValue::from_str(host).expect("a header"))].into_iter().collect();
            assert_eq!(allowed.allows(&headers), is_allowed, "{host}");
            assert!(AllowedHosts::default().allows(&headers));
        }
        assert!(!allowed.allows(&HeaderMap::new()));
    }
}
