//! What happens from a state when nothing more goes wrong: the process that the group chose goes on until there is
//! nothing left to do. Run from every state that the checker reaches, it shows that no mix of faults leads into a corner.
//!
//! (The checker's own `eventually` takes no notice of cycles, and this system has some: a relay fenced by a zombie makes
//! a new producer, and fences the zombie.)

use crate::properties::is_finished;
use crate::system::{Action, State, System};

/// More than the longest recovery takes. A protocol that needs more goes round in circles.
const STEP_MAX: usize = 100;

/// Whether everything gets folded and published.
pub fn succeeds(system: &System, state: &State) -> bool {
    let mut state = state.clone();
    let mut actions = Vec::new();
    for _ in 0..STEP_MAX {
        actions.clear();
        system.regular_actions(&state, &mut actions);
        // A rebuild is not needed to recover: it is left as if it had been killed.
        match actions.first() {
            Some(Action::Rebuild(_)) | None => return is_finished(system, &state),
            Some(action) => drop(system.step(&mut state, *action)),
        }
    }
    false
}
