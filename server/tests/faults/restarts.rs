//! Restarts behind a socket that systemd holds (packaging/systemd/saoma.socket): no connection is refused, and what is under way is
//! answered.

use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::load::Load;
use super::process::{self_check, served};
use super::{asked, came_to, free_address, till};

const ORDERS_PER_RESTART: usize = 400;

/// Until another process answers. A busy machine needs longer.
const BACK_WITHIN: Duration = Duration::from_secs(60);

/// The program behind `scripts/activated.sh`, which starts it again when it ends.
struct Activated {
    manager: Child,
    addr: String,
    folder: TempDir,
}

impl Activated {
    fn start(database: &str) -> Activated {
        let folder = tempfile::tempdir().unwrap();
        let addr = free_address().to_string();
        let program = served(folder.path(), database);
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/activated.sh");
        let mut manager = Command::new("bash");
        manager.arg(script).arg(&addr).arg(folder.path().join("pid"));
        manager.arg(program.get_program()).args(program.get_args());
        manager
            .current_dir(folder.path())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        manager.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // What the settings say is not used.
        manager.env("SAOMA_ADDR", "127.0.0.1:1").env("SAOMA_PUBLIC_URL", format!("http://{addr}"));
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        manager.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Activated { manager: manager.spawn().unwrap(), addr, folder }
    }

    /// The process that serves now, if one was started.
    fn pid(&self) -> Option<Pid> {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).ok()?;
        Pid::from_raw(pid.trim().parse().unwrap())
    }

    /// What `systemctl restart` does: ends it, and starts it once it has ended.
    async fn restart(&self) {
        let before = self.pid();
        kill_process(before.unwrap(), Signal::TERM).unwrap();
        let asked = Instant::now();
        while self.pid() == before {
            assert!(asked.elapsed() < BACK_WITHIN, "it does not end: {}", self.log());
            sleep(Duration::from_millis(5)).await;
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Activated {
    fn drop(&mut self) {
        // The manager is killed first: it starts the program again whenever it ends.
        let _ = self.manager.kill();
        let _ = self.manager.wait();
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// What became of connections that were opened for one request each.
#[derive(Default)]
struct Callers {
    answered: AtomicUsize,
    refused: AtomicUsize,
    cut: AtomicUsize,
    stopped: AtomicBool,
}

impl Callers {
    fn run(self: &Arc<Callers>, addr: &str, at_once: usize) -> JoinSet<()> {
        let mut calling = JoinSet::new();
        for _ in 0..at_once {
            let (callers, addr) = (Arc::clone(self), addr.to_owned());
            calling.spawn(async move {
                while !callers.stopped.load(Ordering::SeqCst) {
                    let count = match timeout(BACK_WITHIN, call(&addr)).await {
                        Ok(Ok(())) => &callers.answered,
                        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                            &callers.refused
                        }
                        Ok(Err(_)) | Err(_) => &callers.cut,
                    };
                    count.fetch_add(1, Ordering::SeqCst);
                    sleep(Duration::from_millis(5)).await;
                }
            });
        }
        calling
    }

    fn counts(&self) -> [usize; 3] {
        [&self.answered, &self.refused, &self.cut].map(|count| count.load(Ordering::SeqCst))
    }
}

/// One request on a connection of its own.
async fn call(addr: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ready\n") {
        true => Ok(()),
        false => Err(io::Error::other(answer)),
    }
}

#[tokio::test]
async fn restarts_behind_a_socket_of_systemd_refuse_no_connection() {
    let restarts = asked("RESTARTS", 3);
    let folder = tempfile::tempdir().unwrap();
    let database = testdb::sqlite(folder.path());
    let saoma = Activated::start(&database);
    // The first connection has it started; until then the manager itself may not listen yet.
    let began = Instant::now();
    while call(&saoma.addr).await.is_err() {
        assert!(began.elapsed() < BACK_WITHIN, "{}", saoma.log());
        sleep(Duration::from_millis(20)).await;
    }
    assert!(saoma.log().contains("a socket that was handed over, and not on SAOMA_ADDR"), "{}", saoma.log());
    let orders = Arc::new(till::orders(&database, restarts * ORDERS_PER_RESTART).await);
    let (load, callers) = (Load::new(&orders), Arc::new(Callers::default()));
    let (mut posting, calling) = (load.run(&saoma.addr, 4), callers.run(&saoma.addr, 8));
    for _ in 0..restarts {
        sleep(Duration::from_millis(rand::random_range(100..600))).await;
        saoma.restart().await;
        let (back, answered) = (Instant::now(), callers.counts()[0]);
        // Each caller has waited for an answer, at most, and gets the next one from the new process.
        while callers.counts()[0] < answered + 20 {
            assert!(back.elapsed() < BACK_WITHIN, "it does not serve: {}", saoma.log());
            sleep(Duration::from_millis(5)).await;
        }
    }
    while let Some(posted) = posting.join_next().await {
        posted.unwrap();
    }
    callers.stopped.store(true, Ordering::SeqCst);
    calling.join_all().await;
    let [answered, refused, cut] = callers.counts();
    came_to(&format!(
        "{restarts} restarts: {answered} connections answered, {refused} refused, {cut} cut; {} notices acknowledged and stored once",
        orders.len()
    ));
    assert_eq!((refused, cut, load.refused.load(Ordering::SeqCst)), (0, 0, 0), "{}", saoma.log());
    till::hold(&database, &orders, &load.acknowledged()).await;
    self_check(&database);
}
