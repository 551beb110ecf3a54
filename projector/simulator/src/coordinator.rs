//! The consumer group in memory: who is assigned what, by the eager protocol. Whoever is to give partitions away learns it at
//! its next poll; a member that does not poll in time is passed over, and continues with what it had (a zombie). It must never
//! wait for a member that the schedule calls late.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

pub type MemberId = u32;

/// What a member's next poll brings besides records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Revoke,
    Assign(Vec<i32>),
}

#[derive(Debug, Default)]
struct Member {
    events: VecDeque<Event>,
    /// It was given an assignment, and has not given it back.
    holds: bool,
    /// It does not poll before then.
    asleep_until: Option<Instant>,
    /// What it gets when the round allows it.
    next: Option<Vec<i32>>,
}

#[derive(Debug, Default)]
pub struct Coordinator {
    members: BTreeMap<MemberId, Member>,
    newest: MemberId,
    /// Whether the round waits until every member has given back what it held.
    patient: bool,
    /// What each member owns, as the group sees it.
    pub owned: BTreeMap<MemberId, Vec<i32>>,
}

impl Coordinator {
    pub fn join(&mut self) -> MemberId {
        self.newest += 1;
        self.members.insert(self.newest, Member::default());
        self.newest
    }

    pub fn leave(&mut self, member: MemberId) {
        self.members.remove(&member);
        self.owned.remove(&member);
        self.progress();
    }

    pub fn members(&self) -> Vec<MemberId> {
        self.members.keys().copied().collect()
    }

    /// Begins a round: each partition goes to the member that `owner_of` names.
    pub fn rebalance(
        &mut self,
        partitions: i32,
        patient: bool,
        mut owner_of: impl FnMut(i32, &[MemberId]) -> MemberId,
    ) {
        let members = self.members();
        let mut shares: BTreeMap<MemberId, Vec<i32>> = members.iter().map(|member| (*member, Vec::new())).collect();
        if !members.is_empty() {
            for partition in 0..partitions {
                shares.entry(owner_of(partition, &members)).or_default().push(partition);
            }
        }
        self.patient = patient;
        for (id, member) in &mut self.members {
            member.events.clear();
            if member.holds {
                member.events.push_back(Event::Revoke);
            }
            member.next = shares.get(id).cloned();
        }
        self.owned = shares;
        self.progress();
    }

    /// Members that hold something do not poll for so long.
    pub fn put_to_sleep(&mut self, length: Duration) {
        for member in self.members.values_mut().filter(|member| member.holds) {
            member.asleep_until = Some(Instant::now() + length);
        }
    }

    /// Until when `member` does not poll.
    pub fn asleep(&mut self, member: MemberId) -> Option<Instant> {
        self.members.get_mut(&member).and_then(|member| member.asleep_until.take())
    }

    /// What `member` learns at this poll.
    pub fn poll(&mut self, member: MemberId) -> Option<Event> {
        let found = self.members.get_mut(&member)?;
        let event = found.events.pop_front()?;
        if matches!(event, Event::Assign(_)) {
            found.holds = true;
        }
        Some(event)
    }

    /// `member` has given back what it held.
    pub fn gave_back(&mut self, member: MemberId) {
        if let Some(found) = self.members.get_mut(&member) {
            found.holds = false;
        }
        self.progress();
    }

    fn progress(&mut self) {
        let all = self.members.values().all(|member| !member.holds);
        for member in self.members.values_mut() {
            if !member.holds
                && (all || !self.patient)
                && let Some(next) = member.next.take()
            {
                member.events.push_back(Event::Assign(next));
            }
        }
    }
}
