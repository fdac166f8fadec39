//! Answers as text. Names replace the values that differ between runs.
//!
//! A decoded answer is encoded again and compared with the received bytes, so every byte is
//! checked. These values may differ: ids, times, addresses, throttle times, the text of error
//! messages, the order of topics and partitions in an answer (Kafka's is that of a hash table), and
//! APIs and features that the simulator does not have.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use linger_protocol::header::ResponseHeader;
use linger_protocol::messages::{
    ApiVersionsResponse, CreatableTopicConfigs, CreateTopicsResponse, DeleteTopicsResponse,
    DescribeConfigsResourceResult, DescribeConfigsResponse, FetchResponse, FindCoordinatorResponse,
    InitProducerIdResponse, ListOffsetsResponse, MetadataResponse, MetadataResponsePartition,
    MetadataResponseTopic, OffsetForLeaderEpochResponse, PartitionData, PartitionProduceResponse,
    ProduceResponse, ResponseBody,
};
use linger_protocol::records::{BatchView, HEADER_SIZE, batches};
use linger_protocol::{ApiKey, Bytes, ErrorCode, Reader, Str};

use super::batch::{T0, now_ms};

const DECOMPRESSED_MAX: usize = 1 << 26;
const SHOWN_VALUE_MAX: usize = 24;
const MINUTES_MS: i64 = 600_000;
const YEAR_MS: i64 = 1 << 35;

/// The first FindCoordinator that answers for several keys, and no longer for one.
const SEVERAL_COORDINATORS_FROM: i16 = 4;

/// The first DescribeConfigs that can explain a setting.
const EXPLAINED_FROM: i16 = 3;

/// Settings of a broker that are compared: those that the simulator has. Apache Kafka has ten times
/// as many.
pub(crate) const BROKER_SETTINGS: [&str; 45] = [
    "auto.create.topics.enable",
    "broker.id",
    "broker.session.timeout.ms",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "default.replication.factor",
    "delete.topic.enable",
    "log.cleaner.delete.retention.ms",
    "log.cleaner.max.compaction.lag.ms",
    "log.cleaner.min.cleanable.ratio",
    "log.cleaner.min.compaction.lag.ms",
    "log.cleanup.policy",
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "log.index.interval.bytes",
    "log.index.size.max.bytes",
    "log.local.retention.bytes",
    "log.local.retention.ms",
    "log.message.timestamp.after.max.ms",
    "log.message.timestamp.before.max.ms",
    "log.message.timestamp.type",
    "log.preallocate",
    "log.retention.bytes",
    "log.retention.hours",
    "log.retention.minutes",
    "log.retention.ms",
    "log.roll.hours",
    "log.roll.jitter.hours",
    "log.roll.jitter.ms",
    "log.roll.ms",
    "log.segment.bytes",
    "log.segment.delete.delay.ms",
    "max.incremental.fetch.session.cache.slots",
    "message.max.bytes",
    "min.insync.replicas",
    "node.id",
    "num.partitions",
    "producer.id.expiration.ms",
    "replica.fetch.max.bytes",
    "replica.fetch.response.max.bytes",
    "replica.lag.time.max.ms",
    "socket.request.max.bytes",
    "unclean.leader.election.enable",
];

/// Settings of a broker that are its id.
const IDS: [&str; 2] = ["broker.id", "node.id"];

/// The type of a resource that is a broker.
const BROKER: i8 = 4;

/// Kafka's own topics, which may exist beside a case's.
const INTERNAL: &str = "__";

/// The names that replace values in the text.
#[derive(Clone)]
pub(crate) struct Names {
    address: SocketAddr,
    broker_id: i32,
    /// The case's topics: a connection has a clone and learns of those that are named later.
    topics: Rc<RefCell<Vec<Str>>>,
}

impl Default for Names {
    fn default() -> Self {
        Self::new(SocketAddr::from(([127, 0, 0, 1], 0)), 0)
    }
}

impl Names {
    pub(crate) fn new(address: SocketAddr, broker_id: i32) -> Self {
        Self {
            address,
            broker_id,
            topics: Rc::default(),
        }
    }

