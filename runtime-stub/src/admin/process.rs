//! The process, as the kernel sees it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// What is asked of `/proc`, which stays readable once it is open.
struct Open {
    statm: Option<File>,
    descriptors: Option<File>,
}

static OPEN: OnceLock<Open> = OnceLock::new();

/// Opens what is told of the process, before it gives up the right to.
pub(crate) fn open_system_files() {
    OPEN.get_or_init(|| Open {
        statm: File::open("/proc/self/statm").ok(),
        descriptors: File::open("/proc/self/fd").ok(),
    });
}

/// How much memory of the machine the process takes, in bytes; `None` where there is no `/proc`.
pub(super) fn resident_bytes() -> Option<u64> {
    let mut bytes = [0; 128];
    let statm = OPEN.get()?.statm.as_ref()?;
    let length = statm.read_at(&mut bytes, 0).ok()?;
    let text = std::str::from_utf8(bytes.get(..length)?).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

/// How many files, connections among them, are open; `None` where there is no `/proc`, or a kernel
/// before 6.2, which does not say it as the size of the folder.
pub(super) fn open_files() -> Option<u64> {
    let metadata = OPEN.get()?.descriptors.as_ref()?.metadata().ok()?;
    Some(metadata.len()).filter(|count| *count > 0)
}

/// How long processors have worked for it.
pub(super) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Since 1970, in milliseconds.
pub(super) fn millis_of(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or(Duration::ZERO).as_millis()).unwrap_or(u64::MAX)
}
