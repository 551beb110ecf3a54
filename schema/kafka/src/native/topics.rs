//! What the cluster says of one topic: its id, its partition count, its settings.

use std::ffi::CString;
use std::time::Duration;

use rdkafka::bindings as c;
use rdkafka::client::{Client, ClientContext};

use super::call::{NativeFault, Owned, answer, copied};

/// A topic as DescribeTopics answers.
pub(crate) struct Described {
    /// Base64, as Kafka's tools print it.
    pub(crate) topic_id: String,
    pub(crate) partition_count: usize,
}

/// What the cluster says of `topic`. Blocks up to `timeout`.
///
/// # Errors
/// What the broker or the client says is wrong.
pub(crate) fn describe_topic<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Described, NativeFault> {
    let handle = client.native_ptr();
    let name = CString::new(topic).map_err(|_| NativeFault::text("the topic name holds a NUL"))?;
    let mut names = [name.as_ptr()];
    // SAFETY: `handle` lives as long as `client`; `names` holds one valid C string and outlives the call, which copies
    // it; the answer lives while it is read.
    unsafe {
        let topics = c::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let topics = Owned::new(topics, c::rd_kafka_TopicCollection_destroy, "topic collection")?;
        let api = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let answer = answer(handle, api, timeout, |options, queue| {
            c::rd_kafka_DescribeTopics(handle, topics.pointer, options, queue);
            Ok(())
        })?;
        description_of(answer.event.pointer)
    }
}

/// Reads the answer to DescribeTopics.
///
/// # Safety
/// `event` is a live event, not null.
unsafe fn description_of(event: *mut c::rd_kafka_event_t) -> Result<Described, NativeFault> {
    // SAFETY: the caller vouches for `event`; what is borrowed from it here is used only while it lives.
    unsafe {
        let result = c::rd_kafka_event_DescribeTopics_result(event);
        if result.is_null() {
            return Err(NativeFault::text("the answer is not about topics"));
        }
        let mut count = 0;
        let descriptions = c::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if descriptions.is_null() || count != 1 || (*descriptions).is_null() {
            return Err(NativeFault::text(format!("expected one topic in the answer, found {count}")));
        }
        let description = *descriptions;
        let error = c::rd_kafka_TopicDescription_error(description);
        if !error.is_null()
            && let Some(fault) = NativeFault::of(c::rd_kafka_error_code(error), c::rd_kafka_error_string(error))
        {
            return Err(fault);
        }
        let id = c::rd_kafka_TopicDescription_topic_id(description);
        if id.is_null() {
            return Err(NativeFault::text("the broker reports no topic id"));
        }
        let topic_id = copied(c::rd_kafka_Uuid_base64str(id));
        let topic_id = topic_id.ok_or_else(|| NativeFault::text("the topic id cannot be printed"))?;
        let mut partition_count = 0;
        c::rd_kafka_TopicDescription_partitions(description, &raw mut partition_count);
        Ok(Described { topic_id, partition_count })
    }
}

/// Whose settings are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SettingsOf<'a> {
    Topic(&'a str),
    /// By its id; it is asked itself.
    Broker(i32),
}

/// Name and value of each setting of a topic or a broker, defaults among them, and those left out whose value the broker keeps to itself.
/// Blocks up to `timeout`.
///
/// # Errors
/// What the broker or the client says is wrong.
pub(crate) fn settings<C: ClientContext>(
    client: &Client<C>,
    of: SettingsOf<'_>,
    timeout: Duration,
) -> Result<Vec<(String, String)>, NativeFault> {
    let handle = client.native_ptr();
    let (kind, name) = match of {
        SettingsOf::Topic(topic) => (c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, topic.to_owned()),
        SettingsOf::Broker(id) => (c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_BROKER, id.to_string()),
    };
    let name = CString::new(name).map_err(|_| NativeFault::text("the topic name holds a NUL"))?;
    // SAFETY: `handle` lives as long as `client`; `name` is a valid C string and outlives the call, which copies it; the
    // answer lives while it is read.
    unsafe {
        let resource = c::rd_kafka_ConfigResource_new(kind, name.as_ptr());
        let resource = Owned::new(resource, c::rd_kafka_ConfigResource_destroy, "resource")?;
        let mut resources = [resource.pointer];
        let api = c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
        let answer = answer(handle, api, timeout, |options, queue| {
            c::rd_kafka_DescribeConfigs(handle, resources.as_mut_ptr(), resources.len(), options, queue);
            Ok(())
        })?;
        settings_of(answer.event.pointer)
    }
}

/// Reads the answer to DescribeConfigs.
///
/// # Safety
/// `event` is a live event, not null.
unsafe fn settings_of(event: *mut c::rd_kafka_event_t) -> Result<Vec<(String, String)>, NativeFault> {
    // SAFETY: the caller vouches for `event`; what is borrowed from it here is used only while it lives.
    unsafe {
        let result = c::rd_kafka_event_DescribeConfigs_result(event);
        if result.is_null() {
            return Err(NativeFault::text("the answer is not about settings"));
        }
        let mut count = 0;
        let resources = c::rd_kafka_DescribeConfigs_result_resources(result, &raw mut count);
        if resources.is_null() || count != 1 || (*resources).is_null() {
            return Err(NativeFault::text(format!("expected one topic or broker in the answer, found {count}")));
        }
        let resource = *resources;
        let (code, text) =
            (c::rd_kafka_ConfigResource_error(resource), c::rd_kafka_ConfigResource_error_string(resource));
        if let Some(fault) = NativeFault::of(code, text) {
            return Err(fault);
        }
        let mut count = 0;
        let entries = c::rd_kafka_ConfigResource_configs(resource, &raw mut count);
        if entries.is_null() {
            return Err(NativeFault::text("the answer holds no settings"));
        }
        let mut settings = Vec::with_capacity(count);
        for entry in std::slice::from_raw_parts(entries, count) {
            let (name, value) = (c::rd_kafka_ConfigEntry_name(*entry), c::rd_kafka_ConfigEntry_value(*entry));
            if let (Some(name), Some(value)) = (copied(name), copied(value)) {
                settings.push((name, value));
            }
        }
        Ok(settings)
    }
}
