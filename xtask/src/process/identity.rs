//! Who a process is: its number together with when it started and in which boot, read from `/proc`.
//!
//! It must never take a number alone for a process: after a crash or a reboot it may be somebody else's.

use std::fs;

use serde::{Deserialize, Serialize};

/// One line of `/proc/PID/stat`, as far as it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessStat {
    /// The process.
    pub pid: i32,
    /// Its state; `Z` and `X` are dead.
    pub state: char,
    /// The process that started it, or took it over when that one ended.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
}

impl ProcessStat {
    /// Reads the line of a process; `None` when there is no such process.
    #[must_use]
    pub fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The program's name stands in parentheses and may itself hold spaces and parentheses, so the
    /// fields are counted from the last one.
    fn parse(line: &str) -> Option<Self> {
        let (head, tail) = line.rsplit_once(')')?;
        let pid = head.split_once(' ')?.0.parse().ok()?;
        let mut fields = tail.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let session = fields.next()?.parse().ok()?;
        let start_ticks = fields.nth(15)?.parse().ok()?;
        Some(Self { pid, state, parent, group, session, start_ticks })
    }

    /// Whether it still runs: a zombie does not.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

/// A process that is distinguished from every other one, before and after a reboot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Its number; also that of its process group, which it leads.
    pub pid: i32,
    /// Its session: what is left of its group is known by it when the leader is gone.
    pub session: i32,
    /// When it started, in clock ticks since boot.
    pub start_ticks: u64,
    /// The boot in which it started.
    pub boot_id: String,
}

impl ProcessIdentity {
    /// The identity of a running process.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        Some(Self::from_stat(&ProcessStat::read(pid).filter(ProcessStat::is_running)?))
    }

    /// The identity of the process that `stat` was read of, in this boot.
    #[must_use]
    pub fn from_stat(stat: &ProcessStat) -> Self {
        let ProcessStat { pid, session, start_ticks, .. } = *stat;
        Self { pid, session, start_ticks, boot_id: boot_id() }
    }

    /// Whether this very process still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.boot_id == boot_id()
            && ProcessStat::read(self.pid).is_some_and(|stat| stat.is_running() && stat.start_ticks == self.start_ticks)
    }

    /// The running members of the group that it led. The kernel gives no new process the number of
    /// a group that still has members, so the session only guards against a group that came later.
    #[must_use]
    pub fn group_members(&self) -> Vec<i32> {
        if self.boot_id != boot_id() {
            return Vec::new();
        }
        if ProcessStat::read(self.pid).is_some_and(|stat| stat.start_ticks != self.start_ticks) {
            return Vec::new(); // The number is somebody else's, so the old group is empty.
        }
        let in_group = |stat: &ProcessStat| stat.group == self.pid && stat.session == self.session && stat.is_running();
        all_processes().filter(in_group).map(|stat| stat.pid).collect()
    }
}

/// Every process of the machine, as `/proc` shows them one after the other.
pub fn all_processes() -> impl Iterator<Item = ProcessStat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(ProcessStat::read)
}

fn boot_id() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_pid() -> i32 {
        i32::try_from(std::process::id()).unwrap()
    }

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let line = "4321 (a (b) c) S 1 4300 4200 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 998877 1 2";
        let stat = ProcessStat::parse(line).unwrap();
        let expected =
            ProcessStat { pid: 4321, state: 'S', parent: 1, group: 4300, session: 4200, start_ticks: 998_877 };
        assert_eq!(stat, expected);
        assert_eq!(ProcessStat::parse("nonsense"), None);
    }

    #[test]
    fn a_running_process_is_known_again() {
        let identity = ProcessIdentity::of(own_pid()).unwrap();
        assert!(identity.is_running());
    }

    #[test]
    fn a_number_that_was_used_again_is_not_the_same_process() {
        let identity = ProcessIdentity::of(own_pid()).unwrap();
        let earlier = ProcessIdentity { start_ticks: identity.start_ticks - 1, ..identity.clone() };
        assert!(!earlier.is_running());
        assert_eq!(earlier.group_members(), Vec::<i32>::new());
        let other_boot = ProcessIdentity { boot_id: "another".to_owned(), ..identity };
        assert!(!other_boot.is_running());
        assert_eq!(other_boot.group_members(), Vec::<i32>::new());
    }
}
