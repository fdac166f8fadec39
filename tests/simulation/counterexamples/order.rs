//! S5: records out of their order.

use super::catches;
use super::plant::{Plant, claim, held, plant, tp, written};
use crate::history::{Event, Held};
use crate::payload::Claim;

#[test]
fn s5_a_record_overtaken_by_a_later_one() {
    let both = written().send(2);
    let first = both
        .clone()
        .append(1, &[1])
        .answer(1, 0)
        .write(2, 1, &[2])
        .append(0, &[2]);
    let mut bad = first.clone();
    bad.history
        .logs
        .get_mut(&tp())
        .expect("two appended")
        .sort_by_key(|stored| stored.offset);
    let good = both
        .append(0, &[1])
        .answer(1, 0)
        .write(2, 1, &[2])
        .append(1, &[2]);
    catches("S5", bad, good);
}

#[test]
fn s5_concurrent_sends_may_land_in_either_order() {
    // Different tasks, so only real time decides.
    let other_task = |sid| {
        let claim = Claim {
            task: 1,
            index: 0,
            ..claim(sid)
        };
        (
            Event::Invoked {
                claim: claim.clone(),
                content: sid * 31,
                timestamp: 500,
            },
            Held {
                claim: Ok(claim),
                ..held(sid)
            },
        )
    };
    let (invoked, in_task_1) = other_task(2);
    let log = |plant: Plant| plant.append_held(0, vec![in_task_1.clone(), held(1)]);
    let bad = plant().send(1).event(invoked.clone()).accept(2);
    let good = plant().invoke(1).event(invoked).accept(2).accept(1);
    catches("S5", log(bad), log(good));
}

#[test]
fn s5_one_task_is_ordered_by_its_own_count() {
    let invoked = plant().invoke(1).invoke(2).accept(1).accept(2);
    catches(
        "S5",
        invoked.clone().append(0, &[2, 1]),
        invoked.append(0, &[1, 2]),
    );
}