    pub(crate) fn broker_id(&self) -> i32 {
        self.broker_id
    }

    pub(crate) fn add(&self, name: &Str) {
        self.topics.borrow_mut().push(name.clone());
    }

    pub(crate) fn count(&self) -> usize {
        self.topics.borrow().len()
    }

    fn owns(&self, name: &str) -> bool {
        self.topics.borrow().iter().any(|own| **own == *name)
    }

    fn topic(&self, name: &str) -> String {
        match self.topics.borrow().iter().position(|own| **own == *name) {
            Some(0) => "T".to_owned(),
            Some(index) => format!("T{}", index + 1),
            None => format!("{name:?}"),
        }
    }

    /// A resource that settings belong to: a topic, or a broker by its id.
    fn resource(&self, kind: i8, name: &str) -> String {
        match kind {
            BROKER if name == self.broker_id.to_string() => "broker".to_owned(),
            _ => self.topic(name),
        }
    }

    fn broker(&self, id: i32) -> String {
        match id {
            -1 => "none".to_owned(),
            id if id == self.broker_id => "broker".to_owned(),
            id => format!("broker {id}"),
        }
    }

    fn brokers(&self, ids: &[i32]) -> String {
        ids.iter()
            .map(|id| self.broker(*id))
            .collect::<Vec<_>>()
            .join(",")
    }

    fn at(&self, host: &str, port: i32) -> String {
        let here = self.address;
        match host == here.ip().to_string() && port == i32::from(here.port()) {
            true => "here".to_owned(),
            false => format!("at {host:?} {port}"),
        }
    }
}

/// The answer's lines, and the answer.
pub(crate) fn render(
    key: i16,
    version: i16,
    frame: Bytes,
    names: &Names,
) -> (Vec<String>, Option<ResponseBody>) {
    let Some(api) = api(key) else {
        return (vec![format!("{} bytes for API {key}", frame.len())], None);
    };
    let unsupported = api == ApiKey::ApiVersions && !api.versions().contains(&version);
    let shape = if unsupported { 0 } else { version };
    let mut reader = Reader::new(&frame);
    let decoded = ResponseHeader::decode(&mut reader, api, shape)
        .and_then(|header| Ok((header, ResponseBody::decode(api, shape, &mut reader)?)));
    let (header, body) = match decoded {
        Ok(decoded) => decoded,
        Err(error) => {
            return (
                vec![format!("{api} v{version}: undecodable: {error}: {frame:02x?}")],
                None,
            );
        }
    };
    let mut lines = vec![format!("{api} v{version}:")];
    match &body {
        ResponseBody::Produce(answer) => produce(answer, names, &mut lines),
        ResponseBody::Fetch(answer) => fetch(answer, names, &mut lines),
        ResponseBody::ListOffsets(answer) => list_offsets(answer, names, &mut lines),
        ResponseBody::Metadata(answer) => metadata(answer, names, &mut lines),
        ResponseBody::FindCoordinator(answer) => find_coordinator(answer, version, names, &mut lines),
        ResponseBody::ApiVersions(answer) => api_versions(answer, &mut lines),
        ResponseBody::CreateTopics(answer) => create_topics(answer, names, &mut lines),
        ResponseBody::DeleteTopics(answer) => delete_topics(answer, names, &mut lines),
        ResponseBody::InitProducerId(answer) => init_producer_id(answer, &mut lines),
        ResponseBody::OffsetForLeaderEpoch(answer) => offset_for_leader_epoch(answer, names, &mut lines),
        ResponseBody::DescribeConfigs(answer) => describe_configs(answer, version, names, &mut lines),
    }
    let mut again = Vec::new();
    header.encode(&mut again, api, shape);
    body.encode(&mut again, shape);
    if again != frame {
        lines.push(format!("which are other bytes than {frame:02x?}"));
    }
    if lines.len() == 2 {
        lines = vec![lines.join(" ")];
    }
    (lines, Some(body))
}

