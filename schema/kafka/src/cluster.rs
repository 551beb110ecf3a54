//! Facts about brokers: which there are, and how each is set. It only reads. Every call blocks up to the inspector's own limit, so async code
//! calls it on a blocking thread. What a broker keeps to itself (passwords of its own) it does not tell, and is not in an answer.

use std::collections::BTreeMap;

use rdkafka::consumer::Consumer;

use crate::error::{KafkaUseError, use_error};
use crate::inspector::LogInspector;
use crate::native::{self, SettingsOf};

/// A broker as the cluster names it to its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    pub id: i32,
    /// `HOST:PORT` of the listener that is spoken to.
    pub address: String,
}

impl LogInspector {
    /// The brokers that are there now, by id.
    ///
    /// # Errors
    /// [`KafkaUseError`] when none answers.
    pub fn list_brokers(&self) -> Result<Vec<Broker>, KafkaUseError> {
        let failed = |cause| use_error(self.brokers(), "reading the cluster's metadata", cause);
        // Asking for no topic by name means all of them; one name that nobody has keeps the answer small.
        let metadata = self.committed.fetch_metadata(Some("__consumer_offsets"), self.timeout).map_err(failed);
        let metadata = Self::explained(&self.committed, metadata)?;
        let broker = |found: &rdkafka::metadata::MetadataBroker| Broker {
            id: found.id(),
            address: format!("{}:{}", found.host(), found.port()),
        };
        let mut brokers: Vec<Broker> = metadata.brokers().iter().map(broker).collect();
        brokers.sort_by_key(|broker| broker.id);
        Ok(brokers)
    }

    /// How a broker is set, defaults included.
    ///
    /// # Errors
    /// [`KafkaUseError`] when it does not answer, or does not tell this user.
    pub fn broker_settings(&self, id: i32) -> Result<BTreeMap<String, String>, KafkaUseError> {
        let action = "reading a broker's settings (for which the Kafka user needs DescribeConfigs on the cluster)";
        let found = native::settings(self.committed.client(), SettingsOf::Broker(id), self.timeout)
            .map(BTreeMap::from_iter)
            .map_err(|fault| self.unanswered("", action, fault));
        Self::explained(&self.committed, found)
    }
}
