//! The name of the database's host, as a test moves it from one server to another: by a reset, as of a host that was stopped, or
//! without a word, as of one that lost its power or its network.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Whose name it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Port(u16),
    /// Nobody: what is open breaks, and nothing opens.
    Reset,
    /// Nobody, and nobody says so: what is open stays open without another byte, and so does what opens.
    Silent,
}

pub struct HostName {
    port: u16,
    holder: watch::Sender<Holder>,
}

impl HostName {
    pub async fn of(port: u16) -> HostName {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (holder, now) = watch::channel(Holder::Port(port));
        let name = HostName { port: listener.local_addr().unwrap().port(), holder };
        tokio::spawn(async move {
            let silenced = Arc::default();
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, now.clone(), Arc::clone(&silenced)));
            }
        });
        name
    }

    /// An address of the server by this name.
    pub fn address(&self, database: &str) -> String {
        let (user, rest) = database.split_once('@').unwrap();
        format!("{user}@127.0.0.1:{}/{}", self.port, rest.split_once('/').unwrap().1)
    }

    pub fn take_away(&self, silently: bool) {
        self.holder.send_replace(if silently { Holder::Silent } else { Holder::Reset });
    }

    pub fn give_to(&self, port: u16) {
        self.holder.send_replace(Holder::Port(port));
    }
}

/// Connections that stay open for ever.
type Silenced = Arc<std::sync::Mutex<Vec<TcpStream>>>;

async fn forward(mut client: TcpStream, mut now: watch::Receiver<Holder>, silenced: Silenced) {
    let keep = |stream| silenced.lock().unwrap().push(stream);
    let holder = *now.borrow_and_update();
    let mut server = match holder {
        Holder::Port(port) => match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(server) => server,
            Err(_) => return,
        },
        Holder::Reset => return,
        Holder::Silent => return keep(client),
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = now.changed() => {
            if *now.borrow() == Holder::Silent {
                keep(client);
                keep(server);
            }
        }
    }
}