fn produce(answer: &ProduceResponse, names: &Names, lines: &mut Vec<String>) {
    let mut parts = Vec::new();
    for topic in &answer.responses {
        if topic.partition_responses.is_empty() {
            parts.push(format!("{} without partitions", names.topic(&topic.name)));
        }
        for part in &topic.partition_responses {
            parts.push(format!("{} {}", names.topic(&topic.name), produced(part, names)));
        }
    }
    parts.sort();
    for endpoint in &answer.node_endpoints {
        parts.push(format!(
            "{} is {}",
            names.broker(endpoint.node_id),
            names.at(&endpoint.host, endpoint.port)
        ));
    }
    if parts.is_empty() {
        parts.push("nothing".to_owned());
    }
    lines.extend(parts);
}

fn produced(part: &PartitionProduceResponse, names: &Names) -> String {
    let mut text = format!(
        "{}: {} base {} appended {} start {}",
        part.index,
        code(part.error_code),
        part.base_offset,
        time(part.log_append_time_ms),
        part.log_start_offset
    );
    for error in &part.record_errors {
        text += &format!(
            ", record {} with {}",
            error.batch_index,
            words(&error.batch_index_error_message)
        );
    }
    if part.error_message.is_some() {
        text += &format!(", with {}", words(&part.error_message));
    }
    let leader = &part.current_leader;
    if (leader.leader_id, leader.leader_epoch) != (-1, -1) {
        text += &format!(
            ", led by {} in epoch {}",
            names.broker(leader.leader_id),
            leader.leader_epoch
        );
    }
    text
}

fn fetch(answer: &FetchResponse, names: &Names, lines: &mut Vec<String>) {
    if answer.error_code != ErrorCode::NONE || answer.session_id != 0 {
        let session = if answer.session_id == 0 { "none" } else { "one" };
        lines.push(format!("{} session {session}", code(answer.error_code)));
    }
    let mut parts = Vec::new();
    for topic in &answer.responses {
        for part in &topic.partitions {
            let mut text = vec![format!("{} {}", names.topic(&topic.topic), fetched(part, names))];
            records(part, &mut text);
            parts.push(text);
        }
    }
    parts.sort();
    if parts.is_empty() {
        lines.push("no topics".to_owned());
    }
    lines.extend(parts.into_iter().flatten());
}

fn fetched(part: &PartitionData, names: &Names) -> String {
    let aborted = match &part.aborted_transactions {
        None => "null".to_owned(),
        Some(aborted) => aborted.len().to_string(),
    };
    let mut text = format!(
        "{}: {} high watermark {} stable {} start {} aborted {aborted}",
        part.partition_index,
        code(part.error_code),
        part.high_watermark,
        part.last_stable_offset,
        part.log_start_offset,
    );
    if part.preferred_read_replica != -1 {
        text += &format!(", better read at {}", names.broker(part.preferred_read_replica));
    }
    let (diverging, leader) = (&part.diverging_epoch, &part.current_leader);
    if (diverging.epoch, diverging.end_offset) != (-1, -1) {
        text += &format!(
            ", diverging in epoch {} at {}",
            diverging.epoch, diverging.end_offset
        );
    }
    if (leader.leader_id, leader.leader_epoch) != (-1, -1) {
        text += &format!(
            ", led by {} in epoch {}",
            names.broker(leader.leader_id),
            leader.leader_epoch
        );
    }
    if (part.snapshot_id.end_offset, part.snapshot_id.epoch) != (-1, -1) {
        text += ", with a snapshot";
    }
    text
}

fn records(part: &PartitionData, lines: &mut Vec<String>) {
    let Some(records) = &part.records else {
        return lines.push("  records null".to_owned());
    };
    let bytes = records.to_bytes();
    let mut whole = 0;
    for found in batches(&bytes) {
        match found {
            Ok(batch) => {
                whole += batch.total_len();
                batch_lines(&batch, lines);
            }
            Err(error) => lines.push(format!("  {error}")),
        }
    }
    if whole < bytes.len() {
        lines.push(format!("  and {} bytes of a batch", bytes.len() - whole));
    }
}

