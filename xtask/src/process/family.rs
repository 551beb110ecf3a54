//! Everything that a command started, however deep: tests start services in groups of their own, and
//! a test that is killed cannot end them. Orphans of the family come to this process, which ends them.
//!
//! It must never touch a process that is no descendant of this one.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::identity::{ProcessStat, all_processes};

const POLL_INTERVAL: Duration = Duration::from_millis(20);
const END_LIMIT: Duration = Duration::from_secs(10);

/// While it lives, orphaned descendants become children of this process; on drop they are killed.
#[derive(Debug)]
pub struct Family(());

impl Family {
    /// Takes over what descendants leave behind from here on.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn adopt() -> Result<Self> {
        set_child_subreaper(true)?;
        Ok(Self(()))
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        let Ok(own) = i32::try_from(std::process::id()) else { return };
        let begin = Instant::now();
        // One that is killed may have started another meanwhile, so until there is none.
        while begin.elapsed() < END_LIMIT {
            let all: Vec<ProcessStat> = all_processes().collect();
            let running: Vec<i32> = descendants(&all, own);
            if running.is_empty() {
                return;
            }
            for pid in running {
                // It may just have ended by itself.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// The running descendants of `ancestor` among `all`.
fn descendants(all: &[ProcessStat], ancestor: i32) -> Vec<i32> {
    let mut family = BTreeSet::from([ancestor]);
    loop {
        let before = family.len();
        family.extend(all.iter().filter(|stat| family.contains(&stat.parent)).map(|stat| stat.pid).collect::<Vec<_>>());
        if family.len() == before {
            break;
        }
    }
    let is_running_member =
        |stat: &&ProcessStat| stat.pid != ancestor && family.contains(&stat.pid) && stat.is_running();
    all.iter().filter(is_running_member).map(|stat| stat.pid).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, state: char) -> ProcessStat {
        ProcessStat { pid, state, parent, group: pid, session: 1, start_ticks: 0 }
    }

    #[test]
    fn descendants_are_found_at_any_depth_and_strangers_are_not() {
        let all = [process(9, 7, 'S'), process(7, 5, 'S'), process(5, 1, 'S'), process(6, 1, 'S'), process(8, 5, 'Z')];
        assert_eq!(descendants(&all, 5), [9, 7]);
        assert_eq!(descendants(&all, 6), Vec::<i32>::new());
    }
}
