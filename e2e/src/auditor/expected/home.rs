//! Orders at home, after they were placed: their lines are decided elsewhere, they are confirmed, or they end.
//!
//! It must never give a line back twice: the stage says what was given back. Next: `lines`.

use super::event::{self, Step, Told};
use super::{Home, LineStage, Parked, Partition, Stage};
use crate::auditor::published::{LineSaid, OrderSaid, Said};

impl Partition<'_> {
    /// A line's partition has decided.
    pub(super) fn decided(&mut self, told: Told) -> Result<(), Parked> {
        let Step::Decided(refusal) = &told.step else { unreachable!("it is called for decisions") };
        let refusal = refusal.clone();
        let known = self.orders.get(&told.order_id).cloned();
        let Some(mut home) = known else { return Err(self.give_back(told, "unknown-order")) };
        let at = usize::try_from(told.line_no - 1).expect("lines are numbered from 1");
        let is_asked = home.order.lines.get(at).is_some_and(|line| {
            line.product == told.product
                && line.quantity == told.quantity
                && home.order.lines[0].product == told.home_product
        });
        if !is_asked {
            return Err(self.give_back(told, "unknown-line"));
        }
        match (&home.lines[at], refusal) {
            (LineStage::Pending, None) => {
                home.lines[at] = LineStage::Reserved;
                if home.lines.iter().any(|line| *line != LineStage::Reserved) {
                    self.keep(home);
                } else if home.order.hold_seconds.is_some() {
                    home.stage = Stage::Held;
                    self.announce_order(&home);
                    self.keep(home);
                } else {
                    self.confirm(home);
                }
            }
            (LineStage::Pending, Some(reason)) => {
                home.lines[at] = LineStage::Refused(reason);
                self.end(home, Stage::Rejected);
            }
            (LineStage::Reserved, None) => {
                self.expected.duplicate_count += 1;
                if home.stage == Stage::Confirmed {
                    self.tell(Told { step: Step::Confirmed, ..told });
                }
            }
            (LineStage::Refused(earlier), Some(reason)) if *earlier == reason => self.expected.duplicate_count += 1,
            (LineStage::Released, Some(_)) => self.expected.overruled_count += 1,
            (LineStage::Released, None) => {
                self.expected.overruled_count += 1;
                self.tell(Told { step: Step::Released, ..told });
            }
            (LineStage::Refused(_) | LineStage::Reserved, _) => {
                return Err(self.give_back(told, "conflicting-duplicate"));
            }
        }
        Ok(())
    }

    /// What was reserved for nothing goes back, whatever becomes of the record.
    fn give_back(&mut self, told: Told, parked: Parked) -> Parked {
        if told.step == Step::Decided(None) {
            // The dead letter comes first.
            self.index = 1;
            self.tell(Told { step: Step::Released, ..told });
        }
        parked
    }

    fn keep(&mut self, home: Home) {
        self.orders.insert(home.order.id.clone(), home);
    }

    /// What was held is sold.
    pub(super) fn confirm(&mut self, mut home: Home) {
        home.stage = Stage::Confirmed;
        for (_, line) in self.at_home(&home) {
            self.change(&line.product, 0, -line.quantity);
        }
        self.announce_order(&home);
        self.tell_others(&home, &Step::Confirmed, |_| true);
        self.keep(home);
    }

    /// Everything that was taken goes back, and nobody takes any more.
    pub(super) fn end(&mut self, mut home: Home, stage: Stage) {
        let (before, was_confirmed) = (home.lines.clone(), home.stage == Stage::Confirmed);
        home.stage = stage;
        for line in home.lines.iter_mut().filter(|line| !matches!(line, LineStage::Refused(_))) {
            *line = LineStage::Released;
        }
        let taken: Vec<_> =
            self.at_home(&home).into_iter().filter(|(at, _)| before[*at] == LineStage::Reserved).collect();
        for (_, line) in &taken {
            self.change(&line.product, line.quantity, if was_confirmed { 0 } else { -line.quantity });
        }
        self.announce_order(&home);
        for (at, line) in &taken {
            self.announce_release(&home.order.id, line_no(*at), &line.product, line.quantity);
        }
        self.tell_others(&home, &Step::Released, |at| !matches!(before[at], LineStage::Refused(_)));
        self.keep(home);
    }

    pub(super) fn announce_release(&mut self, order_id: &str, line_no: i64, product: &str, quantity: i64) {
        let available = self.stock[product].available;
        let (order_id, product) = (order_id.to_owned(), product.to_owned());
        self.announce(Said::Released { order_id, line_no, product, delta: quantity, available });
    }

    /// Index and line of those that live here.
    pub(super) fn at_home(&self, home: &Home) -> Vec<(usize, event::Line)> {
        let lines = home.order.lines.iter().cloned().enumerate();
        lines.filter(|(_, line)| self.has(&line.product)).collect()
    }

    /// Tells the partitions of the other lines.
    pub(super) fn tell_others(&mut self, home: &Home, step: &Step, concerns: impl Fn(usize) -> bool) {
        for (at, line) in home.order.lines.iter().enumerate() {
            if !self.has(&line.product) && concerns(at) {
                self.tell(Told {
                    cause: (0, 0, 0),
                    step: step.clone(),
                    order_id: home.order.id.clone(),
                    line_no: line_no(at),
                    home_product: home.order.lines[0].product.clone(),
                    product: line.product.clone(),
                    quantity: line.quantity,
                });
            }
        }
    }

    /// Its cause is the record in hand.
    pub(super) fn tell(&mut self, told: Told) {
        let cause = (self.number, self.offset, self.next_index());
        self.expected.told.entry((self.number, self.offset)).or_default().push(Told { cause, ..told });
    }

    /// What must be published of an order; nothing while it is not decided.
    pub(super) fn announce_order(&mut self, home: &Home) {
        let kind = match home.stage {
            Stage::Pending => return,
            Stage::Held => "OrderHeld",
            Stage::Confirmed => "OrderConfirmed",
            Stage::Rejected => "OrderRejected",
            Stage::Cancelled(_) => "OrderCancelled",
        };
        let order = &home.order;
        let is_one = order.lines.len() == 1;
        let available = is_one && home.stage != Stage::Rejected;
        let lines = (0..order.lines.len())
            .map(|at| LineSaid { status: home.line_status(at).to_owned(), reason: home.line_reason(at) });
        self.announce(Said::Order(OrderSaid {
            kind: kind.to_owned(),
            id: order.id.clone(),
            contents: order.contents(),
            available: available.then(|| self.stock[&order.lines[0].product].available),
            reason: home.reason(),
            expires_at: if home.stage == Stage::Held { order.expires_at() } else { None },
            lines: if is_one { Vec::new() } else { lines.collect() },
        }));
    }
}

