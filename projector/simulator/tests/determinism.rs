//! A seed is one schedule, however often it is played, and its recorded choices are the same schedule.

use ledger_simulator::choice::Choices;
use ledger_simulator::schedule::{Setting, play};

#[test]
fn a_seed_and_its_choices_are_one_schedule() {
    let setting = Setting::default();
    for seed in 0..200 {
        let first = play(Choices::of_seed(seed), &setting, true);
        let again = play(Choices::of_seed(seed), &setting, true);
        assert_eq!(again.trace, first.trace, "seed {seed}");
        let recorded = play(Choices::recorded(first.choices.clone()), &setting, true);
        assert_eq!(recorded.trace, first.trace, "seed {seed} from its choices");
    }
}
