//! Names of the tables that the fold writes, in one place. A rebuild writes others of the same shape.

/// The tables that a store writes. A rebuild writes others of the same shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    pub orders: String,
    pub stock: String,
    pub stock_movements: String,
    pub reservations: String,
    pub open_orders: String,
    pub dead_letters: String,
    pub positions: String,
}

impl Tables {
    pub fn live() -> Self {
        Self::named(str::to_owned)
    }

    /// The tables of a generation that is not live: it is being built, or was live before.
    pub fn of_generation(generation: i32) -> Self {
        Self::named(|live| format!("{live}_g{generation}"))
    }

    fn named(name: impl Fn(&str) -> String) -> Self {
        Self {
            orders: name("orders"),
            stock: name("stock"),
            stock_movements: name("stock_movements"),
            reservations: name("reservations"),
            open_orders: name("open_orders"),
            dead_letters: name("dead_letters"),
            positions: name("positions"),
        }
    }

    /// All of them, always in the same order.
    pub fn names(&self) -> [&str; 7] {
        [
            &self.orders,
            &self.stock,
            &self.stock_movements,
            &self.reservations,
            &self.open_orders,
            &self.dead_letters,
            &self.positions,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_has_tables_of_its_own() {
        let live = ["orders", "stock", "stock_movements", "reservations", "open_orders", "dead_letters", "positions"];
        assert_eq!(Tables::live().names(), live);
        assert_eq!(Tables::of_generation(12).names().map(str::to_owned), live.map(|name| format!("{name}_g12")));
    }
}
