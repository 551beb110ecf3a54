//! The naive rules of orders that stand before: what partitions tell each other, what is asked of an order, and how it ends. It must
//! never share code with the fold.

use crate::ask::{HOLD_SECONDS, PRODUCTS, Step, Told};
use crate::oracle::{LineSeen, Naive, OrderSeen, Reserved, Said};

impl Naive {
    /// The order of that id whose first line is of that product.
    fn at_home(&mut self, offset: i64, id: u32, home: usize) -> Option<OrderSeen> {
        let found = self.tables.orders.get(&id).filter(|order| order.lines[0].product == home).cloned();
        if found.is_none() {
            self.park(offset, "unknown-order");
        }
        found
    }

    pub(crate) fn confirm_asked(&mut self, offset: i64, id: u32, home: usize) {
        let Some(order) = self.at_home(offset, id, home) else { return };
        if order.status == "held" {
            self.confirm(offset, id, order);
        }
    }

    pub(crate) fn cancel_asked(&mut self, offset: i64, id: u32, home: usize) {
        let Some(order) = self.at_home(offset, id, home) else { return };
        if ["pending", "held", "confirmed"].contains(&order.status) {
            self.end(offset, id, order, "cancelled", "cancelled");
        }
    }

    pub(crate) fn expiry(&mut self, offset: i64, id: u32, home: usize, after: i64) {
        let Some(order) = self.at_home(offset, id, home) else { return };
        match order.status {
            "held" if after >= HOLD_SECONDS => self.end(offset, id, order, "cancelled", "expired"),
            "held" => self.park(offset, "hold-not-over"),
            _ => {}
        }
    }

    fn confirm(&mut self, offset: i64, id: u32, mut order: OrderSeen) {
        order.status = "confirmed";
        for line in order.lines.iter().filter(|line| self.is_here(line.product)).cloned().collect::<Vec<_>>() {
            self.shift(line.product, 0, -line.quantity, offset);
        }
        self.say_order(offset, &order);
        self.tell_others(offset, id, &order, Step::Confirmed, |_| true);
        self.tables.orders.insert(id, order);
    }

    fn end(&mut self, offset: i64, id: u32, mut order: OrderSeen, status: &'static str, reason: &'static str) {
        let before = std::mem::replace(&mut order.status, status);
        let mut back = Vec::new();
        let mut told = Vec::new();
        for (number, line) in (1..).zip(&mut order.lines).filter(|(_, line)| line.status != "rejected") {
            let here = line.product / PRODUCTS == self.partition;
            if here && line.status == "reserved" {
                back.push((line.product, line.quantity));
            }
            if !here {
                told.push(number);
            }
            (line.status, line.reason) = ("released", Some(reason));
        }
        for (product, quantity) in &back {
            let held = if before == "confirmed" { 0 } else { -quantity };
            self.shift(*product, *quantity, held, offset);
        }
        self.say_order(offset, &order);
        for (product, _) in back {
            self.say_released(offset, product);
        }
        let mut number = 0;
        self.tell_others(offset, id, &order, Step::Released, |_| {
            number += 1;
            told.contains(&number)
        });
        self.tables.orders.insert(id, order);
    }

    fn say_released(&mut self, offset: i64, product: usize) {
        let left = self.tables.stock.get(&product).map(|pieces| pieces.available);
        self.say(offset, Said { word: "StockChanged", left, reason: None, lines: String::new() });
    }

    pub(crate) fn say_order(&mut self, offset: i64, order: &OrderSeen) {
        let word = match order.status {
            "confirmed" => "OrderConfirmed",
            "rejected" => "OrderRejected",
            "held" => "OrderHeld",
            "cancelled" => "OrderCancelled",
            _ => return,
        };
        let ended = order.status == "rejected" || order.status == "cancelled";
        let refused = order.lines.iter().find(|line| line.status == "rejected");
        let reason = refused.or(order.lines.first()).and_then(|line| line.reason).filter(|_| ended);
        let one = order.lines.len() == 1;
        let left = self.tables.stock.get(&order.lines[0].product).map(|pieces| pieces.available);
        let left = left.filter(|_| one && order.status != "rejected");
        let line =
            |line: &LineSeen| line.reason.map_or(line.status.to_owned(), |reason| format!("{} {reason}", line.status));
        let lines = if one { String::new() } else { order.lines.iter().map(line).collect::<Vec<_>>().join(", ") };
        self.say(offset, Said { word, left, reason, lines });
    }

    /// Tells the partitions of the lines that are not here, in order.
    pub(crate) fn tell_others(
        &mut self,
        offset: i64,
        id: u32,
        order: &OrderSeen,
        step: Step,
        mut concerns: impl FnMut(&LineSeen) -> bool,
    ) {
        let home = order.lines[0].product;
        for (line_no, line) in (1..).zip(&order.lines) {
            let concerned = concerns(line);
            if concerned && !self.is_here(line.product) {
                self.tell(
                    offset,
                    Told { step, cause: (0, 0, 0), id, line_no, home, product: line.product, quantity: line.quantity },
                );
            }
        }
    }

    fn tell(&mut self, offset: i64, told: Told) {
        let partition = i32::try_from(self.partition).unwrap_or(i32::MAX);
        self.told.insert((offset, self.index), Told { cause: (partition, offset, self.index), ..told });
        self.index += 1;
    }

