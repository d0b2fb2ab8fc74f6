//! What work costs: time by the clock, time of all processors, resident memory.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

/// Ticks a second in which Linux counts the time of processors for programs, on every architecture.
const TICKS: f64 = 100.0;

/// The largest resident memory before the peak was last forgotten.
static BEFORE: AtomicU64 = AtomicU64::new(0);

/// What something cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Seconds by the clock.
    pub seconds: f64,
    /// Seconds of all processors together; `None` where the system does not say.
    pub cpu_seconds: Option<f64>,
    /// Largest resident memory meanwhile, in bytes; `None` where the system does not say, and within other work, whose peak it
    /// would be.
    pub peak_memory_bytes: Option<u64>,
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.cpu_seconds = match (self.cpu_seconds, other.cpu_seconds) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        self.peak_memory_bytes = self.peak_memory_bytes.max(other.peak_memory_bytes);
    }
}

/// Runs from its start until it is asked.
#[derive(Debug)]
pub struct Meter {
    clock: Instant,
    cpu: Option<f64>,
    peak: bool,
}

impl Meter {
    /// Starts, and forgets the peak of memory so far (but for [`peak_memory`]). One at a time: a second one would make the first
    /// forget.
    pub fn start() -> Self {
        if let Some(peak) = high_water() {
            BEFORE.fetch_max(peak, Ordering::Relaxed);
        }
        // Linux sets the peak back to what is resident now; elsewhere the peak is that of the whole process.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self {
            peak: true,
            ..Self::within()
        }
    }

    /// Starts within the work of another meter, whose peak stays its own.
    pub fn within() -> Self {
        Self {
            clock: Instant::now(),
            cpu: cpu_seconds(),
            peak: false,
        }
    }

    /// What was spent since the start.
    pub fn spent(&self) -> Spent {
        Spent {
            seconds: self.clock.elapsed().as_secs_f64(),
            cpu_seconds: self.cpu.and_then(|start| Some((cpu_seconds()? - start).max(0.0))),
            peak_memory_bytes: self.peak.then(high_water).flatten(),
        }
    }
}

/// Largest resident memory of this process so far, in bytes; `None` where the system does not say.
pub fn peak_memory() -> Option<u64> {
    high_water().map(|peak| peak.max(BEFORE.load(Ordering::Relaxed)))
}

fn high_water() -> Option<u64> {
    kibibytes("/proc/self/status", "VmHWM:")
}

/// Memory that can be taken now, in bytes: what the system has free or can free, within the limits that are set for this
/// process and its group; `None` where the system does not say.
pub fn available_memory() -> Option<u64> {
    let free = kibibytes("/proc/meminfo", "MemAvailable:")?;
    let number = |name: &str| {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    // Without a limit the file says `max`.
    let group = number("memory.max").map(|limit| limit.saturating_sub(number("memory.current").unwrap_or(0)));
    let taken = || kibibytes("/proc/self/status", "VmSize:").unwrap_or(0);
    let own = address_limit().map(|limit| limit.saturating_sub(taken()));
    [group, own].into_iter().flatten().fold(free, u64::min).into()
}

/// Bytes of addresses that this process may have (`ulimit -v`), where there is a limit.
fn address_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    // Without a limit the list says `unlimited`.
    line.split_whitespace().next()?.parse().ok()
}

/// Memory that this process can have at all, in bytes: the machine's with what it swaps to, within the limits set for this
/// process and its group; `None` where the system does not say.
pub fn memory_limit() -> Option<u64> {
    let machine = machine_memory()? + kibibytes("/proc/meminfo", "SwapTotal:").unwrap_or(0);
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok());
    [group, address_limit()]
        .into_iter()
        .flatten()
        .fold(machine, u64::min)
        .into()
}

/// The number behind `key` in one of the kernel's lists.
fn kibibytes(file: &str, key: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Memory of the machine in bytes; `None` where the system does not say.
pub fn machine_memory() -> Option<u64> {
    kibibytes("/proc/meminfo", "MemTotal:")
}

/// Time of all threads so far, in the program and for it in the kernel.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The program's name, in parentheses, may hold anything; user and system time are the 12th and 13th field behind it.
    let fields = stat.rsplit_once(')')?.1;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some((user + system) as f64 / TICKS)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_and_memory_are_seen() {
        let before = peak_memory().unwrap();
        assert!(before > 1 << 20, "{before}");
        let meter = Meter::start();
        assert_eq!(Meter::within().spent().peak_memory_bytes, None);
        let block = vec![1_u8; 64 << 20];
        // It ends, because working is seen.
        while meter.spent().cpu_seconds.unwrap() < 0.02 {
            let sum: u64 = std::hint::black_box(&block).iter().map(|&v| u64::from(v)).sum();
            assert_eq!(sum, 64 << 20);
        }
        let spent = meter.spent();
        assert!(spent.seconds > 0.0);
        assert!(spent.peak_memory_bytes.unwrap() >= 64 << 20);
    }

    #[test]
    fn spending_adds_up_and_the_largest_peak_stays() {
        let one = Spent {
            seconds: 1.0,
            cpu_seconds: Some(2.0),
            peak_memory_bytes: Some(10),
        };
        let mut all = Spent::default();
        all += one;
        all += Spent {
            peak_memory_bytes: Some(7),
            ..one
        };
        assert_eq!(
            (all.seconds, all.cpu_seconds, all.peak_memory_bytes),
            (2.0, Some(4.0), Some(10))
        );
    }
}
