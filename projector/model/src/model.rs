//! What the checker asks: where it begins, which steps there are, where they lead, and what must hold.
//!
//! It must never decide any of that. Next: the tests, `tests/protocol.rs` and `tests/mutants.rs`.

use stateright::{Model, Property};

use crate::actions::Action;
use crate::properties as holds;
use crate::state::State;
use crate::system::System;

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::initial(self.limits)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.regular_actions(state, actions);
        Self::faulty_actions(state, actions);
    }

    fn next_state(&self, last_state: &State, action: Action) -> Option<State> {
        let mut state = last_state.clone();
        self.coverage.count(self.step(&mut state, action));
        (state != *last_state).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = holds::ALWAYS.iter().map(|(name, condition)| Property::always(name, *condition));
        always.chain([Property::sometimes(holds::FINISHES, holds::is_finished)]).collect()
    }
}
