//! The environment of the process as a value, so that a test or an example has its own.
//!
//! Variables that hold a token are kept separately, as secrets. They are wiped when the last clone is dropped, only
//! [`Environment::secret`] returns them, and all clones share them. The environment of the process itself stays in
//! memory as long as the process runs; no program can wipe it. `Debug` shows no values at all, because an unknown
//! variable may be a password.

use super::error::Error;
use hyper::Uri;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The variables that hold a token, in order of precedence. The first belongs to the official client, the second to
/// `doctl`.
pub(super) const TOKENS: [&str; 2] = ["DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN"];

/// Environment variables. An empty one counts as unset.
#[derive(Clone, Default)]
pub struct Environment {
    variables: Arc<BTreeMap<String, OsString>>,
    secrets: Arc<BTreeMap<&'static str, SecretString>>,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os();
        let named = variables.filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        named.fold(Self::default(), |all, (name, value)| all.with(&name, value))
    }

    /// An environment of only these variables.
    #[must_use]
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter();
        variables.fold(Self::default(), |all, (name, value)| all.with(name, value))
    }

    /// Adds a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        let value = value.into();
        match TOKENS.into_iter().find(|token| *token == name) {
            Some(token) => {
                // A value that is not text is not a token either. It is kept so that it is refused, and no other source
                // is used instead.
                let text = value.to_string_lossy().into_owned();
                Arc::make_mut(&mut self.secrets).insert(token, text.into());
            }
            None => {
                Arc::make_mut(&mut self.variables).insert(name.to_owned(), value);
            }
        }
        self
    }

    /// The value of a variable that is set, not empty, and Unicode. For tokens use [`secret`](Self::secret).
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.to_str().map(str::to_owned)
    }

    /// Like [`text`](Self::text), but refuses a value that is not text.
    ///
    /// # Errors
    /// When it is not Unicode.
    pub fn text_or_refused(&self, variable: &'static str) -> Result<Option<String>, Error> {
        let value = self.get(variable).map(|it| it.to_owned().into_string());
        value.transpose().map_err(|_| {
            let message = format!("{variable} is not text");
            Error::refused(message, "set it to valid text, or unset it")
        })
    }

    /// The value of a variable that is set and not empty, as a path.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// Expands `~` in a path to the home. Cron, a unit and `--db=~/x` leave it as it is, because no shell expands it.
    ///
    /// # Errors
    /// When `HOME` is not set, or the path begins with the home of another user.
    pub fn in_full(&self, path: &Path) -> Result<PathBuf, Error> {
        match path.strip_prefix("~") {
            Ok(rest) => {
                let home = self.path("HOME").filter(|home| home.is_absolute());
                let home = home.ok_or_else(|| {
                    let message = "a path begins with ~, and HOME is not set";
                    Error::refused(message, "set HOME, or write the path in full")
                })?;
                Ok(home.join(rest))
            }
            Err(_) if path.as_os_str().as_encoded_bytes().starts_with(b"~") => {
                let message = " begins with the home of another user, which is not looked up";
                let hint = "write the path in full, or ./ before a name that begins with ~";
                Err(Error::of_path(path, message, hint))
            }
            Err(_) => Ok(path.to_owned()),
        }
    }

    /// The value of a variable that is set, not empty, and holds a token.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&SecretString> {
        let secret = self.secrets.get(name);
        secret.filter(|it| !it.expose_secret().is_empty())
    }

    /// The variables that hold no token, for another process.
    pub fn without_secrets(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        let variables = self.variables.iter();
        variables.map(|(name, value)| (name.as_str(), value.as_os_str()))
    }

    fn get(&self, name: &str) -> Option<&OsStr> {
        self.value(name).filter(|value| !value.is_empty())
    }

    /// The value of a variable that is set, even if it is empty.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(name).map(OsString::as_os_str)
    }

    /// The folder for configuration.
    pub(super) fn config_home(&self) -> Option<PathBuf> {
        self.xdg_home("XDG_CONFIG_HOME", ".config")
    }

    /// A folder of the XDG Base Directory Specification, by default in the home. The specification ignores a relative
    /// path, which would depend on the working directory.
    pub(super) fn xdg_home(&self, name: &str, below: &str) -> Option<PathBuf> {
        let set = self.path(name).filter(|path| path.is_absolute());
        set.or_else(|| Some(self.path("HOME")?.join(below)))
    }
}