    /// What another partition told.
    pub(crate) fn hear(&mut self, offset: i64, told: &Told) {
        let sender = if told.addressee() == told.product { told.home } else { told.product } / PRODUCTS;
        let cause = usize::try_from(told.cause.0).unwrap_or(usize::MAX);
        if cause != sender || sender == self.partition {
            return self.park(offset, "wrong-cause");
        }
        match told.step {
            Step::Requested => self.requested(offset, told),
            Step::Reserved => self.decided(offset, told, None),
            Step::Refused(reason) => self.decided(offset, told, Some(reason)),
            Step::Released => self.released(offset, told),
            Step::Confirmed => self.sold(offset, told),
        }
    }

    fn decided(&mut self, offset: i64, told: &Told, refusal: Option<&'static str>) {
        let at = usize::try_from(told.line_no - 1).unwrap_or(usize::MAX);
        // What is told of a parked record comes after its dead letter.
        let give_back = |naive: &mut Self, index: u32| {
            naive.index = index;
            if refusal.is_none() {
                naive.tell(offset, Told { step: Step::Released, ..*told });
            }
        };
        let Some(mut order) = self.tables.orders.get(&told.id).cloned() else {
            give_back(self, 1);
            return self.park(offset, "unknown-order");
        };
        let asked = order.lines.get(at).filter(|line| {
            (line.product, line.quantity, order.lines[0].product) == (told.product, told.quantity, told.home)
        });
        let Some(line) = asked.cloned() else {
            give_back(self, 1);
            return self.park(offset, "unknown-line");
        };
        match (line.status, refusal) {
            ("pending", None) => {
                order.lines[at].status = "reserved";
                if order.lines.iter().any(|line| line.status != "reserved") {
                    self.tables.orders.insert(told.id, order);
                } else if order.hold {
                    order.status = "held";
                    self.say_order(offset, &order);
                    self.tables.orders.insert(told.id, order);
                } else {
                    self.confirm(offset, told.id, order);
                }
            }
            ("pending", Some(reason)) => {
                (order.lines[at].status, order.lines[at].reason) = ("rejected", Some(reason));
                self.end(offset, told.id, order, "rejected", "line-rejected");
            }
            ("reserved", None) => {
                if order.status == "confirmed" {
                    self.tell(offset, Told { step: Step::Confirmed, ..*told });
                }
            }
            ("rejected", Some(reason)) if line.reason == Some(reason) => {}
            ("released", Some(_)) => {}
            ("released", None) => give_back(self, 0),
            _ => {
                give_back(self, 1);
                self.park(offset, "conflicting-duplicate");
            }
        }
    }

    fn key(&self, told: &Told) -> (u32, i32, i16) {
        (told.id, i32::try_from(told.home / PRODUCTS).unwrap_or(i32::MAX), told.line_no)
    }

    fn requested(&mut self, offset: i64, told: &Told) {
        if let Some(line) = self.tables.reserved.get(&self.key(told)) {
            if (line.product, line.quantity) != (told.product, told.quantity) {
                return self.park(offset, "conflicting-duplicate");
            }
            let step = match (line.status, line.confirmed, line.reason) {
                ("reserved", false, _) => Step::Reserved,
                ("rejected", _, Some(reason)) => Step::Refused(reason),
                _ => return,
            };
            return self.tell(offset, Told { step, ..*told });
        }
        let reason = self.refusal(told.product, told.quantity);
        let status = if reason.is_none() { "reserved" } else { "rejected" };
        if reason.is_none() {
            self.shift(told.product, -told.quantity, told.quantity, offset);
        }
        let (product, quantity) = (told.product, told.quantity);
        let line = Reserved { offset, product, quantity, status, confirmed: false, reason };
        self.tables.reserved.insert(self.key(told), line);
        let step = reason.map_or(Step::Reserved, Step::Refused);
        self.tell(offset, Told { step, ..*told });
    }

    /// The line that was asked for here.
    fn line(&mut self, offset: i64, told: &Told) -> Option<Reserved> {
        let found = self.tables.reserved.get(&self.key(told));
        let found = found.filter(|line| (line.product, line.quantity) == (told.product, told.quantity)).cloned();
        if found.is_none() {
            self.park(offset, "unknown-line");
        }
        found
    }

    fn released(&mut self, offset: i64, told: &Told) {
        let Some(line) = self.line(offset, told) else { return };
        if line.status != "reserved" {
            return;
        }
        let held = if line.confirmed { 0 } else { -line.quantity };
        self.shift(line.product, line.quantity, held, offset);
        self.say_released(offset, line.product);
        self.tables.reserved.insert(self.key(told), Reserved { status: "released", confirmed: false, ..line });
    }

    fn sold(&mut self, offset: i64, told: &Told) {
        let Some(line) = self.line(offset, told) else { return };
        match (line.status, line.confirmed) {
            ("reserved", false) => {
                self.shift(line.product, 0, -line.quantity, offset);
                self.tables.reserved.insert(self.key(told), Reserved { confirmed: true, ..line });
            }
            ("rejected", _) => self.park(offset, "conflicting-duplicate"),
            _ => {}
        }
    }
}