pub(super) fn line_no(at: usize) -> i64 {
    i64::try_from(at + 1).expect("an order has at most 100 lines")
}

impl Home {
    pub(super) fn status(&self) -> &'static str {
        match self.stage {
            Stage::Pending => "pending",
            Stage::Held => "held",
            Stage::Confirmed => "confirmed",
            Stage::Rejected => "rejected",
            Stage::Cancelled(_) => "cancelled",
        }
    }

    pub(super) fn line_status(&self, at: usize) -> &'static str {
        match self.lines[at] {
            LineStage::Pending => "pending",
            LineStage::Reserved => "reserved",
            LineStage::Refused(_) => "rejected",
            LineStage::Released => "released",
        }
    }

    /// As the line's row and the outcome say it.
    pub(super) fn line_reason(&self, at: usize) -> Option<String> {
        match (&self.lines[at], self.stage) {
            (LineStage::Refused(reason), _) => Some(reason.clone()),
            (_, Stage::Rejected) => Some("line-rejected".to_owned()),
            (_, Stage::Cancelled(reason)) => Some(reason.to_owned()),
            _ => None,
        }
    }

    /// Of a rejection, that of the first line which was refused.
    fn reason(&self) -> Option<String> {
        match self.stage {
            Stage::Cancelled(reason) => Some(reason.to_owned()),
            _ => self.lines.iter().find_map(|line| match line {
                LineStage::Refused(reason) => Some(reason.clone()),
                _ => None,
            }),
        }
    }
}
