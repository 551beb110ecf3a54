//! How what is wrong with a database is told: all of it at once, each thing with what was found, what is expected and what to do.

use std::fmt;

use thiserror::Error;

/// One thing that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A setting, or a table and what of it.
    pub what: String,
    pub expected: String,
    pub found: String,
    pub remedy: String,
}

impl Problem {
    pub fn new(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), expected: expected.into(), found: found.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, expected, found, remedy } = self;
        write!(f, "{what}: expected {expected}, found {found}; {remedy}")
    }
}

/// What was found wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// With these nothing may be done.
    pub refused: Vec<Problem>,
    /// With these it works, and less well than it could.
    pub warnings: Vec<Problem>,
}

impl Findings {
    pub fn add(&mut self, mut other: Self) {
        self.refused.append(&mut other.refused);
        self.warnings.append(&mut other.warnings);
    }

    /// The warnings, where nothing is refused.
    ///
    /// # Errors
    /// [`UnfitDatabase`], with all that is refused.
    pub fn accepted(self) -> Result<Vec<Problem>, UnfitDatabase> {
        if self.refused.is_empty() { Ok(self.warnings) } else { Err(UnfitDatabase(self.refused)) }
    }
}

/// The database is not as it must be, in at least one way.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub struct UnfitDatabase(pub Vec<Problem>);

impl fmt::Display for UnfitDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => write!(f, "the database is not as it must be: {one}"),
            all => {
                write!(f, "the database is not as it must be, in {} ways:", all.len())?;
                all.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let problem = |what: &str| Problem::new(what, "1", "2", "mend it");
        let mut findings = Findings { refused: vec![], warnings: vec![problem("w")] };
        assert_eq!(findings.clone().accepted(), Ok(vec![problem("w")]));
        findings.add(Findings { refused: vec![problem("a")], warnings: vec![] });
        let says = |findings: &Findings| findings.clone().accepted().expect_err("refused").to_string();
        assert_eq!(says(&findings), "the database is not as it must be: a: expected 1, found 2; mend it");
        findings.add(Findings { refused: vec![problem("b")], warnings: vec![] });
        assert_eq!(
            says(&findings),
            "the database is not as it must be, in 2 ways:\n  a: expected 1, found 2; mend it\n  b: expected 1, found 2; mend it"
        );
    }
}
