//! The machine that the numbers were measured on, first of all how fast its disk flushes.

use std::fmt;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::numbers::{grouped, millis, percentile};
use crate::{Failure, Plan};

/// Flushes to try, and for how long at most.
const FLUSHES: usize = 1000;
const FLUSH_LIMIT: Duration = Duration::from_secs(3);

/// A description in lines, as it stands below the table.
#[derive(Debug)]
pub struct Machine(Vec<String>);

pub fn describe(plan: &Plan) -> Result<Machine, Failure> {
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let value = |name: &str| {
        cpu_info.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(": "))
    };
    let cores = cpu_info.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let lines = vec![
        format!(
            "Measured on {} cores of {}, Linux {}.",
            cores,
            value("model name").map_or("?", |(_, name)| name),
            kernel.trim()
        ),
        match plan.core {
            Some(core) => format!("The server runs on core {core} only, the load on another one."),
            None => "There is one core only: server and load share it, so no figure is the server's own."
                .to_owned(),
        },
        others()?,
        flushes(&plan.work)?,
        format!("Node {}, Saoma at commit {}.", output("node", &["--version"]), commit()),
        format!(
            "{} rounds in turns, {} notices or {} polls each and {} s at most, over {} connections.",
            plan.rounds,
            grouped(plan.notices.into()),
            grouped(plan.polls.into()),
            plan.seconds,
            plan.connections
        ),
    ];
    lines.iter().for_each(|line| eprintln!("{line}"));
    Ok(Machine(lines))
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "- {line}"))
    }
}

/// What else the machine did: rates mean little beside a compiler, processor time per answer a little more.
fn others() -> Result<String, Failure> {
    let load = load("before it began")?;
    Ok(format!("{load} Above 0.5, other programs take part of what is measured."))
}

/// The load average of the last minute.
pub fn load(when: &str) -> Result<String, Failure> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let minute = load.split(' ').next().unwrap_or_default();
    Ok(format!("Load average {when}: {minute}."))
}

/// Appends a page and waits until it is on disk, as SQLite's log does for each transaction.
fn flushes(folder: &Path) -> Result<String, Failure> {
    let path = folder.join("flush");
    let mut file = File::create(&path)?;
    let page = [1u8; 4096];
    let mut waits_us = Vec::with_capacity(FLUSHES);
    let began = Instant::now();
    while waits_us.len() < FLUSHES && began.elapsed() < FLUSH_LIMIT {
        let start = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        waits_us.push(u64::try_from(start.elapsed().as_micros())?);
    }
    let per_second = waits_us.len() as u64 * 1_000_000 / u64::try_from(began.elapsed().as_micros())?.max(1);
    waits_us.sort_unstable();
    fs::remove_file(path)?;
    let kind = output("stat", &["-f", "-c", "%T", &folder.display().to_string()]);
    let (half, most) = (millis(percentile(&waits_us, 500)), millis(percentile(&waits_us, 990)));
    Ok(format!(
        "The disk ({kind}) takes {} flushes of 4 KiB a second; p50 {half}, p99 {most}.",
        grouped(per_second)
    ))
}

fn commit() -> String {
    let changed = !output("git", &["status", "--porcelain", "--untracked-files=no"]).is_empty();
    format!(
        "{}{}",
        output("git", &["rev-parse", "--short", "HEAD"]),
        if changed { " with changes" } else { "" }
    )
}

/// What a command prints, or nothing: it only describes.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
