//! DescribeConfigs (key 32), v1–v4, flexible from v4.
//!
//! | version | adds |
//! |---|---|
//! | 1 | `include_synonyms`, `config_source` and `synonyms` (KIP-226); v0 is gone (KIP-896) |
//! | 3 | `include_documentation`, `config_type` and `documentation` (KIP-569) |
//! | 4 | flexible |

use crate::{ErrorCode, Str};

message! {
    /// Asks for the settings of topics, brokers and other resources.
    pub struct DescribeConfigsRequest {
        /// The resources.
        pub resources: Vec<DescribeConfigsResource> => [0..],
        /// Whether to list where else a value could come from.
        pub include_synonyms: bool => [1..],
        /// Whether to explain each setting.
        pub include_documentation: bool => [3..],
    }

    /// Names one resource.
    pub struct DescribeConfigsResource {
        /// What it is: 2 for a topic, 4 for a broker.
        pub resource_type: i8 => [0..],
        /// The topic's name, or the broker's id.
        pub resource_name: Str => [0..],
        /// The names of the settings, null for all.
        pub configuration_keys: Option<Vec<Str>> => [0..] = Some(Vec::new()),
    }

    /// Lists settings.
    pub struct DescribeConfigsResponse {
        /// How long the client was or will be muted for exceeding a quota, in ms.
        pub throttle_time_ms: i32 => [0..],
        /// The settings by resource.
        pub results: Vec<DescribeConfigsResult> => [0..],
    }

    /// The settings of one resource.
    pub struct DescribeConfigsResult {
        /// Why there are none, or [`ErrorCode::NONE`].
        pub error_code: ErrorCode => [0..],
        /// The same in words.
        pub error_message: Option<Str> => [0..] = Some(Str::default()),
        /// What the resource is.
        pub resource_type: i8 => [0..],
        /// Its name.
        pub resource_name: Str => [0..],
        /// The settings.
        pub configs: Vec<DescribeConfigsResourceResult> => [0..],
    }

    /// One setting.
    pub struct DescribeConfigsResourceResult {
        /// Its name.
        pub name: Str => [0..],
        /// Its value; null if it has none or must not be shown.
        pub value: Option<Str> => [0..] = Some(Str::default()),
        /// Whether it cannot be changed while the broker runs.
        pub read_only: bool => [0..],
        /// Where the value comes from: 1 the topic, 2 to 4 the brokers' settings, 5 Kafka's
        /// default; -1 if unknown.
        pub config_source: i8 => [1..] = -1,
        /// Whether the value must not be shown.
        pub is_sensitive: bool => [0..],
        /// Every value that there is for the setting, the one in force first.
        pub synonyms: Vec<DescribeConfigsSynonym> => [1..],
        /// The type of the value: 1 a boolean, 2 a string, 3 an int, 4 a short, 5 a long, 6 a
        /// double, 7 a list, 8 a class, 9 a password; 0 if unknown.
        pub config_type: i8 => [3..],
        /// What the setting does.
        pub documentation: Option<Str> => [3..] = Some(Str::default()),
    }

    /// A value that a setting has in one place.
    pub struct DescribeConfigsSynonym {
        /// The name of the setting there.
        pub name: Str => [0..],
        /// The value; null if it must not be shown.
        pub value: Option<Str> => [0..] = Some(Str::default()),
        /// The place, as in `config_source`.
        pub source: i8 => [0..],
    }
}
