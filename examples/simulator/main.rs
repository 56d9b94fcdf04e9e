//! A simulator of the DigitalOcean API, to try `archiver` without an account and without a token.
//!
//! ```text
//! cargo run --example simulator -- --droplets 50 --actions 50000
//! ```

#![allow(
    clippy::print_stdout,
    reason = "an example talks to the person who runs it"
)]

mod cloud;

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use cloud::{Cloud, FaultRule, Options, PageCache, Replicas};

/// Serves a made-up DigitalOcean account on this machine.
#[derive(Debug, Parser)]
#[command(name = "simulator", after_help = FaultRule::syntax())]
struct Flags {
    /// Droplets in the history, the destroyed ones included
    #[arg(long, default_value_t = 50)]
    droplets: usize,
    /// Actions in the account's listing, exactly
    #[arg(long, default_value_t = 5000)]
    actions: usize,
    /// Share of the droplets that are gone
    #[arg(long, value_name = "FRACTION", default_value_t = 0.1)]
    destroyed: f64,
    /// Number of droplets that have GPUs: the list shows them with `type=gpus` only
    #[arg(long, value_name = "N", default_value_t = 0)]
    gpus: usize,
    /// The same seed makes the same account
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Port on 127.0.0.1; 0 for a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The token to accept
    #[arg(long)]
    token: Option<String>,
    /// Take a scope from the token, `sizes:read` for example (repeatable)
    #[arg(long, value_name = "SCOPE")]
    without_scope: Vec<String>,
    /// Requests per hour; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 5000)]
    hourly_limit: u32,
    /// Requests per minute; 0 for no limit
    #[arg(long, value_name = "N", default_value_t = 250)]
    minute_limit: u32,
    /// Hold every answer back
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// New actions that appear before each request for actions is answered
    #[arg(long, value_name = "N", default_value_t = 0)]
    grow: usize,
    /// Settle actions in progress after this many requests for actions
    #[arg(long, value_name = "N")]
    settle_after: Option<u32>,
    /// Answer each request for a listing of actions from a replica that lags behind by one of these many actions
    #[arg(long, value_name = "N,N...", value_delimiter = ',')]
    lag: Vec<usize>,
    /// Page 1 from the first replica, page 2 from the second, the rest from the last; otherwise at random
    #[arg(long, requires = "lag")]
    lag_by_page: bool,
    /// Cache pages of actions, each of which is one of these many actions old when it is cached
    #[arg(long, value_name = "N,N...", value_delimiter = ',')]
    cache_age: Vec<usize>,
    /// Number of further requests that get a cached page
    #[arg(long, value_name = "N", default_value_t = 10)]
    cache_keeps: u32,
    /// Never compress
    #[arg(long)]
    no_gzip: bool,
    /// Break answers (repeatable), `500@page=3` for example; see below
    #[arg(long, value_name = "FAULT")]
    fault: Vec<FaultRule>,
    /// Break this share of all answers, each in another way
    #[arg(long, value_name = "FRACTION")]
    fault_rate: Option<f64>,
}

impl Flags {
    fn options(&self) -> Options {
        let mut options = Options {
            droplets: self.droplets,
            actions: self.actions,
            destroyed: self.destroyed,
            gpus: self.gpus,
            seed: self.seed,
            port: self.port,
            latency: Duration::from_millis(self.latency_ms),
            grow_per_request: self.grow,
            settle_after_requests: self.settle_after,
            gzip: !self.no_gzip,
            replicas: Replicas {
                lags: self.lag.clone(),
                by_page: self.lag_by_page,
            },
            cache: (!self.cache_age.is_empty()).then(|| PageCache {
                ages: self.cache_age.clone(),
                keeps: self.cache_keeps,
                from_page: 1,
            }),
            ..Options::default()
        };
        options.hourly.requests = Some(self.hourly_limit).filter(|&requests| requests > 0);
        options.minute.requests = Some(self.minute_limit).filter(|&requests| requests > 0);
        options
            .scopes
            .retain(|scope| !self.without_scope.contains(scope));
        if let Some(token) = &self.token {
            options.token.clone_from(token);
        }
        options
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let cloud = Cloud::start(flags.options())?;
    for rule in flags.fault {
        cloud.break_with(rule);
    }
    if let Some(rate) = flags.fault_rate {
        cloud.break_with(FaultRule::mix(rate, flags.seed));
    }
    introduce(&cloud);
    tokio::signal::ctrl_c().await?;
    println!("{} requests answered.", cloud.requests().len());
    Ok(())
}

fn introduce(cloud: &Cloud) {
    let droplets = cloud.droplets();
    println!(
        "{} actions, {} droplets now, {} gone",
        cloud.total(),
        droplets.len(),
        cloud.destroyed_droplets().len()
    );
    println!();
    println!("export DIGITALOCEAN_API_URL={}", cloud.url());
    println!("export DIGITALOCEAN_TOKEN={}", cloud.token());
    println!("archiver sync --all");
    if let Some(droplet) = droplets.first() {
        println!(
            "archiver sync --droplet {}    # {}",
            droplet.id, droplet.name
        );
    }
    println!();
    println!("Stop with ctrl-c.");
}
