"""What a producer promised, compared with what is in the log: a pure function of the two.

A history is what `outcomes` printed (crates/linger/examples/outcomes.rs): a line per record, then the producer's count.
A log is what a reader that is not ours found, (partition, offset, value), with where each partition ends and where its
leaders' epochs began. Which promises hold depends on the producer's settings: see `Promises`.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

EXAMPLES_MAX = 5


@dataclass(frozen=True)
class Promises:
    """What may be expected with some settings. An outage never excuses anything else."""

    once: bool = True  # No record is in the log twice.
    ordered: bool = True  # Records (their first copies) lie in each partition in the order in which they were sent.
    lasting: bool = True  # An acknowledged record survives its leader.


EXACTLY_ONCE = Promises()
# Without sequence numbers a retry of what was written is written again; one request at a time still keeps the order.
AT_LEAST_ONCE = Promises(once=False)
# A leader that dies takes with it what no follower had.
LEADER_ONLY = Promises(once=False, lasting=False)


@dataclass
class Outcome:
    kind: str  # acked, not-written, possibly-written or refused
    partition: int = -1
    offset: int = -1


@dataclass
class History:
    outcomes: list[Outcome] = field(default_factory=list)  # by the record's number
    ledger: dict[str, int] = field(default_factory=dict)

    def counts(self):
        return Counter(outcome.kind for outcome in self.outcomes)


@dataclass
class Log:
    records: list[tuple[int, int, str]]  # (partition, offset, value), each partition in order
    ends: dict[int, int]  # where each partition ends
    epochs: dict[int, list[int]]  # for each partition the offsets at which leaders' epochs after the first began


def read_history(lines):
    history = History()
    for line in lines:
        words = line.split()
        if words[0] == "ledger":
            history.ledger = {name: int(count) for name, count in (word.split("=") for word in words[1:])}
            continue
        if int(words[0]) != len(history.outcomes):
            raise ValueError(f"after record {len(history.outcomes) - 1} comes the line {line!r}")
        history.outcomes.append(Outcome(words[1], *map(int, words[2:])))
    return history


class Report:
    """Broken promises, a few examples of each."""

    def __init__(self):
        self.broken = defaultdict(list)
        self.duplicates = 0
        self.lost = 0

    def says(self, promise, example):
        self.broken[promise].append(example)

    def lines(self):
        for promise, examples in self.broken.items():
            yield f"{promise}: {len(examples)} times"
            for example in examples[:EXAMPLES_MAX]:
                yield f"    {example}"


def check(history, log, promises):
    report = Report()
    copies = read_log(history, log, report)
    check_counts(history, report)
    for number, outcome in enumerate(history.outcomes):
        found = copies.get(number, [])
        if outcome.kind == "acked":
            check_acknowledged(number, outcome, found, log, promises, report)
        elif outcome.kind in ("not-written", "refused") and found:
            report.says("what was not written is absent", f"record {number} was {outcome.kind}, and is at {found}")
        if len(found) > 1:
            report.duplicates += 1
            if promises.once:
                report.says("no record is there twice", f"record {number}, {outcome.kind}, is at {found}")
    if promises.ordered:
        check_order(copies, report)
    return report


def read_log(history, log, report):
    """Where each record is, by its number."""
    copies = defaultdict(list)
    next_offset = defaultdict(int)
    for partition, offset, value in log.records:
        if offset != next_offset[partition]:
            wanted = next_offset[partition]
            report.says("the log was read whole", f"partition {partition} goes on at {offset} instead of {wanted}")
        next_offset[partition] = offset + 1
        record = number(value, history)
        if record is None:
            report.says("what is there was sent", f"partition {partition} has at offset {offset} {value[:60]!r}")
            continue
        copies[record].append((partition, offset))
    for partition, end in log.ends.items():
        if next_offset[partition] != end:
            report.says("the log was read whole", f"partition {partition} was read to {next_offset[partition]} of {end}")
    return copies


def number(value, history):
    """The number of the record with this value; None if it is no record of this history."""
    words = value.split()
    if not words or not words[0].isdigit() or set(words) != {words[0]} or int(words[0]) >= len(history.outcomes):
        return None
    return int(words[0])


def check_counts(history, report):
    kinds, ledger = history.counts(), history.ledger
    failed = kinds["not-written"] + kinds["possibly-written"]
    told = {"accepted": kinds["acked"] + failed, "acknowledged": kinds["acked"], "failed and returned": failed, "open": 0}
    counted = {
        "accepted": ledger.get("accepted"),
        "acknowledged": ledger.get("acknowledged"),
        "failed and returned": ledger.get("failed", 0) + ledger.get("returned", 0),
        "open": ledger.get("queued", 0) + ledger.get("in_flight", 0),
    }
    for name, count in told.items():
        if counted[name] != count:
            report.says("the counts add up", f"{name}: {count} outcomes, {counted[name]} in the producer's count")


def check_acknowledged(number, outcome, found, log, promises, report):
    place = (outcome.partition, outcome.offset)
    # -1 is the offset of a record that the broker only remembered having: it must be in that partition.
    is_there = place in found or (outcome.offset < 0 and any(at[0] == outcome.partition for at in found))
    if is_there:
        return
    # Only a leader that came after the acknowledgement can have cut the log below it.
    was_cut = any(start <= outcome.offset for start in log.epochs.get(outcome.partition, []))
    if was_cut and not promises.lasting:
        report.lost += 1
        return
    report.says("what was acknowledged is there", f"record {number} was acknowledged at {place}, and is at {found}")


def check_order(copies, report):
    """A record that was sent later has a higher offset in the same partition."""
    last = {}
    for number in sorted(copies):
        for partition in {partition for partition, _ in copies[number]}:
            first = min(offset for at, offset in copies[number] if at == partition)
            before, offset = last.get(partition, (None, -1))
            if first < offset:
                place = f"{first} of partition {partition}"
                report.says("order is kept", f"record {number} is at {place}, before record {before} at {offset}")
            last[partition] = (number, max(first, offset))


def planted():
    """A good history, and for each promise the least that breaks it: (name, promises, history, log, what is broken)."""

    def world():
        outcomes, records = [], []
        for number in range(40):
            partition, offset = number % 2, number // 2
            outcomes.append(Outcome("acked", partition, offset))
            records.append((partition, offset, f"{number} " * 3))
        outcomes[30].kind = "possibly-written"
        outcomes += [Outcome("possibly-written"), Outcome("not-written"), Outcome("refused")]
        ledger = dict(accepted=42, acknowledged=39, failed=3, returned=0, queued=0, in_flight=0)
        return History(outcomes, ledger), Log(records, {0: 20, 1: 20}, {0: [10], 1: []})

    def append(log, partition, value):
        log.records.append((partition, log.ends[partition], value))
        log.ends[partition] += 1

    def cut(log, partition, offset):
        """Takes out what a new leader did not have, and lets what comes after move up."""
        del log.records[next(i for i, at in enumerate(log.records) if at[:2] == (partition, offset))]
        log.records = [(p, o - (p == partition and o > offset), v) for p, o, v in log.records]
        log.ends[partition] -= 1

    def a_record_is_dropped(history, log):
        cut(log, 1, 19)

    def a_record_vanished_below_a_new_leader(history, log):
        cut(log, 0, 19)

    def a_record_is_doubled(history, log):
        append(log, 1, "3 ")

    def two_are_swapped(history, log):
        (*place, a), (*other, b) = log.records[4], log.records[6]
        log.records[4], log.records[6] = (*place, b), (*other, a)
        history.outcomes[4], history.outcomes[6] = history.outcomes[6], history.outcomes[4]

    def an_offset_is_wrong(history, log):
        history.outcomes[7].offset += 1

    def a_partition_is_wrong(history, log):
        history.outcomes[7].partition = 0

    def an_offset_is_unknown(history, log):
        history.outcomes[7].offset = -1

    def what_was_not_written_is_there(history, log):
        append(log, 1, "41 ")

    def what_was_refused_is_there(history, log):
        append(log, 1, "42 ")

    def what_is_in_doubt_is_there(history, log):
        append(log, 1, "40 ")

    def what_is_in_doubt_is_there_twice(history, log):
        append(log, 1, "40 ")
        append(log, 1, "40 ")

    def a_record_was_never_sent(history, log):
        append(log, 1, "43 ")

    def a_value_is_damaged(history, log):
        append(log, 1, "40 4 40 ")

    def a_failure_is_not_counted(history, log):
        history.ledger["failed"] -= 1

    def a_record_stays_open(history, log):
        history.ledger["in_flight"] += 1

    def an_outcome_is_missing(history, log):
        history.outcomes.pop(41)

    def the_log_has_a_hole(history, log):
        del log.records[10]

    def the_end_is_not_read(history, log):
        log.ends[1] += 1

    there, once, ordered = "what was acknowledged is there", "no record is there twice", "order is kept"
    absent, sent = "what was not written is absent", "what is there was sent"
    whole, counts = "the log was read whole", "the counts add up"
    cases = [
        (None, EXACTLY_ONCE, set()),
        (a_record_is_dropped, EXACTLY_ONCE, {there}),
        (a_record_is_dropped, AT_LEAST_ONCE, {there}),
        (a_record_is_dropped, LEADER_ONLY, {there}),
        (a_record_vanished_below_a_new_leader, AT_LEAST_ONCE, {there}),
        (a_record_vanished_below_a_new_leader, LEADER_ONLY, set()),
        (a_record_is_doubled, EXACTLY_ONCE, {once}),
        (a_record_is_doubled, AT_LEAST_ONCE, set()),
        (two_are_swapped, EXACTLY_ONCE, {ordered}),
        (two_are_swapped, AT_LEAST_ONCE, {ordered}),
        (two_are_swapped, LEADER_ONLY, {ordered}),
        (an_offset_is_wrong, EXACTLY_ONCE, {there}),
        (a_partition_is_wrong, EXACTLY_ONCE, {there}),
        (an_offset_is_unknown, EXACTLY_ONCE, set()),
        (what_was_not_written_is_there, EXACTLY_ONCE, {absent}),
        (what_was_not_written_is_there, LEADER_ONLY, {absent}),
        (what_was_refused_is_there, EXACTLY_ONCE, {absent}),
        (what_is_in_doubt_is_there, EXACTLY_ONCE, set()),
        (what_is_in_doubt_is_there_twice, EXACTLY_ONCE, {once}),
        (a_record_was_never_sent, EXACTLY_ONCE, {sent}),
        (a_value_is_damaged, EXACTLY_ONCE, {sent}),
        (a_failure_is_not_counted, EXACTLY_ONCE, {counts}),
        (a_record_stays_open, EXACTLY_ONCE, {counts}),
        (an_outcome_is_missing, EXACTLY_ONCE, {counts}),
        (the_log_has_a_hole, LEADER_ONLY, {whole, there}),
        (the_end_is_not_read, EXACTLY_ONCE, {whole}),
    ]
    for tamper, promises, broken in cases:
        history, log = world()
        if tamper:
            tamper(history, log)
        yield tamper.__name__ if tamper else "nothing_is_wrong", promises, history, log, broken


def self_check():
    """Whether the check finds what was planted, and nothing else."""
    found_all = True
    for name, promises, history, log, broken in planted():
        found = set(check(history, log, promises).broken)
        verdict = "ok" if found == broken else f"FAILED: found {sorted(found)} instead of {sorted(broken)}"
        kind = {EXACTLY_ONCE: "exactly once", AT_LEAST_ONCE: "at least once", LEADER_ONLY: "leader only"}[promises]
        print(f"{verdict:8} {name.replace('_', ' ')} ({kind})")
        found_all &= found == broken
    return found_all
