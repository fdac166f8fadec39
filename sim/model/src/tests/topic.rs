//! Metadata, CreateTopics and DeleteTopics.

use rstest::rstest;

use super::*;

fn named(names: &[&str]) -> MetadataRequest {
    let topics = names.iter().map(|name| MetadataRequestTopic {
        name: Some((*name).into()),
        ..Default::default()
    });
    MetadataRequest {
        topics: Some(topics.collect()),
        ..Default::default()
    }
}

fn names(response: &MetadataResponse) -> Vec<&str> {
    response
        .topics
        .iter()
        .map(|topic| topic.name.as_deref().unwrap_or("(null)"))
        .collect()
}

#[rstest]
fn every_version_describes_the_cluster(#[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)] version: i16) {
    let mut world = World::three();
    let response = world.ask(2, version, &named(&[TOPIC]));
    let brokers: Vec<_> = response
        .brokers
        .iter()
        .map(|broker| (broker.node_id, broker.port))
        .collect();
    assert_eq!(brokers, [(0, 9092), (1, 9093), (2, 9094)]);
    let topic = &response.topics[0];
    assert_eq!(topic.error_code, ErrorCode::NONE);
    let leaders: Vec<_> = topic
        .partitions
        .iter()
        .map(|part| (part.partition_index, part.leader_id))
        .collect();
    assert_eq!(leaders, [(0, 0), (1, 1), (2, 2)]);
    assert_eq!(topic.partitions[1].replica_nodes, [1, 2, 0]);
    if version >= 1 {
        assert_eq!(response.controller_id, 0);
    }
    if version >= 10 {
        assert_ne!(topic.topic_id, Uuid::default());
    }
}

#[test]
fn null_and_in_v0_nothing_mean_all_topics() {
    let mut world = World::three();
    let all = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    assert_eq!(names(&world.ask(0, 12, &all)), [TOPIC]);
    assert_eq!(names(&world.ask(0, 0, &named(&[]))), [TOPIC]);
    assert_eq!(names(&world.ask(0, 1, &named(&[]))), [""; 0]);
    assert_eq!(
        names(&world.ask(0, 12, &named(&[TOPIC, TOPIC]))),
        [TOPIC],
        "asked twice, answered once"
    );
}

