//! The address to listen on, and the names under which browsers may ask for it.

use axum::http::uri::Authority;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A host and a port: `127.0.0.1:9184`, `[::1]:9184`, `localhost:9184`, or `9184` on this machine alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    pub(super) host: String,
    pub(super) port: u16,
}

/// An invalid address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a valid listen address: write a host and a port, such as 127.0.0.1:9184, [::1]:9184, or 0.0.0.0:9184 \
     for all addresses of this machine"
)]
pub struct AddressError(String);

const THIS_MACHINE: &str = "127.0.0.1";

impl FromStr for ListenAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let (host, port) = text.rsplit_once(':').unwrap_or((THIS_MACHINE, text));
        let bracketed = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        let is_host = match bracketed {
            Some(address) => is_ipv6(address),
            None => {
                let is_foreign = |it: char| it.is_whitespace() || ":/@[]".contains(it);
                !host.is_empty() && !host.contains(is_foreign)
            }
        };
        // `parse` accepts a sign, which is not a digit.
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        match port.parse() {
            Ok(port) if is_host && is_number => Ok(Self {
                host: bracketed.unwrap_or(host).to_owned(),
                port,
            }),
            _ => Err(AddressError(text.to_owned())),
        }
    }
}

impl ListenAddress {
    /// True for an address that only this machine can reach.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_localhost(&self.host) || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// True when a browser that asks this host means this server. A page of another site can make its own name lead
    /// here (DNS rebinding), but not an IP address, and not `localhost`.
    pub(super) fn answers_to(&self, host: &Authority) -> bool {
        let host = host.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match bare.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical().is_loopback() || !self.is_loopback(),
            Err(_) => is_localhost(host) || host.eq_ignore_ascii_case(&self.host),
        }
    }
}

fn is_localhost(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(formatter, "[{host}]:{port}")
        } else {
            write!(formatter, "{host}:{port}")
        }
    }
}

/// With or without the name of an interface: `fe80::1%eth0`.
fn is_ipv6(text: &str) -> bool {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood() {
        for (text, expected) in [
            ("127.0.0.1:9184", "127.0.0.1:9184"),
            (" [::1]:9184", "[::1]:9184"),
            ("[fe80::1%eth0]:9184", "[fe80::1%eth0]:9184"),
            ("localhost:0", "localhost:0"),
            ("9184", "127.0.0.1:9184"),
            ("0.0.0.0:80", "0.0.0.0:80"),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), expected);
        }
    }

    #[test]
    fn what_is_none_is_refused_with_an_example() {
        for text in [
            "",
            ":9184",
            "localhost",
            "127.0.0.1:99999",
            "::1:9184",
            "http://localhost:9184",
            "a b:1",
            "127.0.0.1:9184/metrics",
            "[]:1",
            "[localhost]:1",
            "[127.0.0.1]:1",
            "127.0.0.1:+9184",
            "127.0.0.1:",
            "-1",
        ] {
            let error = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
            assert!(error.contains("127.0.0.1:9184"), "{error}");
        }
    }
}
