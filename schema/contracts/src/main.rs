//! `ledger-contracts FOLDER [--release]`: writes the generated files, and with `--release` the next revisions of those that changed.
//! `cargo xtask contracts` calls it. It must never do more. Read `lib.rs` next.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::{Result, bail};
use ledger_contracts::{files, released};

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), release, None) = (arguments.next(), arguments.next(), arguments.next()) else {
        bail!("usage: ledger-contracts FOLDER [--release]");
    };
    let folder = PathBuf::from(folder);
    let mut said = files::write(&folder)?;
    match release {
        None => {}
        Some(word) if word == "--release" => said.extend(released::release(&folder)?),
        Some(other) => bail!("{} is not known; usage: ledger-contracts FOLDER [--release]", other.display()),
    }
    if said.is_empty() {
        said.push("nothing to do: all is as the code says".to_owned());
    }
    for line in said {
        writeln!(stdout(), "{line}")?;
    }
    Ok(())
}
