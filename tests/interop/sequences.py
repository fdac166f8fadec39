"""Whether an idempotent producer kept its promises to a broker that ignores sequence numbers.

librdkafka's mock cluster appends whatever comes (mock_cluster.py): a batch that is sent again is there twice, and one
that passed its predecessor lies before it, though the producer did nothing wrong. So the numbers are judged that it
wrote, by Kafka's rules: a broker takes the batch whose number is next, appends nothing that it has, for which it
remembers five batches, and refuses what lies beyond a gap.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

import promises
from batches import Batch

# How many batches of a producer a broker remembers for each partition.
REMEMBERED = 5

ONE_IDENTITY = "a producer has one id"
NUMBERED = "every batch is numbered"
NAMES_ONE = "a number is one record's"
UNDER_ONE = "a record has one number"
KNOWN_AGAIN = "what is sent again would be known"
BEYOND_A_GAP = "little is sent beyond a gap"
IN_ORDER = "numbers follow the order of sending"


@dataclass
class Excused:
    """What Kafka would have kept out of the log, in records."""

    copies: int = 0
    beyond_gaps: int = 0


def check(history, log, batches, in_flight_max, report):
    """Adds to the report what is wrong with the numbers; `log` has the records of these batches."""
    excused = Excused()
    values = {(partition, offset): value for partition, offset, value in log.records}
    ids = sorted({batch.producer_id for batch in batches})
    if len(ids) > 1:
        report.says(ONE_IDENTITY, f"its batches have {ids}")
    number_of = {}
    for partition in sorted(log.ends):
        own = [batch for batch in batches if batch.partition == partition]
        record_of, begun = read_numbers(partition, own, values, history, excused, report)
        for number, record in record_of.items():
            place = (partition, *number)
            if number_of.setdefault(record, place) != place:
                report.says(UNDER_ONE, f"record {record} has {number_of[record]} and {place}")
        check_order(partition, record_of, begun, in_flight_max, excused, report)
    return excused


def read_numbers(partition, batches, values, history, excused, report):
    """Whose each number (epoch, sequence) is, and the batches of each epoch that brought new ones: (start, count)."""
    record_of, begun = {}, defaultdict(list)
    for batch in batches:
        if batch.producer_id < 0 or batch.epoch < 0 or batch.base_sequence < 0:
            report.says(NUMBERED, f"partition {partition} has at offset {batch.base_offset} {batch}")
            continue
        copies = 0
        for index in range(batch.count):
            record = promises.number(values.get((partition, batch.base_offset + index), ""), history)
            if record is None:
                continue  # Not read or not sent: the log's own check says so.
            number = (batch.epoch, batch.base_sequence + index)
            copies += number in record_of
            if record_of.setdefault(number, record) != record:
                report.says(NAMES_ONE, f"{number} of partition {partition} is record {record_of[number]}'s and {record}'s")
        excused.copies += copies
        if copies < batch.count:
            begun[batch.epoch].append((batch.base_sequence, batch.count))
        elif sum(start > batch.base_sequence for start, _ in begun[batch.epoch]) >= REMEMBERED:
            report.says(KNOWN_AGAIN, f"partition {partition} has at offset {batch.base_offset} what a broker forgot")
    return record_of, begun


def check_order(partition, record_of, begun, in_flight_max, excused, report):
    """Up to the first gap of each epoch: what follows one was in flight with the batch that is missing."""
    last = -1
    for epoch, batches in sorted(begun.items()):
        next_sequence, beyond = 0, 0
        for start, count in sorted(batches):
            if start > next_sequence:
                beyond += 1
                excused.beyond_gaps += count
                continue
            next_sequence = max(next_sequence, start + count)
            for sequence in range(start, start + count):
                record = record_of.get((epoch, sequence), last)
                if record < last:
                    report.says(IN_ORDER, f"record {record} of partition {partition} follows record {last}")
                last = record
        if beyond >= in_flight_max:
            report.says(BEYOND_A_GAP, f"partition {partition} has {beyond} batches of epoch {epoch} after {next_sequence}")


IN_FLIGHT_MAX = 5


def planted():
    """A good log, and for each rule the least that breaks it: (what is done, what is broken, what is excused)."""

    def world():
        # Eleven batches of two records in each of two partitions, numbered from 0.
        values, batches = [], []
        for index in range(11):
            for partition in (0, 1):
                records = [2 * (2 * index + partition), 2 * (2 * index + partition) + 1]
                offset = 2 * index
                values += [(partition, offset + i, f"{record} ") for i, record in enumerate(records)]
                batches.append(Batch(partition, offset, 2, 7, 0, 2 * index))
        history = promises.History([promises.Outcome("acked")] * 44)
        return history, promises.Log(sorted(values), {0: 22, 1: 22}, {}), batches

    def index_at(batches, partition, offset):
        return next(i for i, batch in enumerate(batches) if (batch.partition, batch.base_offset) == (partition, offset))

    def renumber(batches, partition, offset, **numbers):
        at = index_at(batches, partition, offset)
        batches[at] = replace(batches[at], **numbers)

    def append(log, batches, like, partition=None, **numbers):
        """A batch at the end of a partition with the values of batch `like`."""
        partition = like.partition if partition is None else partition
        end = log.ends[partition]
        values = {(p, o): value for p, o, value in log.records}
        log.records += [(partition, end + i, values[like.partition, like.base_offset + i]) for i in range(like.count)]
        log.ends[partition] += like.count
        batches.append(replace(like, partition=partition, base_offset=end, **numbers))

    def a_batch_is_there_twice(log, batches):
        append(log, batches, batches[-1])

    def the_fifth_last_is_there_twice(log, batches):
        append(log, batches, batches[index_at(batches, 0, 12)])

    def the_sixth_last_is_there_twice(log, batches):
        append(log, batches, batches[index_at(batches, 0, 10)])

    def a_copy_is_in_the_next_epoch(log, batches):
        append(log, batches, batches[-1], epoch=1, base_sequence=0)

    def a_copy_is_numbered_anew(log, batches):
        append(log, batches, batches[-1], base_sequence=22)

    def a_copy_is_in_another_partition(log, batches):
        append(log, batches, batches[-1], partition=0, base_sequence=22)

    def two_batches_share_a_number(log, batches):
        renumber(batches, 0, 20, base_sequence=18)

    def two_batches_are_numbered_in_reverse(log, batches):
        renumber(batches, 0, 18, base_sequence=20)
        renumber(batches, 0, 20, base_sequence=18)

    def a_batch_came_before_its_predecessor(log, batches):
        a, b = index_at(batches, 0, 18), index_at(batches, 0, 20)
        swapped = [(0, 18, "40 "), (0, 19, "41 "), (0, 20, "36 "), (0, 21, "37 ")]
        log.records[18:22] = swapped
        batches[a], batches[b] = replace(batches[a], base_sequence=20), replace(batches[b], base_sequence=18)

    def four_follow_a_gap(log, batches):
        for index, offset in enumerate(range(14, 22, 2)):
            renumber(batches, 0, offset, base_sequence=16 + 2 * index)

    def five_follow_a_gap(log, batches):
        for index, offset in enumerate(range(12, 22, 2)):
            renumber(batches, 0, offset, base_sequence=14 + 2 * index)

    def an_epoch_begins_anew(log, batches):
        renumber(batches, 0, 18, epoch=1, base_sequence=0)
        renumber(batches, 0, 20, epoch=1, base_sequence=2)

    def an_older_record_is_in_a_newer_epoch(log, batches):
        renumber(batches, 0, 18, epoch=1, base_sequence=0)
        renumber(batches, 0, 20, base_sequence=18)

    def a_batch_is_not_numbered(log, batches):
        renumber(batches, 0, 20, producer_id=-1, epoch=-1, base_sequence=-1)

    def a_batch_is_of_another_producer(log, batches):
        renumber(batches, 0, 20, producer_id=8)

    cases = [
        (None, set(), (0, 0)),
        (a_batch_is_there_twice, set(), (2, 0)),
        (the_fifth_last_is_there_twice, set(), (2, 0)),
        (the_sixth_last_is_there_twice, {KNOWN_AGAIN}, (2, 0)),
        (a_copy_is_in_the_next_epoch, {UNDER_ONE, IN_ORDER}, (0, 0)),
        (a_copy_is_numbered_anew, {UNDER_ONE, IN_ORDER}, (0, 0)),
        (a_copy_is_in_another_partition, {UNDER_ONE}, (0, 0)),
        (two_batches_share_a_number, {NAMES_ONE}, (2, 0)),
        (two_batches_are_numbered_in_reverse, {IN_ORDER}, (0, 0)),
        (a_batch_came_before_its_predecessor, set(), (0, 0)),
        (four_follow_a_gap, set(), (0, 8)),
        (five_follow_a_gap, {BEYOND_A_GAP}, (0, 10)),
        (an_epoch_begins_anew, set(), (0, 0)),
        (an_older_record_is_in_a_newer_epoch, {IN_ORDER}, (0, 0)),
        (a_batch_is_not_numbered, {NUMBERED, ONE_IDENTITY}, (0, 0)),
        (a_batch_is_of_another_producer, {ONE_IDENTITY}, (0, 0)),
    ]
    for tamper, broken, excused in cases:
        history, log, batches = world()
        if tamper:
            tamper(log, batches)
        name = tamper.__name__ if tamper else "nothing_is_wrong"
        yield name, history, log, batches, broken, Excused(*excused)


def self_check():
    """Whether the check finds what was planted, and nothing else."""
    found_all = True
    for name, history, log, batches, broken, excused in planted():
        report = promises.Report()
        found = check(history, log, batches, IN_FLIGHT_MAX, report), set(report.broken)
        verdict = "ok" if found == (excused, broken) else f"FAILED: found {found} instead of {(excused, broken)}"
        print(f"{verdict:8} {name.replace('_', ' ')}")
        found_all &= found == (excused, broken)
    return found_all
