//! The HTTP client as every request of this program needs it, and how it looks up names.

use std::net::ToSocketAddrs;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{ClientBuilder, Url, redirect};

use super::is_loopback;
use crate::core::threads;

/// A client for one address: it goes through the machine's proxy unless that is this machine, and follows nothing.
pub(crate) fn builder(url: &Url) -> ClientBuilder {
    // Fails only when a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let is_loopback = url.host_str().is_some_and(is_loopback);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("archiver/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Names)
        .redirect(redirect::Policy::none())
        .referer(false)
        .https_only(!is_loopback);
    if is_loopback {
        // A proxy would get to see in clear text what is secret.
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" {
        // It needs no certificates, and a machine may have none.
        builder = builder.tls_certs_only([]);
    }
    builder
}

/// What the reader can do about an error that certificates have to do with: there are none, or not the right one.
pub(crate) fn hint(error: &str) -> Option<&'static str> {
    error.contains("certificate").then_some(
        "install the CA certificates of this machine (the package ca-certificates), or name a file with them in \
         SSL_CERT_FILE; if they are there, check the clock and what stands between this machine and that one",
    )
}

/// Looks up names in threads that may be refused, which the usual way answers with a panic.
struct Names;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = threads::answer_of(move || (name.as_str(), 0).to_socket_addrs())?;
            Ok(Box::new(addresses.await??) as Addrs)
        })
    }
}
