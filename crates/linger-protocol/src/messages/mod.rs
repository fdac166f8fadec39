//! Requests and responses, one file per API.
//!
//! Structs and fields have the names of Kafka's own message definitions, in this language's case. Each has a
//! [`Default`] with Kafka's defaults, so that a message is written as what differs from them.

mod api_versions;
mod create_topics;
mod delete_topics;
mod fetch;
mod find_coordinator;
mod init_producer_id;
mod leader;
mod list_offsets;
mod metadata;
mod produce;

pub use api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
pub use create_topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicConfigs,
    CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
pub use delete_topics::{DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse};
pub use fetch::{
    AbortedTransaction, EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchableTopicResponse, ForgottenTopic, PartitionData, SnapshotId,
};
pub use find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};
pub use init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
pub use leader::{LeaderIdAndEpoch, NodeEndpoint};
pub use list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, ListOffsetsTopicResponse,
};
pub use metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseBroker,
    MetadataResponsePartition, MetadataResponseTopic,
};
pub use produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest,
    ProduceResponse, TopicProduceData, TopicProduceResponse,
};

use crate::{ApiKey, DecodeError, Message, Reader, Sink};

macro_rules! bodies {
    ($($key:ident: $request:ident, $response:ident;)*) => {
        /// A request of any API.
        #[derive(Debug, Clone, PartialEq)]
        pub enum RequestBody {
            $(#[doc = concat!("A request of [`ApiKey::", stringify!($key), "`].")] $key($request),)*
        }

        /// A response of any API.
        #[derive(Debug, Clone, PartialEq)]
        pub enum ResponseBody {
            $(#[doc = concat!("A response of [`ApiKey::", stringify!($key), "`].")] $key($response),)*
        }

        impl RequestBody {
            /// Returns its API.
            pub fn key(&self) -> ApiKey {
                match self { $(Self::$key(_) => ApiKey::$key,)* }
            }

            /// Appends the body.
            pub fn encode(&self, sink: &mut impl Sink, version: i16) {
                match self { $(Self::$key(request) => request.encode(sink, version),)* }
            }

            /// Reads a request of the API `key`.
            ///
            /// # Errors
            /// As [`Message::decode`].
            pub fn decode(key: ApiKey, version: i16, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match key { $(ApiKey::$key => $request::decode(reader, version).map(Self::$key),)* }
            }
        }

        impl ResponseBody {
            /// Returns its API.
            pub fn key(&self) -> ApiKey {
                match self { $(Self::$key(_) => ApiKey::$key,)* }
            }

            /// Appends the body.
            pub fn encode(&self, sink: &mut impl Sink, version: i16) {
                match self { $(Self::$key(response) => response.encode(sink, version),)* }
            }

            /// Reads a response of the API `key`.
            ///
            /// # Errors
            /// As [`Message::decode`].
            pub fn decode(key: ApiKey, version: i16, reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                match key { $(ApiKey::$key => $response::decode(reader, version).map(Self::$key),)* }
            }
        }

        $(
            impl From<$request> for RequestBody {
                fn from(request: $request) -> Self {
                    Self::$key(request)
                }
            }

            impl From<$response> for ResponseBody {
                fn from(response: $response) -> Self {
                    Self::$key(response)
                }
            }
        )*
    };
}

bodies! {
    Produce: ProduceRequest, ProduceResponse;
    Fetch: FetchRequest, FetchResponse;
    ListOffsets: ListOffsetsRequest, ListOffsetsResponse;
    Metadata: MetadataRequest, MetadataResponse;
    FindCoordinator: FindCoordinatorRequest, FindCoordinatorResponse;
    ApiVersions: ApiVersionsRequest, ApiVersionsResponse;
    CreateTopics: CreateTopicsRequest, CreateTopicsResponse;
    DeleteTopics: DeleteTopicsRequest, DeleteTopicsResponse;
    InitProducerId: InitProducerIdRequest, InitProducerIdResponse;
}