/// Shows only the names of the variables.
impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = self.secrets.keys().copied();
        let names = self.variables.keys().map(String::as_str).chain(secrets);
        formatter.debug_set().entries(names).finish()
    }
}

/// The proxy variables in order of precedence: first those for https, then those for all schemes.
const VARIABLES: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];

/// Checks the proxy for connections to other machines.
pub(super) fn check(environment: &Environment) -> Result<(), Error> {
    for [upper, lower] in VARIABLES {
        let variable = match environment.value(upper) {
            Some(value) if value.is_empty() && environment.get(lower).is_some() => {
                let message = format!("{upper} is empty, which hides the proxy in {lower}");
                return Err(Error::refused(message, "unset one of them"));
            }
            Some(_) => upper,
            None => lower,
        };
        let Some(value) = environment.get(variable) else {
            continue;
        };
        if value.to_str().is_some_and(is_proxy) {
            return Ok(());
        }
        return Err(Error::refused(
            format!(
                "{variable} is not a valid http or https proxy address; SOCKS is not supported"
            ),
            "write it as http://host:port, with user:password@ before the host and %40 for an @ in them, or unset it",
        ));
    }
    Ok(())
}

/// True for `http://[user[:password]@]host[:port][/]`, also with https or, as in curl, without a scheme. An `@` in a user
/// or a password is written as `%40` (RFC 3986, section 3.2.1).
fn is_proxy(text: &str) -> bool {
    let uri: Uri = text.parse().unwrap_or_default();
    let Some(authority) = uri.authority() else {
        return false;
    };
    let is_http = matches!(uri.scheme_str(), None | Some("http" | "https"));
    let is_whole = uri.path_and_query().is_none_or(|rest| rest == "/");
    let host = authority.host();
    let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let is_host = match inner {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty(),
    };
    let mut parts = authority.as_str().rsplit('@');
    let has_no_port = parts.next() == Some(host);
    let has_at_most_a_user = parts.count() < 2;
    // A port may begin with a sign when it is parsed.
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let is_port = authority
        .port()
        .is_some_and(|port| port.as_u16() != 0 && port.as_str().bytes().all(is_digit));
    is_http && is_whole && is_host && has_at_most_a_user && (has_no_port || is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_given_out_as_a_secret_alone() {
        for name in TOKENS {
            let environment = Environment::of(&[(name, "canary"), ("HOME", "/home/x")]);
            assert_eq!(environment.secret(name).unwrap().expose_secret(), "canary");
            assert_eq!(environment.text(name), None);
            assert_eq!(environment.path(name), None);
            assert_eq!(environment.text("HOME").as_deref(), Some("/home/x"));
            assert!(environment.secret("HOME").is_none());
        }
    }

    #[test]
    fn clones_share_the_one_copy_of_a_token() {
        let environment = Environment::of(&[(TOKENS[0], "canary")]);
        let clone = environment.clone();
        let address = |it: &Environment| it.secret(TOKENS[0]).unwrap().expose_secret().as_ptr();
        assert_eq!(address(&environment), address(&clone));
    }

    #[test]
    fn an_empty_token_counts_as_unset_and_takes_an_earlier_one_back() {
        let environment = Environment::of(&[(TOKENS[0], "canary")]).with(TOKENS[0], "");
        assert!(environment.secret(TOKENS[0]).is_none());
    }

    #[test]
    fn no_value_shows_in_its_debug_text() {
        let environment = Environment::of(&[(TOKENS[1], "canary"), ("OTHER", "password")]);
        let shown = format!("{environment:?}");
        assert_eq!(shown, r#"{"OTHER", "DIGITALOCEAN_ACCESS_TOKEN"}"#);
    }

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

    #[test]
    fn what_is_no_text_is_no_proxy() {
        use std::os::unix::ffi::OsStringExt;
        let broken = std::ffi::OsString::from_vec(b"http://proxy\xff".to_vec());
        let environment = Environment::default().with("HTTPS_PROXY", broken);
        assert!(check(&environment).is_err());
    }
}
