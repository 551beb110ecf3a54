//! Deaths at lines that write: `ledger-failpoints` runs in the place of `ledger`, with the place to die in
//! `FAILPOINTS`, and whoever takes over must find everything as it has to be. It must never know the points itself: the
//! binary names them.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::ledger::Ledger;

use crate::kinds::FaultCounts;
use crate::pace::Pace;
use crate::progress::progress;
use crate::random::Random;
use crate::system::{STOP_GRACE, System};

const PROGRAM: &str = "ledger-failpoints";
const SIGKILL: i32 = 9;
/// A line that is not reached within this is given up.
const REACHED_LIMIT: Duration = Duration::from_secs(30);
/// A line that waits for a rare record (a bad one) is helped by more orders.
const STARVES_AFTER: Duration = Duration::from_secs(2);
/// A member that says who it is takes its own place in the group when it comes again, so that nobody has to wait until
/// the session of the dead one is over.
const MEMBER: (&str, &str) = ("LEDGER_KAFKA_PROPERTIES", "group.instance.id=mortal");

/// The points whose names begin with one of `whose`, in the order in which the code reaches them.
pub(crate) fn points(ledger: &Ledger, whose: &[&str]) -> Result<Vec<String>> {
    let (status, output) = ledger.start_program(PROGRAM, &[], &["list-failpoints"])?.wait()?;
    ensure!(status.success(), "{PROGRAM} does not name its points ({status}): {output}");
    let points: Vec<String> = output
        .lines()
        .filter(|point| point.split_once('.').is_some_and(|(start, _)| whose.contains(&start)))
        .map(str::to_owned)
        .collect();
    ensure!(!points.is_empty(), "there are no points of {whose:?}");
    // Else a name with a slip in it would be a line that is never reached.
    let (status, output) = ledger.start_program(PROGRAM, &[("FAILPOINTS", "nowhere=kill")], &["status"])?.wait()?;
    ensure!(status.code() == Some(2), "a point that is not there was taken ({status}): {output}");
    Ok(points)
}

/// The projector dies at every line of its transactions and of its relays', each after the one before it was survived.
pub(crate) fn of_the_projector(
    system: &mut System,
    pace: &Pace,
    random: &mut Random,
    counts: &mut FaultCounts,
) -> Result<u64> {
    let mut points = points(&system.ledger, &["store", "relay", "tick"])?;
    random.shuffle(&mut points);
    system.ledger.projector.process.terminate(STOP_GRACE)?;
    let program = system.ledger.servers.binaries.join(PROGRAM);
    let mut deaths = 0;
    for point in points {
        let at = format!("{point}={}*off->kill", random.below(3));
        system.ledger.projector.restart_as(program.clone(), &[("FAILPOINTS", &at), MEMBER])?;
        let begin = Instant::now();
        let died = died_there(system, pace)?;
        deaths += u64::from(died);
        *counts.entry(dead_at(&point)).or_default() += u64::from(died);
        let outcome = if died { "dead" } else { "NOT REACHED" };
        progress(&format!("     {at}: {outcome} ({:.1} s)", begin.elapsed().as_secs_f64()));
        if !died {
            system.ledger.projector.process.kill()?;
        }
    }
    system.ledger.projector.restart()?;
    Ok(deaths)
}

/// Waits for the projector's death.
fn died_there(system: &mut System, pace: &Pace) -> Result<bool> {
    let begin = Instant::now();
    while begin.elapsed() < REACHED_LIMIT {
        if let Some(status) = system.wait_projector_ended(STARVES_AFTER)? {
            check_killed(status).context("the projector")?;
            return Ok(true);
        }
        pace.lend();
    }
    Ok(false)
}

fn check_killed(status: ExitStatus) -> Result<()> {
    ensure!(status.signal() == Some(SIGKILL), "was to die at a failpoint, but ended: {status}");
    Ok(())
}

/// How a death is counted.
pub(crate) fn dead_at(point: &str) -> String {
    format!("  death at {point}")
}

/// A command dies at a point that it is sure to reach.
pub(crate) fn of_a_command(system: &mut System, point: &str, args: &[&str], counts: &mut FaultCounts) -> Result<()> {
    let (name, _) = point.split_once('=').unwrap_or((point, ""));
    let setting = if point.contains('=') { point.to_owned() } else { format!("{point}=kill") };
    let running = system.ledger.start_program(PROGRAM, &[("FAILPOINTS", &setting)], args)?;
    let (status, output) = running.wait()?;
    check_killed(status).with_context(|| format!("`ledger {}` at {point}: {output}", args.join(" ")))?;
    *counts.entry(dead_at(name)).or_default() += 1;
    Ok(())
}

/// A command that has to end with `code`; answers its output.
pub(crate) fn command(ledger: &Ledger, args: &[&str], code: i32) -> Result<String> {
    let (status, output) = ledger.start_program("ledger", &[], args)?.wait()?;
    if status.code() != Some(code) {
        bail!("`ledger {}` ended with {status}, expected code {code}: {output}", args.join(" "));
    }
    Ok(output)
}
