//! The process and its disk, as Linux tells of them. Elsewhere these metrics are absent.

use std::{fs, path::Path, sync::LazyLock, time::Duration};

use cashier::db::sqlite_file;
use observe::float;
use rustix::{
    fs::statvfs,
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};
use wxpay::UnixMillis;

use crate::config::Config;

/// When this was first asked, which the server does when it starts.
static STARTED: LazyLock<UnixMillis> = LazyLock::new(UnixMillis::now);

pub(super) fn set(config: &Config) {
    super::set_time(&observe::STARTED.of([]), *STARTED);
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(cpu.tv_sec).unwrap_or(0), u32::try_from(cpu.tv_nsec).unwrap_or(0));
    let counter = observe::CPU.of([]);
    counter.reset();
    counter.inc_by(Duration::new(seconds, nanos).as_secs_f64());
    if let Some(pages) = resident_pages() {
        observe::MEMORY.of([]).set(bytes(pages.saturating_mul(rustix::param::page_size() as u64)));
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Without the one that reads it.
        observe::FILES.of([]).set(float(open.count().saturating_sub(1)));
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        observe::FILES_MAX.of([]).set(bytes(most));
    }
    set_disk(config);
}

/// The second field of `/proc/self/statm`.
fn resident_pages() -> Option<u64> {
    fs::read_to_string("/proc/self/statm").ok()?.split(' ').nth(1)?.parse().ok()
}

fn set_disk(config: &Config) {
    let url = config.database_url.expose();
    let file = sqlite_file::path(url);
    let folder = file.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(disk) = statvfs(folder.unwrap_or(Path::new("."))) {
        observe::DISK_FREE.of([]).set(bytes(disk.f_bavail.saturating_mul(disk.f_frsize)));
        observe::DISK_SIZE.of([]).set(bytes(disk.f_blocks.saturating_mul(disk.f_frsize)));
    }
    if file.is_some() {
        let sizes = sqlite_file::all_paths(url).into_iter().filter_map(|file| fs::metadata(file).ok());
        observe::DB_BYTES.of([]).set(bytes(sizes.map(|file| file.len()).sum()));
    }
}

/// Exact to 2^53, which no disk has bytes.
#[expect(clippy::cast_precision_loss, reason = "Prometheus knows floats only")]
fn bytes(count: u64) -> f64 {
    count as f64
}
