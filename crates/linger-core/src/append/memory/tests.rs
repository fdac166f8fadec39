use super::*;
use crate::testing::Task;
use rstest::rstest;

const K: usize = 1024;

fn ready<T>(poll: Poll<T>) -> T {
    match poll {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// Takes all of the budget in buffers of 1 KiB.
fn spend(budget: &Arc<MemoryBudget>) -> Vec<Buffer> {
    std::iter::from_fn(|| budget.take(K, K, None)).collect()
}

#[rstest]
#[case(0, 512)]
#[case(512, 512)]
#[case(513, 1024)]
#[case(16_323, 16_384)]
#[case(1_000_000, 1_048_576)]
fn a_buffer_has_the_next_power_of_two(#[case] size: usize, #[case] expected: usize) {
    let budget = MemoryBudget::new(4 << 20);
    let buffer = budget.take(size, size, None).unwrap();
    assert_eq!((buffer.capacity(), budget.used()), (expected, expected));
    drop(buffer);
    assert_eq!((budget.used(), budget.idle()), (0, expected));
}

#[test]
fn a_returned_buffer_is_used_again() {
    let budget = MemoryBudget::new(64 * K);
    let first = budget.take(K, K, None).unwrap();
    let address = first.as_ref().as_ptr();
    drop(first);
    let second = budget.take(K, K, None).unwrap();
    assert_eq!(second.as_ref().as_ptr(), address);
    assert_eq!(budget.idle(), 0);
}

#[test]
fn idle_buffers_give_way_before_the_limit_is_passed() {
    let budget = MemoryBudget::new(8 * K);
    drop(spend(&budget));
    assert_eq!((budget.used(), budget.idle()), (0, 8 * K));
    let large = budget.take(8 * K, 8 * K, None).unwrap();
    assert_eq!((budget.used(), budget.idle()), (8 * K, 0));
    drop(large);
    assert_eq!(budget.used() + budget.idle(), 8 * K);
}

#[test]
fn less_than_wanted_is_better_than_nothing() {
    let budget = MemoryBudget::new(8 * K);
    let _used = budget.take(6 * K, 4 * K, None);
    assert!(budget.take(100, 4 * K, None).is_none(), "all is used");
    drop(_used);
    let _used = budget.take(4 * K, 4 * K, None);
    let _more = budget.take(2 * K, 2 * K, None);
    assert_eq!(budget.take(100, 4 * K, None).unwrap().capacity(), 512);
}

#[test]
fn waiters_are_served_in_the_order_in_which_they_came() {
    let budget = MemoryBudget::new(8 * K);
    let mut used = spend(&budget);
    let (first, second) = (Task::new(), Task::new());
    let (mut first_wait, mut second_wait) = (budget.wait(4 * K), budget.wait(K));
    assert!(first.poll(&mut first_wait).is_pending() && second.poll(&mut second_wait).is_pending());
    used.truncate(5);
    assert_eq!(
        (first.woken(), second.woken()),
        (0, 0),
        "the second would fit, but it is not its turn"
    );
    used.truncate(4);
    assert_eq!((first.woken(), second.woken()), (1, 0));
    used.truncate(2);
    assert_eq!((first.woken(), second.woken()), (1, 1));
    let mut turn = ready(first.poll(&mut first_wait));
    let buffer = budget.take(4 * K, 4 * K, Some(&mut turn)).unwrap();
    assert_eq!(buffer.capacity(), 4 * K);
    drop((turn, second_wait, buffer, used));
    assert_eq!(budget.used(), 0);
}

#[test]
fn nobody_passes_those_who_wait() {
    let budget = MemoryBudget::new(8 * K);
    let mut used = spend(&budget);
    let task = Task::new();
    let mut wait = budget.wait(8 * K);
    assert!(task.poll(&mut wait).is_pending());
    used.truncate(4);
    assert!(budget.take(K, K, None).is_none());
    drop(wait);
    assert!(budget.take(K, K, None).is_some());
}

#[test]
fn waking_starts_when_a_quarter_is_free_or_relief_is_asked_for() {
    let budget = MemoryBudget::new(16 * K);
    let mut used = spend(&budget);
    let tasks: Vec<_> = (0..3).map(|_| Task::new()).collect();
    let mut waits: Vec<_> = tasks.iter().map(|_| budget.wait(K)).collect();
    for (task, wait) in tasks.iter().zip(&mut waits) {
        assert!(task.poll(wait).is_pending());
    }
    let woken = || tasks.iter().map(|task| task.woken()).sum::<usize>();
    assert!(!budget.relief_wanted());
    used.pop();
    assert!(budget.relief_wanted());
    assert_eq!(woken(), 0);
    budget.relieve();
    assert_eq!(woken(), 1);
    assert!(!budget.relief_wanted());
    used.truncate(13);
    assert_eq!(woken(), 1, "granted memory is not free");
    used.truncate(11);
    assert_eq!(woken(), 3);
}

#[test]
fn a_dropped_waiter_hands_its_turn_on() {
    let budget = MemoryBudget::new(4 * K);
    let mut used = spend(&budget);
    let (first, second, third) = (Task::new(), Task::new(), Task::new());
    let (mut a, mut b, mut c) = (budget.wait(K), budget.wait(K), budget.wait(K));
    assert!(first.poll(&mut a).is_pending());
    assert!(second.poll(&mut b).is_pending());
    assert!(third.poll(&mut c).is_pending());
    used.pop();
    assert_eq!((first.woken(), second.woken(), third.woken()), (1, 0, 0));
    drop(a);
    assert_eq!((first.woken(), second.woken(), third.woken()), (1, 1, 0));
    let turn = ready(second.poll(&mut b));
    drop(turn);
    assert_eq!(third.woken(), 1);
    drop(ready(third.poll(&mut c)));
    drop(used);
    assert_eq!((budget.used(), budget.waiting()), (0, 0));
}

#[test]
fn whoever_stood_behind_a_large_demand_gets_on_when_it_is_dropped() {
    let budget = MemoryBudget::new(4 * K);
    let mut used = spend(&budget);
    let (large, small) = (Task::new(), Task::new());
    let (mut a, mut b) = (budget.wait(4 * K), budget.wait(K));
    assert!(large.poll(&mut a).is_pending() && small.poll(&mut b).is_pending());
    used.pop();
    assert_eq!((large.woken(), small.woken()), (0, 0));
    drop(a);
    assert_eq!(small.woken(), 1);
}

#[test]
fn a_split_may_overdraw_and_everybody_else_waits_until_that_is_paid() {
    let budget = MemoryBudget::new(4 * K);
    let used = spend(&budget);
    let more = budget.overdraw(2 * K);
    assert_eq!(budget.used(), 6 * K);
    assert!(budget.take(K, K, None).is_none());
    drop((used, more));
    assert_eq!(budget.used(), 0);
    assert!(budget.idle() <= budget.limit());
}

/// Threads that wait, give up at random, and take buffers with their turns: nothing is lost or
/// passed.
#[test]
fn the_line_moves_on_whoever_gives_up() {
    const THREADS: usize = 4;
    let budget = MemoryBudget::new(8 * K);
    std::thread::scope(|scope| {
        for n in 0..THREADS {
            let budget = budget.clone();
            scope.spawn(move || {
                let task = Task::new();
                for round in 0..3_000 {
                    let mut wait = budget.wait(K << (round % 3));
                    let mut turn = loop {
                        match task.poll(&mut wait) {
                            Poll::Ready(turn) => break Some(turn),
                            Poll::Pending if (round + n) % 5 == 0 => break None,
                            Poll::Pending => {
                                budget.relieve();
                                std::thread::yield_now();
                            }
                        }
                    };
                    let buffer = turn.as_mut().and_then(|turn| budget.take(K, 2 * K, Some(turn)));
                    let held = {
                        // In one look: between two, a buffer that becomes idle would count twice.
                        let state = lock(&budget.state);
                        state.used + state.idle
                    };
                    assert!(held <= budget.limit());
                    drop((turn, buffer));
                }
            });
        }
    });
    assert_eq!((budget.used(), budget.waiting()), (0, 0));
}
