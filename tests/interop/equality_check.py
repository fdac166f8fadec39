"""Whether the comparison can fail: good logs and readings, and the least that is wrong with each."""

import copy

import equality
from clients.contract import encoded, told
from workload import (
    CHOSEN,
    DUPLICATES,
    IDEMPOTENT,
    KEYED,
    LARGE,
    NULL_HEADERS,
    TIMESTAMPS,
    TOMBSTONES,
    Variant,
    workload,
)

NOW_MS = 1_800_000_000_000


class World:
    """Records sent, where a client said they are, and the log."""

    def __init__(self):
        self.sent = workload("check", NOW_MS)
        self.choices = [
            number % 3 if record.partition is None else record.partition for number, record in enumerate(self.sent)
        ]
        self.log, self.places, ends = [], [], [0, 0, 0]
        for record, partition in zip(self.sent, self.choices):
            headers = [[name, encoded(value)] for name, value in record.headers]
            at = {"partition": partition, "offset": ends[partition]}
            own = {
                "timestamp": record.timestamp,
                "key": encoded(record.key),
                "value": told(record.value),
                "headers": headers,
            }
            self.log.append(at | own)
            self.places.append(at)
            ends[partition] += 1

    def of(self, feature):
        return next(number for number, record in enumerate(self.sent) if record.feature == feature)


def nothing(world, log):
    return None


def a_record_is_dropped(world, log):
    del log[5]
    return KEYED


def a_record_is_doubled(world, log):
    log.append(log[5] | {"offset": 10_000})
    return KEYED


def two_are_swapped(world, log):
    log[3]["offset"], log[6]["offset"] = log[6]["offset"], log[3]["offset"]
    log[3], log[6] = log[6], log[3]
    return KEYED


def a_key_is_lost(world, log):
    log[5]["key"] = None
    return KEYED


def a_key_is_in_another_partition(world, log):
    log[5]["partition"] = 0
    return KEYED


def a_choice_is_ignored(world, log):
    log[world.of(CHOSEN)]["partition"] = 2
    return CHOSEN


def an_offset_is_wrong(world, log):
    log[5]["offset"] += 10_000
    return KEYED


def a_large_value_is_damaged(world, log):
    log[world.of(LARGE)]["value"] = told(world.sent[world.of(LARGE)].value[:-1])
    return LARGE


def a_duplicate_header_is_dropped(world, log):
    log[world.of(DUPLICATES)]["headers"].pop()
    return DUPLICATES


def headers_change_their_order(world, log):
    log[world.of(DUPLICATES)]["headers"].reverse()
    return DUPLICATES


def a_null_header_is_empty(world, log):
    log[world.of(NULL_HEADERS)]["headers"][0][1] = ""
    return NULL_HEADERS


def a_tombstone_is_empty(world, log):
    log[world.of(TOMBSTONES)]["value"] = ""
    return TOMBSTONES


def a_timestamp_is_off_by_one(world, log):
    log[5]["timestamp"] += 1
    return TIMESTAMPS


def a_stranger_is_there(world, log):
    log.append({"partition": 0, "offset": 10_000, "timestamp": NOW_MS, "key": "AAAA", "value": "AAAA", "headers": []})
    return None


def check_settings():
    """Whether batches that are not as they were asked for are found."""
    gzip, unanswered = Variant("gzip", "all", True), Variant("none", "0", False)
    good = [{"codec": "gzip", "idempotent": True}, {"codec": "none", "idempotent": True}]
    plain = [{"codec": "none", "idempotent": False}]
    unknown, known = {"partition": 0, "offset": None}, {"partition": 0, "offset": 7}
    cases = [
        ("settings are kept", gzip, [known], good, set()),
        ("nothing is compressed", gzip, [known], good[1:], {"gzip"}),
        ("another codec is used", gzip, [known], [*good, {"codec": "lz4", "idempotent": True}], {"gzip"}),
        ("no producer is named", gzip, [known], [good[0] | {"idempotent": False}], {IDEMPOTENT}),
        ("acks=0 is kept", unanswered, [unknown], plain, set()),
        ("a producer is named", unanswered, [unknown], [plain[0] | {"idempotent": True}], {IDEMPOTENT}),
        ("acks=0 is answered", unanswered, [known], plain, {"acks=0"}),
    ]
    whole = True
    for name, variant, places, log, wanted in cases:
        right = {difference.feature for difference in equality.as_set(variant, places, log)} == wanted
        print(f"{'ok' if right else 'FAILED':8} {name}")
        whole &= right
    return whole


CHANGES = [
    a_record_is_dropped,
    a_record_is_doubled,
    two_are_swapped,
    a_key_is_lost,
    a_key_is_in_another_partition,
    a_choice_is_ignored,
    an_offset_is_wrong,
    a_large_value_is_damaged,
    a_duplicate_header_is_dropped,
    headers_change_their_order,
    a_null_header_is_empty,
    a_tombstone_is_empty,
    a_timestamp_is_off_by_one,
    a_stranger_is_there,
]


def check():
    """Prints a line per case; true if each was found, with the feature that it breaks and no other."""
    world, whole = World(), True
    for change in [nothing, *CHANGES]:
        log = copy.deepcopy(world.log)
        feature = change(world, log)
        wanted = change is not nothing
        in_log = equality.written(world.sent, world.places, log, world.choices)
        in_reading = equality.read(world.log, log)
        found = {
            "written": bool(in_log) == wanted and {difference.feature for difference in in_log} <= {feature},
            "read": bool(in_reading) == wanted,
        }
        for side, right in found.items():
            print(f"{'ok' if right else 'FAILED':8} {change.__name__.replace('_', ' ')} ({side})")
            whole &= right
        if not all(found.values()):
            print("        ", *in_log, *in_reading, sep="\n         ")
    whole &= check_settings()
    late = equality.since(world.log, NOW_MS + 100)
    right = {record["timestamp"] for record in late} == {record.timestamp for record in world.sent[100:]}
    print(f"{'ok' if right else 'FAILED':8} a reader from a time begins with the first record of that time")
    return whole and right