fn batch_lines(batch: &BatchView<'_>, lines: &mut Vec<String>) {
    let header = batch.header();
    let crc = if batch.verify_crc().is_ok() {
        ""
    } else {
        " CRC WRONG"
    };
    lines.push(format!(
        "  batch {} +{} epoch {} attributes {:#04x} time {}..{} by {} {} {} count {}, {} bytes{crc}",
        header.base_offset,
        header.last_offset_delta,
        header.partition_leader_epoch,
        header.attributes,
        time(header.base_timestamp),
        time(header.max_timestamp),
        header.producer_id,
        header.producer_epoch,
        header.base_sequence,
        header.count,
        HEADER_SIZE + batch.body().len(),
    ));
    let records = match batch.records(DECOMPRESSED_MAX) {
        Ok(records) => records,
        Err(error) => return lines.push(format!("    {error}")),
    };
    for record in records.iter() {
        let record = match record {
            Ok(record) => record,
            Err(error) => return lines.push(format!("    {error}")),
        };
        let mut text = format!(
            "    +{} {}",
            record.offset_delta,
            time(batch.timestamp_of(&record))
        );
        if let Some(key) = record.key {
            text += &format!(" key {}", value(key));
        }
        text += &record
            .value
            .map_or_else(|| " null".to_owned(), |bytes| format!(" {}", value(bytes)));
        for header in record.headers() {
            text += &format!(" {header:?}");
        }
        lines.push(text);
    }
}

fn value(bytes: &[u8]) -> String {
    match bytes.len() <= SHOWN_VALUE_MAX {
        true => format!("{:?}", String::from_utf8_lossy(bytes)),
        false => format!("{:?}... of {}", String::from_utf8_lossy(&bytes[..8]), bytes.len()),
    }
}

fn list_offsets(answer: &ListOffsetsResponse, names: &Names, lines: &mut Vec<String>) {
    let mut parts = Vec::new();
    for topic in &answer.topics {
        for part in &topic.partitions {
            parts.push(format!(
                "{} {}: {} offset {} time {} epoch {}",
                names.topic(&topic.name),
                part.partition_index,
                code(part.error_code),
                part.offset,
                time(part.timestamp),
                part.leader_epoch
            ));
        }
    }
    parts.sort();
    if parts.is_empty() {
        parts.push("no topics".to_owned());
    }
    lines.extend(parts);
}

fn metadata(answer: &MetadataResponse, names: &Names, lines: &mut Vec<String>) {
    let brokers = answer.brokers.iter().map(|broker| {
        let rack = broker.rack.as_deref().unwrap_or("null");
        format!(
            "{} {} rack {rack}",
            names.broker(broker.node_id),
            names.at(&broker.host, broker.port)
        )
    });
    let mut about = brokers.collect::<Vec<_>>().join("; ");
    about += &format!(", controller {}", names.broker(answer.controller_id));
    about += if answer.cluster_id.is_some() {
        ", a cluster id"
    } else {
        ", no cluster id"
    };
    if answer.cluster_authorized_operations != i32::MIN {
        about += &format!(", operations {:#x}", answer.cluster_authorized_operations);
    }
    lines.push(about);
    let mut parts = Vec::new();
    for topic in &answer.topics {
        let name = topic.name.as_deref();
        // Asked for all topics, a broker also has those of other cases, and its own.
        let foreign = name.is_some_and(|name| {
            topic.error_code == ErrorCode::NONE && (!names.owns(name) || name.starts_with(INTERNAL))
        });
        if !foreign {
            parts.push(described(topic, names));
        }
    }
    parts.sort();
    lines.extend(parts.into_iter().flatten());
}

fn described(topic: &MetadataResponseTopic, names: &Names) -> Vec<String> {
    let mut about = topic
        .name
        .as_deref()
        .map_or_else(|| "null".to_owned(), |name| names.topic(name));
    let id = if topic.topic_id == [0; 16] {
        "no id"
    } else {
        "an id"
    };
    about += &format!(": {}, {id}", code(topic.error_code));
    if topic.is_internal {
        about += ", internal";
    }
    if topic.topic_authorized_operations != i32::MIN {
        about += &format!(", operations {:#x}", topic.topic_authorized_operations);
    }
    let mut partitions: Vec<&MetadataResponsePartition> = topic.partitions.iter().collect();
    partitions.sort_by_key(|partition| partition.partition_index);
    let partitions = partitions.into_iter().map(|partition| {
        format!(
            "  {}: {} led by {} in epoch {}, replicas {}, in sync {}, offline {}",
            partition.partition_index,
            code(partition.error_code),
            names.broker(partition.leader_id),
            partition.leader_epoch,
            names.brokers(&partition.replica_nodes),
            names.brokers(&partition.isr_nodes),
            names.brokers(&partition.offline_replicas),
        )
    });
    [about].into_iter().chain(partitions).collect()
}

