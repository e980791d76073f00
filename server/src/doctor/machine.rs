//! This machine: who can read its secrets, its clock, its way to WeChat.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use cashier::db::sqlite_file;
use rustix::fs::statvfs;
use tokio::time::timeout;
use wxpay::{UnixMillis, client::Endpoint};

use super::{Found, Patient};
use crate::config::{Mode, permissions};

/// How far this machine's clock may be off, in seconds: far below the 300 s at which messages are refused.
const CLOCK_S: i64 = 60;

pub(super) fn files(patient: &Patient) -> Found {
    let database = sqlite_file::all_paths(patient.config.database_url.expose());
    let files = patient.config.secret_files.iter().chain(&database).map(PathBuf::as_path);
    let exposed = permissions::exposed(files);
    if exposed.is_empty() {
        return Found::good("no other user of this machine can open a file with secrets");
    }
    let names: Vec<_> = exposed.iter().map(|exposed| exposed.file.display().to_string()).collect();
    Found::warning(format!("every user of this machine can open {}", names.join(", ")))
}

/// The addresses that calls for payments go to.
fn addresses(patient: &Patient) -> Vec<String> {
    match &patient.config.mode {
        Mode::Sandbox { addr } => vec![format!("http://{addr}")],
        Mode::Merchant(merchant) => match &merchant.base_url {
            Some(url) => vec![url.clone()],
            None => vec![Endpoint::WECHAT.to_owned(), Endpoint::WECHAT_BACKUP.to_owned()],
        },
    }
}

pub(super) async fn clock(patient: &Patient) -> Found {
    for address in addresses(patient) {
        let Ok(answer) = patient.http.get(&address).send().await else { continue };
        let date = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let Some(theirs) = date.and_then(|date| httpdate::parse_http_date(date).ok()) else { continue };
        let since_1970 = theirs.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let theirs_s = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
        let off_s = UnixMillis::now().get() / 1000 - theirs_s;
        return match off_s.abs() {
            ..=CLOCK_S => Found::good(format!("this machine's clock is {off_s} s ahead of WeChat's")),
            _ => Found::bad(format!("this machine's clock is {off_s} s ahead of WeChat's")),
        };
    }
    Found::skipped("WeChat told no time: see wechat_hosts")
}

pub(super) async fn hosts(patient: &Patient) -> Found {
    let mut failed = Vec::new();
    let addresses = addresses(patient);
    for address in &addresses {
        // Any answer will do: it came over a connection that TLS has proven.
        if let Err(error) = patient.http.get(address).send().await {
            failed.push(format!("{address}: {}", cashier::error_chain::error_chain(&error)));
        }
    }
    match failed.len() {
        0 => Found::good(format!("{} can be reached", addresses.join(" and "))),
        all if all == addresses.len() => Found::bad(failed.join("; ")),
        _ => Found::warning(failed.join("; ")),
    }
}

/// Space that a busy day may take, in bytes, and what is too little to go on.
const ROOM: u64 = 1 << 30;
const TOO_LITTLE: u64 = 100 << 20;

pub(super) fn disk(patient: &Patient) -> Found {
    let Some(file) = sqlite_file::path(patient.config.database_url.expose()) else {
        return Found::skipped("PostgreSQL's disk is not seen from here");
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match statvfs(folder) {
        Ok(found) => judge_room(found.f_bavail.saturating_mul(found.f_frsize), folder),
        Err(_) => Found::skipped(format!("there is no folder {} yet", folder.display())),
    }
}

fn judge_room(free: u64, folder: &Path) -> Found {
    let text = format!("{} MB are free in {}", free >> 20, folder.display());
    match free {
        ..TOO_LITTLE => Found::bad(text),
        TOO_LITTLE..ROOM => Found::warning(text),
        _ => Found::good(text),
    }
}

/// Written by systemd-timesyncd once it has the time.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

pub(super) async fn ntp(_: &Patient) -> Found {
    if Path::new(SYNCHRONIZED).exists() {
        return Found::good("systemd keeps this machine's clock");
    }
    let asked = tokio::task::spawn_blocking(|| {
        Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output()
    });
    let answer = match timeout(Duration::from_secs(3), asked).await {
        Ok(Ok(Ok(answer))) if answer.status.success() => answer,
        _ => return Found::skipped("this machine does not tell whether its clock is kept by NTP"),
    };
    match String::from_utf8_lossy(&answer.stdout).trim() {
        "yes" => Found::good("this machine's clock is kept by NTP"),
        "no" => Found::warning("this machine's clock is not kept by NTP"),
        _ => Found::skipped("this machine does not tell whether its clock is kept by NTP"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_disk_is_warned_about_before_it_is_full() {
        let verdict = |mb: u64| judge_room(mb << 20, Path::new("data")).verdict;
        assert_eq!(verdict(99), Verdict::Bad);
        assert_eq!(verdict(100), Verdict::Warning);
        assert_eq!(verdict(1023), Verdict::Warning);
        assert_eq!(verdict(1024), Verdict::Good);
    }
}
