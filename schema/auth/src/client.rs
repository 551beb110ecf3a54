//! By which name a client is counted that did not prove who it is: its address. Behind a gateway that is the gateway's, unless the gateway is one
//! that is trusted to say whose it was (`X-Forwarded-For`). It must never believe that header of anybody else.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies(pub(crate) Vec<IpNet>);

impl TrustedProxies {
    fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|net| net.contains(&address))
    }

    /// The name of the client that sent a request.
    pub(crate) fn name_of(&self, parts: &Parts) -> Arc<str> {
        match parts.extensions.get::<ConnectInfo<SocketAddr>>() {
            Some(ConnectInfo(peer)) => name(self.client(peer.ip().to_canonical(), &parts.headers)),
            None => Arc::from("an unknown address"),
        }
    }

    /// From the right: each proxy adds the address that it saw, and the first that is no trusted proxy's is the client's. What stands left of it
    /// the client may have written itself.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        let lines: Vec<&str> = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
        for text in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            if !self.holds(client) {
                break;
            }
            let Some(address) = parse(text.trim()) else { break };
            client = address;
        }
        client
    }
}

/// With a port, as some write it, or without.
fn parse(text: &str) -> Option<IpAddr> {
    let address = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    address.ok().or_else(|| bare.and_then(|text| text.parse().ok())).map(|address: IpAddr| address.to_canonical())
}

/// Of IPv6 the first 64 bits: who has one address there has all of them.
fn name(address: IpAddr) -> Arc<str> {
    match address {
        IpAddr::V4(address) => Arc::from(format!("address {address}")),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX));
            Arc::from(format!("address {network}/64"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderValue, Request};

    fn named(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let trusted = TrustedProxies(trusted.iter().map(|net| net.parse().expect("a network")).collect());
        let mut request = Request::new(());
        for line in forwarded {
            request.headers_mut().append(X_FORWARDED_FOR, HeaderValue::from_str(line).expect("a header"));
        }
        let peer: SocketAddr = peer.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        let (parts, ()) = request.into_parts();
        trusted.name_of(&parts).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_says_whose_a_request_is() {
        let gateway = &["127.0.0.1/32", "10.0.0.0/8"][..];
        for (trusted, peer, forwarded, expected) in [
            (&[][..], "192.0.2.7:4000", &[][..], "address 192.0.2.7"),
            (&[], "192.0.2.7:4000", &["198.51.100.1"], "address 192.0.2.7"),
            (gateway, "192.0.2.7:4000", &["198.51.100.1"], "address 192.0.2.7"),
            (gateway, "127.0.0.1:4000", &["198.51.100.1"], "address 198.51.100.1"),
            (gateway, "127.0.0.1:4000", &["203.0.113.9, 198.51.100.1"], "address 198.51.100.1"),
            (gateway, "127.0.0.1:4000", &["203.0.113.9, 198.51.100.1, 10.1.2.3"], "address 198.51.100.1"),
            (gateway, "127.0.0.1:4000", &["203.0.113.9", "198.51.100.1"], "address 198.51.100.1"),
            (gateway, "127.0.0.1:4000", &["nonsense"], "address 127.0.0.1"),
            (gateway, "127.0.0.1:4000", &[], "address 127.0.0.1"),
            (gateway, "[::ffff:127.0.0.1]:4000", &["198.51.100.1:9"], "address 198.51.100.1"),
            (gateway, "127.0.0.1:4000", &["[2001:db8:1:2:3:4:5:6]"], "address 2001:db8:1:2::/64"),
        ] {
            assert_eq!(named(trusted, peer, forwarded), expected, "{trusted:?} {peer} {forwarded:?}");
        }
    }
}