fn find_coordinator(answer: &FindCoordinatorResponse, version: i16, names: &Names, lines: &mut Vec<String>) {
    let of_one_key = || {
        format!(
            "{} with {}, {} {}",
            code(answer.error_code),
            words(&answer.error_message),
            names.broker(answer.node_id),
            names.at(&answer.host, answer.port)
        )
    };
    if version < SEVERAL_COORDINATORS_FROM {
        lines.push(of_one_key());
    } else if answer.coordinators.is_empty() {
        lines.push("no keys".to_owned());
    }
    for coordinator in &answer.coordinators {
        lines.push(format!(
            "{:?}: {} with {}, {} {}",
            coordinator.key,
            code(coordinator.error_code),
            words(&coordinator.error_message),
            names.broker(coordinator.node_id),
            names.at(&coordinator.host, coordinator.port)
        ));
    }
}

/// Of the APIs, those that the simulator serves; of their versions, those that it speaks.
fn api_versions(answer: &ApiVersionsResponse, lines: &mut Vec<String>) {
    let mut text = code(answer.error_code);
    for range in &answer.api_keys {
        if let Ok(key) = ApiKey::try_from(range.api_key) {
            let max = range.max_version.min(*key.versions().end());
            text += &format!(", {key} {}-{max}", range.min_version);
        }
    }
    let ascending = answer.api_keys.is_sorted_by_key(|range| range.api_key);
    text += if ascending { "" } else { ", not ascending" };
    lines.push(text);
}

fn create_topics(answer: &CreateTopicsResponse, names: &Names, lines: &mut Vec<String>) {
    let mut parts = Vec::new();
    for topic in &answer.topics {
        let id = if topic.topic_id == [0; 16] {
            "no id"
        } else {
            "an id"
        };
        let configs = match &topic.configs {
            None => "null settings".to_owned(),
            Some(configs) if configs.is_empty() => "no settings".to_owned(),
            Some(configs) => settings(configs),
        };
        let mut text = format!(
            "{}: {} with {}, {id}, partitions {}, replicas {}, {configs}",
            names.topic(&topic.name),
            code(topic.error_code),
            words(&topic.error_message),
            topic.num_partitions,
            topic.replication_factor,
        );
        if topic.topic_config_error_code != ErrorCode::NONE {
            text += &format!(" {}", code(topic.topic_config_error_code));
        }
        parts.push(text);
    }
    parts.sort();
    if parts.is_empty() {
        parts.push("no topics".to_owned());
    }
    lines.extend(parts);
}

fn delete_topics(answer: &DeleteTopicsResponse, names: &Names, lines: &mut Vec<String>) {
    let mut parts = Vec::new();
    for topic in &answer.responses {
        let id = if topic.topic_id == [0; 16] {
            "no id"
        } else {
            "an id"
        };
        let name = topic
            .name
            .as_ref()
            .map_or_else(|| "null".to_owned(), |name| names.topic(name));
        let (code, words) = (code(topic.error_code), words(&topic.error_message));
        parts.push(format!("{name}: {code} with {words}, {id}"));
    }
    parts.sort();
    lines.extend(parts);
}

/// How many settings, and those that are not the broker's defaults.
fn settings(configs: &[CreatableTopicConfigs]) -> String {
    let mut configs: Vec<&CreatableTopicConfigs> = configs.iter().collect();
    configs.sort_by_key(|config| config.name.clone());
    let configs = configs.into_iter().map(|config| {
        let value = config.value.as_deref().unwrap_or("null");
        let flags = if config.read_only || config.is_sensitive {
            " FLAGGED"
        } else {
            ""
        };
        format!("{}={value} from {}{flags}", config.name, config.config_source)
    });
    configs.collect::<Vec<_>>().join(" ")
}

