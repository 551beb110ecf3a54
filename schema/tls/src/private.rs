//! Whether a file with a secret can be read by others. The rule is that of PostgreSQL's keys: what belongs to this user must be closed to
//! everybody else; what belongs to root, and is read by another user, may be open to its group, which is how that user gets it (a
//! secret that a container is given). It must never look into the file.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Rights of group and others.
const OTHERS: u32 = 0o077;
/// Of them, what a file of root's may give to its group.
const READ_BY_GROUP: u32 = 0o040;

/// # Errors
/// What is wrong and what to do, as the end of a sentence that begins with the file's name.
pub fn check(path: &Path) -> Result<(), String> {
    let metadata = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    judge(metadata.mode(), metadata.uid(), rustix::process::geteuid().as_raw())
}

fn judge(mode: u32, owner: u32, this_user: u32) -> Result<(), String> {
    let is_roots_for_us = owner == 0 && this_user != 0;
    let too_much = mode & OTHERS & if is_roots_for_us { !READ_BY_GROUP } else { !0 };
    if too_much == 0 {
        return Ok(());
    }
    let advice = if is_roots_for_us { "chmod 640, or 600 and chown" } else { "chmod 600" };
    Err(format!("holds a secret that others may read or change (its mode is {:03o}): {advice}", mode & 0o777))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_else_may_read_decides() {
        for (mode, owner, this_user, is_fine) in [
            (0o100_600, 1000, 1000, true),
            (0o100_400, 1000, 1000, true),
            (0o100_640, 1000, 1000, false),
            (0o100_604, 1000, 1000, false),
            (0o100_620, 1000, 1000, false),
            (0o100_640, 0, 1000, true),
            (0o100_440, 0, 1000, true),
            (0o100_644, 0, 1000, false),
            (0o100_660, 0, 1000, false),
            (0o100_640, 0, 0, false),
            (0o100_600, 0, 0, true),
            // Somebody else's: that it can be read at all is the fault.
            (0o100_640, 1001, 1000, false),
        ] {
            assert_eq!(judge(mode, owner, this_user).is_ok(), is_fine, "{mode:o} of {owner} for {this_user}");
        }
        let told = judge(0o100_644, 1000, 1000).expect_err("too open");
        assert_eq!(told, "holds a secret that others may read or change (its mode is 644): chmod 600");
    }
}