#[test]
fn a_missing_topic_is_created_if_broker_and_client_allow_it() {
    let mut world = World::three();
    let response = world.ask(0, 12, &named(&["new"]));
    assert_eq!(
        (response.topics[0].error_code, response.topics[0].partitions.len()),
        (ErrorCode::NONE, 1)
    );
    let mut forbidden = named(&["other"]);
    forbidden.allow_auto_topic_creation = false;
    let response = world.ask(0, 12, &forbidden);
    assert_eq!(
        response.topics[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    let mut config = config(3);
    config.auto_create_topics = false;
    let response = World::new(config).ask(0, 12, &named(&["other"]));
    assert_eq!(
        response.topics[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
}

#[rstest]
#[case("a b")]
#[case("")]
#[case("..")]
fn an_invalid_name_is_17(#[case] name: &str) {
    let response = World::three().ask(0, 9, &named(&[name]));
    assert_eq!(response.topics[0].error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert!(response.topics[0].partitions.is_empty());
}

#[test]
fn topics_are_found_by_id_from_version_12_on() {
    let mut world = World::three();
    let id = world.model.topic_id(TOPIC).expect("it exists");
    let by_id = |topic_id| MetadataRequest {
        topics: Some(vec![MetadataRequestTopic { topic_id, name: None }]),
        ..Default::default()
    };
    assert_eq!(names(&world.ask(0, 12, &by_id(id))), [TOPIC]);
    let unknown = world.ask(0, 12, &by_id([9; 16]));
    assert_eq!(
        (unknown.topics[0].error_code, names(&unknown)),
        (ErrorCode::UNKNOWN_TOPIC_ID, vec!["(null)"])
    );
    let refused = world.ask(0, 10, &by_id(id));
    assert_eq!(
        (refused.topics[0].error_code, names(&refused)),
        (ErrorCode::INVALID_REQUEST, vec![""])
    );
}

#[test]
fn a_dead_broker_is_offline_and_not_listed() {
    let mut world = World::three();
    world.control(Control::Stop(0));
    let response = world.ask(1, 12, &named(&[TOPIC]));
    assert_eq!(response.brokers.len(), 2);
    assert_eq!(response.controller_id, 1);
    let partition = &response.topics[0].partitions[0];
    assert_eq!((partition.leader_id, partition.leader_epoch), (1, 1));
    assert_eq!(
        (&partition.offline_replicas, &partition.isr_nodes),
        (&vec![0], &vec![1, 2])
    );
    world.control(Control::Stop(2));
    world.control(Control::Stop(1));
    world.control(Control::Start(2));
    let partition = &world.ask(2, 12, &named(&[TOPIC])).topics[0].partitions[0];
    assert_eq!(
        (partition.error_code, partition.leader_id),
        (ErrorCode::LEADER_NOT_AVAILABLE, -1)
    );
}

#[test]
fn operations_are_listed_only_if_asked_for() {
    let mut world = World::three();
    let silent = world.ask(0, 8, &named(&[TOPIC]));
    assert_eq!(silent.topics[0].topic_authorized_operations, i32::MIN);
    assert_eq!(silent.cluster_authorized_operations, i32::MIN);
    let mut asking = named(&[TOPIC]);
    asking.include_topic_authorized_operations = true;
    asking.include_cluster_authorized_operations = true;
    let told = world.ask(0, 8, &asking);
    assert!(told.topics[0].topic_authorized_operations > 0 && told.cluster_authorized_operations > 0);
}

fn topic(name: &str, partitions: i32, factor: i16) -> CreatableTopic {
    CreatableTopic {
        name: name.into(),
        num_partitions: partitions,
        replication_factor: factor,
        ..Default::default()
    }
}

fn assigned(name: &str, assignment: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = assignment
        .iter()
        .map(|(partition, brokers)| CreatableReplicaAssignment {
            partition_index: *partition,
            broker_ids: brokers.to_vec(),
        });
    CreatableTopic {
        assignments: assignments.collect(),
        ..topic(name, -1, -1)
    }
}

fn configured(name: &str, value: Option<&str>) -> CreatableTopic {
    let config = CreatableTopicConfig {
        name: name.into(),
        value: value.map(Str::from),
    };
    CreatableTopic {
        configs: vec![config],
        ..topic("new", 1, 1)
    }
}

fn create(topics: &[CreatableTopic]) -> CreateTopicsRequest {
    CreateTopicsRequest {
        topics: topics.to_vec(),
        ..Default::default()
    }
}

#[rstest]
#[case::plain(topic("new", 4, 2), ErrorCode::NONE)]
#[case::defaults(topic("new", -1, -1), ErrorCode::NONE)]
#[case::exists_before_counts(topic(TOPIC, 0, 0), ErrorCode::TOPIC_ALREADY_EXISTS)]
#[case::no_partitions(topic("new", 0, 1), ErrorCode::INVALID_PARTITIONS)]
#[case::negative_partitions(topic("new", -2, 1), ErrorCode::INVALID_PARTITIONS)]
#[case::no_replicas(topic("new", 1, 0), ErrorCode::INVALID_REPLICATION_FACTOR)]
#[case::too_many_replicas(topic("new", 1, 4), ErrorCode::INVALID_REPLICATION_FACTOR)]
#[case::name(topic("new/er", 1, 1), ErrorCode::INVALID_TOPIC_EXCEPTION)]
#[case::assigned(assigned("new", &[(0, &[2, 1]), (1, &[0, 2])]), ErrorCode::NONE)]
#[case::gap(assigned("new", &[(0, &[2]), (2, &[0])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT)]
#[case::repeated(assigned("new", &[(0, &[2]), (0, &[0])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT)]
#[case::empty(assigned("new", &[(0, &[])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT)]
#[case::unknown_broker(assigned("new", &[(0, &[3])]), ErrorCode::INVALID_REPLICA_ASSIGNMENT)]
#[case::assigned_and_counted(CreatableTopic { num_partitions: 1, ..assigned("new", &[(0, &[2])]) }, ErrorCode::INVALID_REQUEST)]
#[case::setting(configured("min.insync.replicas", Some("2")), ErrorCode::NONE)]
#[case::setting_without_effect(configured("retention.ms", Some("-1")), ErrorCode::NONE)]
#[case::unknown_setting(configured("no.such.thing", Some("1")), ErrorCode::INVALID_CONFIG)]
#[case::bad_value(configured("max.message.bytes", Some("many")), ErrorCode::INVALID_CONFIG)]
#[case::null_value(configured("retention.ms", None), ErrorCode::INVALID_CONFIG)]
#[case::small_segment(configured("segment.bytes", Some("1048575")), ErrorCode::INVALID_CONFIG)]
fn a_topic_is_checked_as_kafka_checks_it(#[case] topic: CreatableTopic, #[case] code: ErrorCode) {
    let mut world = World::three();
    for version in 2..=7 {
        let mut request = create(std::slice::from_ref(&topic));
        request.validate_only = true;
        let response = world.ask(0, version, &request);
        assert_eq!(response.topics[0].error_code, code, "version {version}");
    }
    let created = &world.ask(0, 7, &create(std::slice::from_ref(&topic))).topics[0];
    assert_eq!(created.error_code, code);
    let configs = created.configs.as_ref().expect("an array, not null");
    assert_eq!(configs.is_empty(), code != ErrorCode::NONE);
    if code == ErrorCode::NONE {
        assert_ne!(created.topic_id, Uuid::default());
        assert!(
            world
                .model
                .topics()
                .iter()
                .any(|(name, count)| *name == topic.name && *count == created.num_partitions)
        );
    } else {
        assert_eq!((created.num_partitions, created.replication_factor), (-1, -1));
        assert_eq!(world.model.topics().len(), 1);
    }
}

#[test]
fn names_that_collide_or_repeat_are_refused() {
    let mut world = World::three();
    let request = create(&[
        topic("a.b", 1, 1),
        topic("a_b", 1, 1),
        topic("twice", 1, 1),
        topic("twice", 1, 1),
    ]);
    let codes: Vec<_> = world
        .ask(0, 7, &request)
        .topics
        .iter()
        .map(|topic| topic.error_code)
        .collect();
    assert_eq!(
        codes,
        [
            ErrorCode::NONE,
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            ErrorCode::INVALID_REQUEST
        ]
    );
}

#[test]
fn a_created_topic_has_its_assignment_and_settings() {
    let mut world = World::three();
    world.ask(0, 7, &create(&[assigned("new", &[(0, &[2, 1]), (1, &[0, 2])])]));
    assert_eq!(world.model.replicas("new", 0), Some(vec![2, 1]));
    assert_eq!(world.model.leader("new", 1), Some(0));
    let mut small = configured("max.message.bytes", Some("100"));
    small.name = "small".into();
    world.ask(0, 7, &create(&[small]));
    let response = world.ask(0, 11, &produce(-1, &[("small", 0, batch(7, 0, 5))]));
    assert_eq!(outcome(&response).error_code, ErrorCode::MESSAGE_TOO_LARGE);
}

#[test]
fn a_deleted_topic_is_unknown_to_whoever_waits_for_it() {
    let mut world = World::slow(50);
    let connection = world.connect(0);
    let id = world.send(connection, 11, &produce(-1, &[(TOPIC, 0, batch(7, 0, 1))]));
    world.control(Control::DeleteTopic(TOPIC.into()));
    let response = world.answer::<ProduceRequest>(connection, 11, id);
    assert_eq!(
        outcome(&response).error_code,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    world.control(Control::CreateTopic(TopicSpec::new(TOPIC, 1)));
    assert_eq!(world.log(0), [], "a new topic of the old name is empty");
}

#[test]
fn a_deleted_topic_is_gone_and_its_name_may_be_used_again() {
    let mut world = World::three();
    let by_name = |name: &str| DeleteTopicsRequest {
        topic_names: vec![name.into()],
        ..Default::default()
    };
    let code = |response: DeleteTopicsResponse| response.responses[0].error_code;
    assert_eq!(code(world.ask(0, 5, &by_name(TOPIC))), ErrorCode::NONE);
    let mut look = named(&[TOPIC]);
    look.allow_auto_topic_creation = false;
    let metadata = world.ask(1, 12, &look);
    assert_ne!(metadata.topics[0].error_code, ErrorCode::NONE);
    assert_eq!(
        code(world.ask(0, 5, &by_name(TOPIC))),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    );
    let again = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: TOPIC.into(),
            num_partitions: 1,
            replication_factor: 3,
            ..Default::default()
        }],
        ..Default::default()
    };
    assert_eq!(world.ask(0, 7, &again).topics[0].error_code, ErrorCode::NONE);
    let id = world.ask(0, 12, &named(&[TOPIC])).topics[0].topic_id;
    let by_id = DeleteTopicsRequest {
        topics: vec![DeleteTopicState {
            name: None,
            topic_id: id,
        }],
        ..Default::default()
    };
    let response = world.ask(0, 6, &by_id);
    assert_eq!(response.responses[0].name.as_deref(), Some(TOPIC));
    assert_eq!(code(response), ErrorCode::NONE);
}