fn init_producer_id(answer: &InitProducerIdResponse, lines: &mut Vec<String>) {
    let id = if answer.producer_id == -1 {
        "no id"
    } else {
        "an id"
    };
    lines.push(format!(
        "{}, {id}, epoch {}",
        code(answer.error_code),
        answer.producer_epoch
    ));
}

fn offset_for_leader_epoch(answer: &OffsetForLeaderEpochResponse, names: &Names, lines: &mut Vec<String>) {
    let mut parts = Vec::new();
    for topic in &answer.topics {
        if topic.partitions.is_empty() {
            parts.push(format!("{} without partitions", names.topic(&topic.topic)));
        }
        for part in &topic.partitions {
            parts.push(format!(
                "{} {}: {} epoch {} ends at {}",
                names.topic(&topic.topic),
                part.partition,
                code(part.error_code),
                part.leader_epoch,
                part.end_offset
            ));
        }
    }
    parts.sort();
    if parts.is_empty() {
        parts.push("no topics".to_owned());
    }
    lines.extend(parts);
}

fn describe_configs(answer: &DescribeConfigsResponse, version: i16, names: &Names, lines: &mut Vec<String>) {
    if answer.results.is_empty() {
        lines.push("no resources".to_owned());
    }
    for result in &answer.results {
        let mut configs: Vec<&DescribeConfigsResourceResult> = result.configs.iter().collect();
        if result.resource_type == BROKER {
            configs.retain(|config| BROKER_SETTINGS.contains(&&*config.name));
        }
        lines.push(format!(
            "type {} {}: {} with {}, {} settings",
            result.resource_type,
            names.resource(result.resource_type, &result.resource_name),
            code(result.error_code),
            words(&result.error_message),
            configs.len()
        ));
        configs.sort_by_key(|config| config.name.clone());
        lines.extend(
            configs
                .into_iter()
                .map(|config| described_setting(config, version, names)),
        );
    }
}

fn described_setting(config: &DescribeConfigsResourceResult, version: i16, names: &Names) -> String {
    let value = |value: &Option<Str>| match value.as_deref() {
        None => "null".to_owned(),
        Some(id) if IDS.contains(&&*config.name) && id == names.broker_id.to_string() => "its id".to_owned(),
        Some(value) => value.to_owned(),
    };
    let mut text = format!(
        "  {}={} from {} type {}",
        config.name,
        value(&config.value),
        config.config_source,
        config.config_type
    );
    if config.read_only {
        text += " read-only";
    }
    if config.is_sensitive {
        text += " sensitive";
    }
    match config.documentation.as_deref() {
        _ if version < EXPLAINED_FROM => {}
        None => {}
        Some("") => text += " with an empty text",
        Some(_) => text += " with a text",
    }
    for synonym in &config.synonyms {
        text += &format!(
            ", {}={} from {}",
            synonym.name,
            value(&synonym.value),
            synonym.source
        );
    }
    text
}

fn code(code: ErrorCode) -> String {
    match code {
        ErrorCode::NONE => "ok".to_owned(),
        code => format!("{code}"),
    }
}

fn words(message: &Option<Str>) -> &'static str {
    match message.as_deref() {
        None => "null",
        Some("") => "an empty message",
        Some(_) => "a message",
    }
}

/// Times of a case's own records, of right now, and others.
fn time(ms: i64) -> String {
    let (since_t0, now) = (ms.wrapping_sub(T0), now_ms());
    match ms {
        -1 => "none".to_owned(),
        _ if since_t0.unsigned_abs() < YEAR_MS as u64 => match since_t0 {
            0 => "t0".to_owned(),
            since => format!("t0{since:+}"),
        },
        _ if now.wrapping_sub(ms).unsigned_abs() < MINUTES_MS as u64 => "now".to_owned(),
        _ => ms.to_string(),
    }
}

/// Which APIs' answers can be decoded.
fn api(key: i16) -> Option<ApiKey> {
    ApiKey::try_from(key).ok()
}
