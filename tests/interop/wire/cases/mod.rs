//! The cases, a file per family.

mod api_versions;
mod batches;
mod create_topics;
mod delete_topics;
mod describe_configs;
mod fetch;
mod fetch_sessions;
mod find_coordinator;
mod framing;
mod idempotence;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod packed;
mod produce;
mod producer_id;

use super::script::Script;

/// A name that says what is asked, and how.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) run: Box<dyn Fn(&mut Script) + Send + Sync>,
}

pub(crate) fn case(name: impl Into<String>, run: impl Fn(&mut Script) + Send + Sync + 'static) -> Case {
    Case {
        name: name.into(),
        run: Box::new(run),
    }
}

pub(crate) fn all() -> Vec<Case> {
    let families = [
        framing::cases,
        api_versions::cases,
        produce::cases,
        batches::cases,
        packed::cases,
        idempotence::cases,
        producer_id::cases,
        metadata::cases,
        create_topics::cases,
        delete_topics::cases,
        list_offsets::cases,
        fetch::cases,
        fetch_sessions::cases,
        find_coordinator::cases,
        offset_for_leader_epoch::cases,
        describe_configs::cases,
    ];
    families.into_iter().flat_map(|family| family()).collect()
}
