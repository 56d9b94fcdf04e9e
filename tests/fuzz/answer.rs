//! A server on loopback that answers with any bytes (head, encoding and body), and the client that asks it.
//!
//! The first byte of an input chooses the request, and whether the server compresses the body: random bytes never form
//! a gzip with the right checksum. `$TOKEN` stands for the token, so that servers can repeat it. `$ESCAPED` stands for
//! the token with JSON's escapes.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use archiver::api::{
    Client, ClientSettings, DropletSelection, Error, Origin, Pace, RetryPolicy, SharedPacer,
    TokenScope,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

pub(super) const TOKEN: &str =
    "dop_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789canary";
/// No message shows this many consecutive characters of the token.
const PART: usize = 20;
pub(super) const PLACE_OF_TOKEN: &str = "$TOKEN";
const PLACE_OF_ESCAPED_TOKEN: &str = "$ESCAPED";
/// A client remembers the time of each request. A new client starts without that memory.
const QUESTIONS_PER_CLIENT: u64 = 10_000;
const PACKED: u8 = 0x80;

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

/// For any answer, the one request ends with rows or with an error. Neither shows a part of the token or controls a
/// terminal.
pub(crate) fn answer(data: &[u8]) {
    let Some((choice, data)) = data.split_first() else {
        return;
    };
    let escaped: String = TOKEN.bytes().map(|it| format!("\\u{it:04x}")).collect();
    let data = replaced(data, PLACE_OF_ESCAPED_TOKEN, &escaped);
    let data = replaced(&data, PLACE_OF_TOKEN, TOKEN);
    let data = if choice & PACKED == 0 {
        data
    } else {
        packed(&data)
    };
    WORLD.with_borrow_mut(|world| {
        if world.client.requests() >= QUESTIONS_PER_CLIENT {
            world.client = client(&world.listener);
        }
        world.ask(*choice & !PACKED, &data);
    });
}

struct World {
    runtime: Runtime,
    listener: TcpListener,
    client: Client,
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("there is a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("there is a port");
        let client = client(&listener);
        Self {
            runtime,
            listener,
            client,
        }
    }

    fn ask(&self, choice: u8, data: &[u8]) {
        let before = self.client.requests();
        let told = self.runtime.block_on(async {
            tokio::select! {
                () = serve(&self.listener, data) => unreachable!("it serves for ever"),
                told = question(&self.client, choice) => told,
            }
        });
        let told = told.unwrap_or_else(|error| {
            let message = error.to_string();
            assert!(!message.contains(char::is_control), "{message:?}");
            format!("{message} {error:?} {}", error.hint())
        });
        let lower = told.to_lowercase();
        let mut parts = (PART..=TOKEN.len()).map(|end| &TOKEN[end - PART..end]);
        assert!(
            parts.all(|part| !lower.contains(part)),
            "a part of the token is repeated: {told}"
        );
        assert_eq!(self.client.requests(), before + 1);
    }
}

fn client(listener: &TcpListener) -> Client {
    let address = listener.local_addr().expect("it listens");
    Client::new(ClientSettings {
        origin: Origin::parse(&format!("http://{address}")).expect("it is loopback"),
        token: TOKEN.into(),
        pacer: SharedPacer::new(Pace {
            requests_per_minute: u32::MAX,
            requests_per_hour: u32::MAX,
            reserve: 0,
        }),
        retry: RetryPolicy {
            attempts: 1,
            limited_attempts: 1,
            patience: Duration::from_secs(20),
            ..RetryPolicy::default()
        },
        clock: super::now,
        on_event: Arc::new(|_| ()),
    })
    .expect("there is a client")
}

async fn question(client: &Client, choice: u8) -> Result<String, Error> {
    const SCOPES: [TokenScope; 5] = TokenScope::ALL;
    Ok(match choice {
        0 => {
            let page = client.account_actions(1).await?;
            assert!(page.rows.len() <= 10_000);
            format!("{page:?}")
        }
        1 => format!(
            "{:?}",
            client.droplets(DropletSelection::AllButGpus, 1).await?
        ),
        2 => format!("{:?}", client.action(1).await?),
        3 => format!("{:?}", client.account().await?),
        4 => format!("{:?}", client.droplet_actions(7, 2).await?),
        choice => {
            let scope = SCOPES[usize::from(choice) % SCOPES.len()];
            client.try_scope(scope).await?;
            scope.name().to_owned()
        }
    })
}

/// Sends the same bytes on each connection, and closes it.
async fn serve(listener: &TcpListener, data: &[u8]) {
    loop {
        if let Ok((connection, _)) = listener.accept().await {
            // The client may close the connection before the end.
            let _ = respond(connection, data).await;
        }
    }
}

async fn respond(mut connection: TcpStream, data: &[u8]) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    connection.write_all(data).await?;
    connection.shutdown().await
}

/// The same answer with a compressed body, as its head should say.
fn packed(answer: &[u8]) -> Vec<u8> {
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.map_or(answer.len(), |end| end + 4));
    let mut encoder = GzEncoder::new(head.to_vec(), Compression::fast());
    encoder.write_all(body).expect("there is room");
    encoder.finish().expect("there is room")
}

fn replaced(text: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.windows(from.len()).position(|part| part == from) {
        result.extend_from_slice(&rest[..place]);
        result.extend_from_slice(to);
        rest = &rest[place + from.len()..];
    }
    result.extend_from_slice(rest);
    result
}
