//! Names of the tables that the fold writes, in one place. A rebuild writes others of the same shape.

/// The tables that a store writes. A rebuild writes others of the same shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    pub orders: String,
    pub stock: String,
    pub stock_movements: String,
    pub dead_letters: String,
    pub positions: String,
}

impl Tables {
    pub fn live() -> Self {
        let name = str::to_owned;
        Self {
            orders: name("orders"),
            stock: name("stock"),
            stock_movements: name("stock_movements"),
            dead_letters: name("dead_letters"),
            positions: name("positions"),
        }
    }

    /// The tables of a generation that is not live: it is being built, or was live before.
    pub fn of_generation(generation: i32) -> Self {
        let name = |live: String| format!("{live}_g{generation}");
        let Self { orders, stock, stock_movements, dead_letters, positions } = Self::live();
        Self {
            orders: name(orders),
            stock: name(stock),
            stock_movements: name(stock_movements),
            dead_letters: name(dead_letters),
            positions: name(positions),
        }
    }

    /// All of them, always in the same order.
    pub fn names(&self) -> [&str; 5] {
        [&self.orders, &self.stock, &self.stock_movements, &self.dead_letters, &self.positions]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_has_tables_of_its_own() {
        let expected = ["orders_g12", "stock_g12", "stock_movements_g12", "dead_letters_g12", "positions_g12"];
        assert_eq!(Tables::of_generation(12).names(), expected);
        assert_eq!(Tables::live().names(), ["orders", "stock", "stock_movements", "dead_letters", "positions"]);
    }
}
