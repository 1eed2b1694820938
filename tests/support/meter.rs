//! What a process costs, as the kernel counts it: memory, processor time, threads, open files; with those that it
//! has started, where they count as well (proc(5)).

use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::printer::spawn;

/// A tick of the kernel's accounts (USER_HZ is 100 wherever Linux runs).
const TICK: Duration = Duration::from_millis(10);
/// How often the memory of a family is added up: a helper that lives shorter than this may be overlooked.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks at one process, which must be there, unless it is said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    pid: u32,
}

impl Meter {
    pub fn of(pid: u32) -> Meter {
        Meter { pid }
    }

    /// Nothing where the process is gone.
    fn read(self, name: &str) -> Option<String> {
        fs::read_to_string(format!("/proc/{}/{name}", self.pid)).ok()
    }

    fn entries(self, folder: &str) -> fs::ReadDir {
        fs::read_dir(format!("/proc/{}/{folder}", self.pid)).expect("the process is there")
    }

    /// Resident memory now, in bytes.
    pub fn memory(self) -> u64 {
        self.status("VmRSS:").expect("the process is there")
    }

    /// The most resident memory so far, in bytes.
    pub fn memory_peak(self) -> u64 {
        self.status("VmHWM:").expect("the process is there")
    }

    /// Lets the most count from now on.
    pub fn forget_memory_peak(self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5").expect("it can be reset");
    }

    fn status(self, name: &str) -> Option<u64> {
        let status = self.read("status")?;
        let value = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(value.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
    }

    /// The processor time that the process has had, user and system.
    pub fn cpu(self) -> Duration {
        self.ticks(2)
    }

    /// The same, with that of all it has started, as far as it has waited for their ends.
    pub fn cpu_with_children(self) -> Duration {
        self.ticks(4)
    }

    /// The sum of so many fields of `stat`, from `utime` on.
    fn ticks(self, fields: usize) -> Duration {
        let stat = self.read("stat").expect("the process is there");
        let ticks = after_name(&stat).skip(11).take(fields);
        TICK * ticks.map(|field| field.parse::<u32>().expect("a number")).sum::<u32>()
    }

    pub fn threads(self) -> usize {
        self.entries("task").count()
    }

    pub fn thread_names(self) -> Vec<String> {
        // One may end while it is looked at.
        self.entries("task")
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .collect()
    }

    pub fn open_files(self) -> usize {
        self.entries("fd").count()
    }

    /// The processes that it has started and that have not ended.
    pub fn children(self) -> Vec<Meter> {
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.map(Meter::of).filter(|process| process.parent() == Some(self.pid)).collect()
    }

    fn parent(self) -> Option<u32> {
        after_name(&self.read("stat")?).nth(1)?.parse().ok()
    }

    /// Resident memory of the process and of all below it now, in bytes; what they share counts for each, and
    /// those that have ended count for nothing.
    pub fn family_memory(self) -> u64 {
        self.status("VmRSS:").unwrap_or_default()
            + self.children().into_iter().map(Meter::family_memory).sum::<u64>()
    }
}

/// The fields of `stat` behind the name, which stands in parentheses and may hold anything.
fn after_name(stat: &str) -> impl Iterator<Item = &str> {
    stat.rsplit(')').next().unwrap_or_default().split_whitespace()
}

/// The most memory that a process and all below it have had at once, for programs that work through others: the
/// peak of no single process tells that.
pub struct FamilyPeak {
    enough: Sender<()>,
    peak: Receiver<u64>,
}

impl FamilyPeak {
    pub fn watch(meter: Meter) -> FamilyPeak {
        let ((enough, told), (tell, peak)) = (channel(), channel());
        spawn("meter", move || {
            let mut peak = meter.family_memory();
            while told.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                peak = peak.max(meter.family_memory());
            }
            let _ = tell.send(peak);
        });
        FamilyPeak { enough, peak }
    }

    /// In bytes.
    pub fn bytes(self) -> u64 {
        drop(self.enough);
        self.peak.recv().expect("it only looks")
    }
}
