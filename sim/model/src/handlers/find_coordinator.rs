//! FindCoordinator: there are no groups and no transactions here, so nobody coordinates them.
//!
//! The answer is the one that Kafka gives while it still creates its internal topic, which clients take as "ask again": one
//! that only reads assigned partitions is not disturbed.

use linger_protocol::ErrorCode;
use linger_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};

use super::refusal::no_coordinator;
use crate::ClusterModel;

/// Groups, transactional ids and, from version 6, share groups.
const KEY_TYPES: std::ops::RangeInclusive<i8> = 0..=2;
const SHARE: i8 = 2;
const SHARE_FROM: i16 = 6;

impl ClusterModel {
    pub(super) fn find_coordinator(
        &self,
        request: &FindCoordinatorRequest,
        version: i16,
    ) -> FindCoordinatorResponse {
        let (code, why) = match request.key_type {
            key_type if !KEY_TYPES.contains(&key_type) => (
                ErrorCode::INVALID_REQUEST,
                format!("there is no key type {key_type}"),
            ),
            SHARE if version < SHARE_FROM => (ErrorCode::INVALID_REQUEST, String::new()),
            _ => (ErrorCode::COORDINATOR_NOT_AVAILABLE, String::new()),
        };
        no_coordinator(request.coordinator_keys.iter().cloned(), code, why.into())
    }
}
