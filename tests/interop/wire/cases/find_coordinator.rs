//! FindCoordinator without groups: the simulator has no groups, so only these answers can agree.

use linger_protocol::messages::FindCoordinatorRequest;

use super::{Case, case};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = (1..=6)
        .map(|version| {
            case(
                format!("FindCoordinator v{version} refuses unknown kinds of keys in its shape"),
                move |s| {
                    let mut connection = s.connect();
                    for key_type in [3, 99, -1] {
                        let asked = FindCoordinatorRequest {
                            key: "one".into(),
                            key_type,
                            coordinator_keys: vec!["one".into(), "two".into()],
                        };
                        connection.ask(version, asked);
                    }
                },
            )
        })
        .collect();
    cases.push(case("share groups need FindCoordinator v6", |s| {
        let mut connection = s.connect();
        for version in [1, 4, 5] {
            let asked = FindCoordinatorRequest {
                key: "one".into(),
                key_type: 2,
                coordinator_keys: vec!["one".into()],
            };
            connection.ask(version, asked);
        }
    }));
    cases.push(case("FindCoordinator for no keys is answered without any", |s| {
        for version in [4, 6] {
            s.connect().ask(version, FindCoordinatorRequest::default());
        }
    }));
    cases
}
