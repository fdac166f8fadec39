//! Every struct of every message with its fields, and what the oracle calls it.
//!
//! A struct or field missing here does not compile where the list is used.

macro_rules! all {
    ($use:ident) => {
        $use! {
            ProduceRequest (produce_request::ProduceRequest) { transactional_id, acks, timeout_ms, topic_data }
            TopicProduceData (produce_request::TopicProduceData) { name, partition_data }
            PartitionProduceData (produce_request::PartitionProduceData) { index, records }
            ProduceResponse (produce_response::ProduceResponse) { responses, throttle_time_ms, node_endpoints }
            TopicProduceResponse (produce_response::TopicProduceResponse) { name, partition_responses }
            PartitionProduceResponse (produce_response::PartitionProduceResponse) {
                index, error_code, base_offset, log_append_time_ms, log_start_offset, record_errors,
                error_message, current_leader,
            }
            BatchIndexAndErrorMessage (produce_response::BatchIndexAndErrorMessage) {
                batch_index, batch_index_error_message,
            }
            LeaderIdAndEpoch (produce_response::LeaderIdAndEpoch, fetch_response::LeaderIdAndEpoch) {
                leader_id, leader_epoch,
            }
            NodeEndpoint (produce_response::NodeEndpoint) { node_id, host, port, rack }

            FetchRequest (fetch_request::FetchRequest) {
                cluster_id, replica_id, max_wait_ms, min_bytes, max_bytes, isolation_level, session_id,
                session_epoch, topics, forgotten_topics_data, rack_id,
            }
            FetchTopic (fetch_request::FetchTopic) { topic, partitions }
            FetchPartition (fetch_request::FetchPartition) {
                partition, current_leader_epoch, fetch_offset, last_fetched_epoch, log_start_offset,
                partition_max_bytes,
            }
            ForgottenTopic (fetch_request::ForgottenTopic) { topic, partitions }
            FetchResponse (fetch_response::FetchResponse) { throttle_time_ms, error_code, session_id, responses }
            FetchableTopicResponse (fetch_response::FetchableTopicResponse) { topic, partitions }
            PartitionData (fetch_response::PartitionData) {
                partition_index, error_code, high_watermark, last_stable_offset, log_start_offset,
                diverging_epoch, current_leader, snapshot_id, aborted_transactions, preferred_read_replica,
                records,
            }
            EpochEndOffset (fetch_response::EpochEndOffset) { epoch, end_offset }
            SnapshotId (fetch_response::SnapshotId) { end_offset, epoch }
            AbortedTransaction (fetch_response::AbortedTransaction) { producer_id, first_offset }

            ListOffsetsRequest (list_offsets_request::ListOffsetsRequest) { replica_id, isolation_level, topics }
            ListOffsetsTopic (list_offsets_request::ListOffsetsTopic) { name, partitions }
            ListOffsetsPartition (list_offsets_request::ListOffsetsPartition) {
                partition_index, current_leader_epoch, timestamp,
            }
            ListOffsetsResponse (list_offsets_response::ListOffsetsResponse) { throttle_time_ms, topics }
            ListOffsetsTopicResponse (list_offsets_response::ListOffsetsTopicResponse) { name, partitions }
            ListOffsetsPartitionResponse (list_offsets_response::ListOffsetsPartitionResponse) {
                partition_index, error_code, timestamp, offset, leader_epoch,
            }

            MetadataRequest (metadata_request::MetadataRequest) {
                topics, allow_auto_topic_creation, include_cluster_authorized_operations,
                include_topic_authorized_operations,
            }
            MetadataRequestTopic (metadata_request::MetadataRequestTopic) { topic_id, name }
            MetadataResponse (metadata_response::MetadataResponse) {
                throttle_time_ms, brokers, cluster_id, controller_id, topics, cluster_authorized_operations,
            }
            MetadataResponseBroker (metadata_response::MetadataResponseBroker) { node_id, host, port, rack }
            MetadataResponseTopic (metadata_response::MetadataResponseTopic) {
                error_code, name, topic_id, is_internal, partitions, topic_authorized_operations,
            }
            MetadataResponsePartition (metadata_response::MetadataResponsePartition) {
                error_code, partition_index, leader_id, leader_epoch, replica_nodes, isr_nodes,
                offline_replicas,
            }

            FindCoordinatorRequest (find_coordinator_request::FindCoordinatorRequest) {
                key, key_type, coordinator_keys,
            }
            FindCoordinatorResponse (find_coordinator_response::FindCoordinatorResponse) {
                throttle_time_ms, error_code, error_message, node_id, host, port, coordinators,
            }
            Coordinator (find_coordinator_response::Coordinator) {
                key, node_id, host, port, error_code, error_message,
            }

            ApiVersionsRequest (api_versions_request::ApiVersionsRequest) {
                client_software_name, client_software_version,
            }
            ApiVersionsResponse (api_versions_response::ApiVersionsResponse) {
                error_code, api_keys, throttle_time_ms, supported_features, finalized_features_epoch,
                finalized_features, zk_migration_ready,
            }
            ApiVersion (api_versions_response::ApiVersion) { api_key, min_version, max_version }
            SupportedFeatureKey (api_versions_response::SupportedFeatureKey) { name, min_version, max_version }
            FinalizedFeatureKey (api_versions_response::FinalizedFeatureKey) {
                name, max_version_level, min_version_level,
            }

            CreateTopicsRequest (create_topics_request::CreateTopicsRequest) {
                topics, timeout_ms, validate_only,
            }
            CreatableTopic (create_topics_request::CreatableTopic) {
                name, num_partitions, replication_factor, assignments, configs,
            }
            CreatableReplicaAssignment (create_topics_request::CreatableReplicaAssignment) {
                partition_index, broker_ids,
            }
            CreatableTopicConfig (create_topics_request::CreatableTopicConfig) { name, value }
            CreateTopicsResponse (create_topics_response::CreateTopicsResponse) { throttle_time_ms, topics }
            CreatableTopicResult (create_topics_response::CreatableTopicResult) {
                name, topic_id, error_code, error_message, topic_config_error_code, num_partitions,
                replication_factor, configs,
            }
            CreatableTopicConfigs (create_topics_response::CreatableTopicConfigs) {
                name, value, read_only, config_source, is_sensitive,
            }

            DeleteTopicsRequest (delete_topics_request::DeleteTopicsRequest) { topics, topic_names, timeout_ms }
            DeleteTopicState (delete_topics_request::DeleteTopicState) { name, topic_id }
            DeleteTopicsResponse (delete_topics_response::DeleteTopicsResponse) { throttle_time_ms, responses }
            DeletableTopicResult (delete_topics_response::DeletableTopicResult) {
                name, topic_id, error_code, error_message,
            }

            InitProducerIdRequest (init_producer_id_request::InitProducerIdRequest) {
                transactional_id, transaction_timeout_ms, producer_id, producer_epoch,
            }
            InitProducerIdResponse (init_producer_id_response::InitProducerIdResponse) {
                throttle_time_ms, error_code, producer_id, producer_epoch,
            }

            OffsetForLeaderEpochRequest (offset_for_leader_epoch_request::OffsetForLeaderEpochRequest) {
                replica_id, topics,
            }
            OffsetForLeaderTopic (offset_for_leader_epoch_request::OffsetForLeaderTopic) { topic, partitions }
            OffsetForLeaderPartition (offset_for_leader_epoch_request::OffsetForLeaderPartition) {
                partition, current_leader_epoch, leader_epoch,
            }
            OffsetForLeaderEpochResponse (offset_for_leader_epoch_response::OffsetForLeaderEpochResponse) {
                throttle_time_ms, topics,
            }
            OffsetForLeaderTopicResult (offset_for_leader_epoch_response::OffsetForLeaderTopicResult) {
                topic, partitions,
            }
            OffsetForLeaderPartitionResult (offset_for_leader_epoch_response::EpochEndOffset) {
                error_code, partition, leader_epoch, end_offset,
            }

            DescribeConfigsRequest (describe_configs_request::DescribeConfigsRequest) {
                resources, include_synonyms, include_documentation,
            }
            DescribeConfigsResource (describe_configs_request::DescribeConfigsResource) {
                resource_type, resource_name, configuration_keys,
            }
            DescribeConfigsResponse (describe_configs_response::DescribeConfigsResponse) {
                throttle_time_ms, results,
            }
            DescribeConfigsResult (describe_configs_response::DescribeConfigsResult) {
                error_code, error_message, resource_type, resource_name, configs,
            }
            DescribeConfigsResourceResult (describe_configs_response::DescribeConfigsResourceResult) {
                name, value, read_only, config_source, is_sensitive, synonyms, config_type, documentation,
            }
            DescribeConfigsSynonym (describe_configs_response::DescribeConfigsSynonym) { name, value, source }
        }
    };
}

pub(crate) use all;
