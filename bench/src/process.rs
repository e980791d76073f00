//! A server under measurement: started on its core, watched through /proc, and stopped whatever happens.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::Failure;

/// How long a server may take to listen, and to stop.
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(15);

/// Ticks of /proc/…/stat per second on Linux, in milliseconds each.
const TICK_MS: u64 = 10;

pub struct Process(Child);

impl Process {
    /// Starts `program` on `core` with nothing of our own environment but the path. What it prints goes to `log`.
    pub fn start(
        core: Option<u32>,
        program: &Path,
        set: impl FnOnce(&mut Command),
        log: &Path,
    ) -> Result<Process, Failure> {
        // Whatever ends this program, even kill -9, ends the server too.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(core) = core {
            command.arg("taskset").arg("-c").arg(core.to_string());
        }
        command.arg(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let out = File::create(log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        set(&mut command);
        Ok(Process(command.spawn()?))
    }

    /// Waits until it takes connections.
    pub async fn listening(&mut self, addr: SocketAddr) -> Result<(), Failure> {
        let began = Instant::now();
        while TcpStream::connect(addr).await.is_err() {
            if let Some(status) = self.0.try_wait()? {
                return Err(format!("the server ended at once: {status}").into());
            }
            if began.elapsed() > START {
                return Err(format!("nothing listens on {addr}").into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Processor time used so far.
    pub fn cpu_ms(&self) -> Result<u64, Failure> {
        cpu_ms(&self.0.id().to_string())
    }

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> Result<u64, Failure> {
        self.status_kib("VmRSS:")
    }

    /// The most resident memory since it started or [`Process::forget_peak`], in KiB.
    pub fn peak_kib(&self) -> Result<u64, Failure> {
        self.status_kib("VmHWM:")
    }

    /// The next peak counts from now on: 5 is that command in proc(5).
    pub fn forget_peak(&self) -> Result<(), Failure> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.0.id()), "5")?)
    }

    fn status_kib(&self, name: &str) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line of status")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// Asks it to stop, and makes it.
    pub async fn stop(mut self) -> Result<(), Failure> {
        Command::new("kill").arg(self.0.id().to_string()).status()?;
        let began = Instant::now();
        while self.0.try_wait()?.is_none() {
            if began.elapsed() > STOP {
                return Err("a server did not stop".into());
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, which is all that is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Processor time of this program.
pub fn own_cpu_ms() -> Result<u64, Failure> {
    cpu_ms("self")
}

/// User and system time of all threads: fields 14 and 15 of proc(5).
fn cpu_ms(pid: &str) -> Result<u64, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("a broken stat line")?;
    let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Ok(ticks.sum::<Result<u64, _>>()? * TICK_MS)
}

/// An address on this machine that nobody listens on.
pub fn free_addr() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
