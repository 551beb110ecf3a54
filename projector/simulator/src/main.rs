//! `ledger-simulate`: plays schedules, and shows the first that fails, as short as it gets. It must never say that all is well
//! when one failed: exit code 1 then, 0 otherwise.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use clap::Parser;
use ledger_simulator::choice::{self, Choices};
use ledger_simulator::schedule::{Setting, play};
use ledger_simulator::settings::{Mutant, Profile};
use ledger_simulator::shrink::{kind_of, shrink};

/// Runs the projector's code under schedules that seeds decide
#[derive(Debug, Parser)]
struct Arguments {
    /// How many schedules
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first of their seeds
    #[arg(long, default_value_t = 0, conflicts_with = "seed")]
    first: u64,
    /// This schedule only
    #[arg(long)]
    seed: Option<u64>,
    /// Which disturbances: everything, swaps, owners, losses or pauses
    #[arg(long, default_value = "everything")]
    profile: Profile,
    /// A mistake that the servers in memory make on purpose; may be given several times
    #[arg(long)]
    mutant: Vec<Mutant>,
    /// Shows the failed schedule as it was, without making it shorter
    #[arg(long)]
    whole: bool,
    /// Plays all seeds, and lists what goes wrong how often, with the first seed of each
    #[arg(long)]
    survey: bool,
    /// The schedule of these choices, as a failed run showed them
    #[arg(long, conflicts_with_all = ["seed", "first"])]
    choices: Option<String>,
    /// Schedules at once; all cores where it is not given
    #[arg(long)]
    threads: Option<usize>,
}

#[expect(clippy::print_stdout, reason = "what this program finds is its output")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let setting = Setting { mutants: arguments.mutant.clone(), profile: arguments.profile };
    if let Some(choices) = &arguments.choices {
        return match choice::read(choices) {
            Ok(choices) => {
                let shown = play(Choices::recorded(choices), &setting, true);
                println!("{}", shown.trace.join("\n"));
                ExitCode::from(u8::from(shown.violation.is_some()))
            }
            Err(wrong) => {
                println!("{wrong}");
                ExitCode::from(2)
            }
        };
    }
    let (first, seeds) = arguments.seed.map_or((arguments.first, arguments.seeds), |seed| (seed, 1));
    let began = Instant::now();
    let Search { failed, played, steps } = search(first, seeds, &setting, &arguments);
    let seconds = began.elapsed().as_secs_f64();
    if arguments.survey {
        for (kind, (count, seed)) in &failed {
            println!("{count} times, first by seed {seed}: {kind}");
        }
    }
    let Some(seed) = failed.values().map(|(_, seed)| *seed).min() else {
        println!("{played} schedules, {steps} steps, {seconds:.1} s: nothing is wrong");
        return ExitCode::SUCCESS;
    };
    if arguments.survey {
        return ExitCode::FAILURE;
    }
    let failure = play(Choices::of_seed(seed), &setting, false);
    println!("seed {seed} fails: {}", failure.violation.as_deref().unwrap_or("nothing"));
    let shown =
        if arguments.whole { play(Choices::of_seed(seed), &setting, true) } else { shrink(failure.choices, &setting) };
    println!("{}", shown.trace.join("\n"));
    println!("choices: {}", choice::show(&shown.choices));
    println!("again: ledger-simulate --seed {seed}");
    ExitCode::FAILURE
}

struct Search {
    /// How often each kind of failure was found, and the lowest of its seeds.
    failed: BTreeMap<String, (u64, u64)>,
    played: u64,
    steps: u64,
}

/// Plays the seeds on all threads, up to the first that fails where this is no survey.
fn search(first: u64, seeds: u64, setting: &Setting, arguments: &Arguments) -> Search {
    let threads = arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let (next, played, steps) = (AtomicU64::new(first), AtomicU64::new(0), AtomicU64::new(0));
    let (found, stop) = (Mutex::new(BTreeMap::<String, (u64, u64)>::new()), AtomicBool::new(false));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first.saturating_add(seeds) {
                return;
            }
            let one = play(Choices::of_seed(seed), setting, false);
            played.fetch_add(1, Ordering::Relaxed);
            steps.fetch_add(one.steps, Ordering::Relaxed);
            if let Some(violation) = one.violation {
                stop.store(!arguments.survey, Ordering::Relaxed);
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                let (count, lowest) = found.entry(kind_of(&violation)).or_insert((0, seed));
                (*count, *lowest) = (*count + 1, seed.min(*lowest));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    let failed = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    Search { failed, played: played.into_inner(), steps: steps.into_inner() }
}
