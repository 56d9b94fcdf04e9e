//! The proxy that the environment names: checked, since an address that the HTTP client does not understand would mean
//! none to it, and the token would take another way than somebody has set.
//!
//! Which variable counts is decided as the client does (`from_env` in
//! <https://github.com/hyperium/hyper-util/blob/master/src/client/proxy/matcher.rs>). Only https goes to other machines,
//! so `HTTP_PROXY` is of no concern.

use std::net::Ipv6Addr;

use super::environment::Environment;
use super::error::Error;

/// For https, in the order in which they are looked at, and then for everything.
const VARIABLES: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];

/// Checks what connections to other machines will be made through.
pub(super) fn check(environment: &Environment) -> Result<(), Error> {
    for [upper, lower] in VARIABLES {
        let lower_value = environment.value(lower).filter(|value| !value.is_empty());
        let (variable, value) = match (environment.value(upper), lower_value) {
            (Some(value), Some(_)) if value.is_empty() => {
                return Err(Error::HiddenProxy { upper, lower });
            }
            (Some(value), _) => (upper, value),
            (None, Some(value)) => (lower, value),
            (None, None) => continue,
        };
        if value.is_empty() {
            continue;
        }
        return if value.to_str().is_some_and(is_proxy) {
            Ok(())
        } else {
            Err(Error::Proxy { variable })
        };
    }
    Ok(())
}

/// Whether it is `http://[user[:password]@]host[:port][/]`, the same with https, or without a scheme, as curl has it.
fn is_proxy(text: &str) -> bool {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let authority = match scheme {
        Some(scheme) => {
            let rest = &text[scheme.len()..];
            rest.strip_suffix('/').unwrap_or(rest)
        }
        None => text,
    };
    let (user, host) = match authority.split_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    user.is_none_or(is_user) && is_host_and_port(host)
}

/// Whether it is a user, or a user and a password, with `%40` for what would end it (RFC 3986, section 3.2.1).
fn is_user(text: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

fn is_host_and_port(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_host = match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => is_name(host),
    };
    is_host && port.is_none_or(is_port)
}

fn is_name(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !host.is_empty() && host.bytes().all(is_allowed)
}

/// Whether it is a port. Nothing but digits: a sign is none, but `parse` takes it.
fn is_port(text: &str) -> bool {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number && text.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_understands_is_a_proxy() {
        for text in [
            "http://127.0.0.1:7199",
            "http://proxy.example/",
            "HTTP://proxy_1.example:3128",
            "https://user:pa%40ss@proxy.example:8443/",
            "http://user@proxy",
            "http://u:p:q$&'()*+,;=!~@proxy:1",
            "http://[::1]:3128",
            "http://[::1]",
            "proxy.example:3128",
            "user:password@proxy:3128",
        ] {
            for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
                let environment = Environment::of(&[(name, text)]);
                assert!(check(&environment).is_ok(), "{name}={text}");
            }
        }
    }

    #[test]
    fn what_would_mean_no_proxy_or_another_is_refused_and_not_repeated() {
        for text in [
            "ftp://u:canary@h",
            "socks5://u:canary@127.0.0.1:1080",
            "socks5h://canary",
            "http://u:canary@127.0.0.1 7199",
            "http://u:canary@127.0.0.1:77777",
            "http://u:canary@127.0.0.1:0",
            "http://u:canary@127.0.0.1:+80",
            "http://u:canary@127.0.0.1:",
            "http://u:can@ary@proxy:80",
            "http://u:can/ary@proxy:80",
            "http://u:can#ary@proxy:80",
            "http://u:can?ary@proxy:80",
            "http://u:can ary@proxy:80",
            "http://u:canary@",
            "http://canary/path",
            "http://canary?x",
            "canary:80/",
            " http://canary:80",
            "http://[::canary]:80",
            "http://::1:80:canary",
            "//canary",
            "http:/canary",
            "http://",
            " ",
            "cänary:80",
        ] {
            for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
                let environment = Environment::of(&[(name, text)]);
                let error = check(&environment).unwrap_err();
                let words = format!("{error} {error:?} {}", error.hint());
                assert!(words.contains(name) && words.contains("SOCKS"), "{words}");
                assert!(!words.contains("canary"), "{words}");
            }
        }
    }

    #[test]
    fn the_variable_that_counts_is_the_one_that_is_checked() {
        let (good, bad) = ("http://proxy:3128", "socks5://proxy:1080");
        for variables in [
            &[][..],
            &[("HTTPS_PROXY", "")],
            &[("HTTP_PROXY", bad), ("http_proxy", bad)],
            &[
                ("HTTPS_PROXY", good),
                ("https_proxy", bad),
                ("ALL_PROXY", bad),
            ],
            &[("https_proxy", good), ("all_proxy", bad)],
        ] {
            assert!(check(&Environment::of(variables)).is_ok(), "{variables:?}");
        }
        for variables in [
            &[("HTTPS_PROXY", bad), ("https_proxy", good)][..],
            &[("HTTPS_PROXY", ""), ("ALL_PROXY", bad)],
            &[("HTTPS_PROXY", ""), ("https_proxy", good)],
        ] {
            assert!(check(&Environment::of(variables)).is_err(), "{variables:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_text_is_no_proxy() {
        use std::os::unix::ffi::OsStringExt;
        let broken = std::ffi::OsString::from_vec(b"http://proxy\xff".to_vec());
        let environment = Environment::default().with("HTTPS_PROXY", broken);
        assert!(check(&environment).is_err());
    }
}
