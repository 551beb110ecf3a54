//! A validator that knows nothing of this crate (boon), loaded with what it generates.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use ledger_contracts::{Contract, Topic};
use serde_json::Value;

pub(crate) struct Validator {
    schemas: Schemas,
    compiled: BTreeMap<Contract, SchemaIndex>,
}

pub(crate) static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| Validator::of(Contract::ALL.iter().map(|contract| (*contract, contract.schema()))));

impl Validator {
    pub(crate) fn of(all: impl IntoIterator<Item = (Contract, Value)>) -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        let compiled = all
            .into_iter()
            .map(|(contract, schema)| {
                let address = format!("http://contracts.invalid/{}", contract.path());
                compiler.add_resource(&address, schema).unwrap();
                (contract, compiler.compile(&address, &mut schemas).unwrap())
            })
            .collect();
        Self { schemas, compiled }
    }

    /// What the schema has against a value.
    pub(crate) fn against(&self, contract: Contract, value: &Value) -> Result<(), String> {
        self.schemas.validate(value, self.compiled[&contract]).map_err(|error| format!("{error:#}"))
    }

    /// Whether a topic takes a value: there is a schema of its type and version, and it fits.
    pub(crate) fn takes(&self, topic: Topic, value: &Value) -> Result<(), String> {
        let contract = Contract::of_value(topic, value).ok_or("no schema of its type and version")?;
        self.against(contract, value)
    }
}

/// What a schema that is no contract's has against a value.
pub(crate) fn against(schema: &Value, value: &Value) -> Result<(), String> {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("http://contracts.invalid/other.json", schema.clone()).unwrap();
    let compiled = compiler.compile("http://contracts.invalid/other.json", &mut schemas).unwrap();
    schemas.validate(value, compiled).map_err(|error| format!("{error:#}"))
}

/// # Panics
/// When the schema does not take it.
#[track_caller]
pub(crate) fn fits(contract: Contract, json: &[u8]) {
    let value: Value = serde_json::from_slice(json).unwrap();
    if let Err(error) = VALIDATOR.against(contract, &value) {
        panic!("{}: {value}\n{error}", contract.title());
    }
}
