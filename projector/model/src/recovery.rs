//! What happens from a state when nothing more goes wrong: the process that the group chose continues until there is
//! nothing left to do. Run from every state that the checker reaches, it shows that no mix of faults leads into a corner.
//!
//! (The checker's own `eventually` takes no notice of cycles, and this system has some: a relay fenced by a zombie makes
//! a new producer, and fences the zombie.)
//!
//! It must never use a fault, or need a command: one that swaps tables is killed first, and one that still fills its
//! shadow, which may take hours, is left at that. Next: [`crate::properties`].

use crate::actions::Action;
use crate::state::State;
use crate::system::System;

/// More than the longest recovery takes. A protocol that needs more goes round in circles.
const STEP_MAX: usize = 100;

/// Where that leads.
pub fn run(system: &System, state: &State) -> State {
    let mut state = state.clone();
    let State { swapper, database, .. } = &mut state;
    if !swapper.is_loading() {
        swapper.die(&system.protocol, database);
    }
    let mut actions = Vec::new();
    for _ in 0..STEP_MAX {
        actions.clear();
        system.regular_actions(&state, &mut actions);
        match actions.first() {
            None | Some(Action::Swap(_)) => break,
            Some(action) => drop(system.step(&mut state, *action)),
        }
    }
    state
}
