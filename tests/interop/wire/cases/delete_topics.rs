//! DeleteTopics: by name and by id, and what is no longer there.

use linger_protocol::messages::{DeleteTopicState, DeleteTopicsRequest};

use super::{Case, case};
use crate::request::{create, metadata_without_creating, topic};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (1..=6)
        .map(|version| {
            case(
                format!("DeleteTopics v{version} deletes one and refuses another in its shape"),
                move |s| {
                    let name = s.name();
                    let mut connection = s.connect();
                    connection.ask(7, create(&[topic(&name, 2, 1, &[])], false));
                    s.await_topic(&name, 2);
                    connection.ask(version, by_name(version, &[&name, "never-created"]));
                    connection.ask(version, by_name(version, &[&name]));
                },
            )
        })
        .collect();
    cases.extend([
        case("a topic is named twice and refused once, and not deleted", |s| {
            let name = s.name();
            let mut connection = s.connect();
            connection.ask(7, create(&[topic(&name, 1, 1, &[])], false));
            s.await_topic(&name, 1);
            for version in [5, 6] {
                connection.ask(version, by_name(version, &[&name, &name]));
            }
            connection.ask(4, metadata_without_creating(&[&name]));
        }),
        case(
            "an id of no topic, a name beside an id, and neither of the two",
            |s| {
                let name = s.name();
                let states = [(None, [7; 16]), (Some(&*name), [7; 16]), (None, [0; 16])];
                for (name, topic_id) in states {
                    let topics = vec![DeleteTopicState {
                        name: name.map(Into::into),
                        topic_id,
                    }];
                    s.connect().ask(6, DeleteTopicsRequest { topics, ..request() });
                }
            },
        ),
    ]);
    cases
}

fn request() -> DeleteTopicsRequest {
    DeleteTopicsRequest {
        timeout_ms: 10_000,
        ..DeleteTopicsRequest::default()
    }
}

fn by_name(version: i16, names: &[&str]) -> DeleteTopicsRequest {
    let names = names.iter().copied();
    if version < 6 {
        return DeleteTopicsRequest {
            topic_names: names.map(Into::into).collect(),
            ..request()
        };
    }
    let states = names.map(|name| DeleteTopicState {
        name: Some(name.into()),
        topic_id: [0; 16],
    });
    DeleteTopicsRequest {
        topics: states.collect(),
        ..request()
    }
}
