"""Whether what was written is what is in a log, and what is in a log is what was read: pure functions.

Both tell what differs as a list of `Difference`; an empty list means equal.
"""

from collections import defaultdict
from dataclasses import dataclass, replace

from clients.contract import encoded, told
from workload import CHOSEN, HEADER_ORDER, IDEMPOTENT, KEYED, TIMESTAMPS

FIELDS = ["key", "value", "headers", "timestamp"]


@dataclass(frozen=True)
class Difference:
    what: str
    feature: str | None = None  # of the record, where it is known

    def __str__(self):
        return self.what if self.feature is None else f"{self.what} ({self.feature})"


def content(record):
    """A found record's own part, without the time."""
    return (record["key"], record["value"], tuple((name, value) for name, value in record["headers"]))


def sent_content(sent):
    return (encoded(sent.key), told(sent.value), tuple((name, encoded(value)) for name, value in sent.headers))


def place(record):
    return f"{record['partition']}@{record['offset']}"


def short(value):
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def headers_by_name(log):
    """As a client sees them that knows no order among names."""
    return [record | {"headers": sorted(record["headers"], key=lambda header: header[0])} for record in log]


def written(sent, places, log, chosen_by_key=None, cannot=(), ordered=True):
    """What differs between records that a client sent and what the log has gained by them.

    `places` is what the client reported for each, `chosen_by_key` what the partitioner it claims to have says for each.
    """
    if HEADER_ORDER in cannot:
        log = headers_by_name(log)
        sent = [replace(record, headers=sorted(record.headers, key=lambda header: header[0])) for record in sent]
    found = defaultdict(list)
    for record in log:
        found[content(record)].append(record)
    differences = []
    missing = []
    for number, record in enumerate(sent):
        copies = found.pop(sent_content(record), [])
        if not copies:
            missing.append(number)
        elif len(copies) > 1:
            differences.append(Difference(f"record {number} is there {len(copies)} times", record.feature))
        for copy in copies[:1]:
            differences += misplaced(number, record, places, copy, chosen_by_key)
            if TIMESTAMPS not in cannot and copy["timestamp"] != record.timestamp:
                differences.append(
                    Difference(f"record {number}: timestamp {record.timestamp} became {copy['timestamp']}", TIMESTAMPS)
                )
    unexpected = [record for copies in found.values() for record in copies]
    differences += unrecognised(sent, missing, unexpected)
    if ordered:
        differences += disordered(sent, log)
    return differences


def as_set(variant, places, log):
    """What differs between a producer's settings and the batches that came of them."""
    codecs = {record["codec"] for record in log}
    # A batch that compression makes longer may be sent as it was.
    if variant.codec not in codecs or codecs - {variant.codec, "none"}:
        yield Difference(f"{variant.codec} was asked for, and the batches are of {sorted(codecs)}", variant.codec)
    if {record["idempotent"] for record in log} != {variant.idempotent}:
        yield Difference("batches name a producer or none, unlike what was asked for", IDEMPOTENT)
    known = [at for at in places if at["offset"] is not None]
    if variant.acks == "0" and known:
        yield Difference(f"an offset is known though nothing was to be answered: {place(known[0])}", "acks=0")


def misplaced(number, sent, places, copy, chosen_by_key):
    """Whether a record lies where the application said, where the client says, and where its partitioner says."""
    reported = places[number] if places else {"partition": None, "offset": None}
    for name in ("partition", "offset"):
        if reported[name] is not None and reported[name] != copy[name]:
            yield Difference(f"record {number}: reported at {place(reported)}, found at {place(copy)}", sent.feature)
            break
    if sent.partition is not None and copy["partition"] != sent.partition:
        yield Difference(f"record {number}: sent to partition {sent.partition}, found at {place(copy)}", CHOSEN)
    if sent.partition is None and chosen_by_key and copy["partition"] != chosen_by_key[number]:
        wanted = chosen_by_key[number]
        yield Difference(f"record {number}: its key belongs to partition {wanted}, found at {place(copy)}", KEYED)


def unrecognised(sent, missing, unexpected):
    """Pairs what is missing with what was never sent, where they are the same record changed."""
    unexpected = list(unexpected)
    for number in missing:
        record = sent[number]
        key, value, headers = sent_content(record)

        def likeness(record):
            like = [record["value"] == value, record["key"] == key, content(record)[2] == headers]
            return sum(like) if any(like[:2]) else 0

        nearest = max(unexpected, key=likeness, default=None)
        if nearest is None or likeness(nearest) == 0:
            yield Difference(f"record {number} is missing", record.feature)
            continue
        unexpected.remove(nearest)
        for name, was, became in zip(FIELDS, (key, value, headers), content(nearest)):
            if was != became:
                change = f"{name} {short(was)} became {short(became)}"
                yield Difference(f"record {number}, found at {place(nearest)}: {change}", record.feature)
    for record in unexpected:
        yield Difference(f"{place(record)} was never sent: {short(content(record))}")


def disordered(sent, log):
    numbers = {sent_content(record): number for number, record in enumerate(sent)}
    last = {}
    for record in log:
        number = numbers.get(content(record))
        if number is None:
            continue
        before = last.get(record["partition"], -1)
        if number < before:
            yield Difference(
                f"record {number}, at {place(record)}, was sent before record {before}", sent[number].feature
            )
        last[record["partition"]] = max(before, number)


def read(log, found, cannot=()):
    """What differs between what the log has and what a client read of it."""
    if HEADER_ORDER in cannot:
        log, found = headers_by_name(log), headers_by_name(found)
    differences = []
    by_place = {}
    last = {}
    for record in found:
        if place(record) in by_place:
            differences.append(Difference(f"{place(record)} was read twice"))
        by_place[place(record)] = record
        if record["offset"] < last.get(record["partition"], -1):
            differences.append(
                Difference(f"{place(record)} was read after {record['partition']}@{last[record['partition']]}")
            )
        last[record["partition"]] = record["offset"]
    for record in log:
        got = by_place.pop(place(record), None)
        if got is None:
            differences.append(Difference(f"{place(record)} was not read"))
            continue
        for name in FIELDS:
            if got[name] != record[name]:
                differences.append(
                    Difference(f"{place(record)}: {name} {short(record[name])} was read as {short(got[name])}")
                )
    return differences + [Difference(f"{at} was read and is not there") for at in by_place]


def since(log, time_ms):
    """What a reader from a time gets: in each partition the first record of that time or later, and all after it."""
    begun, records = set(), []
    for record in log:
        if record["timestamp"] >= time_ms:
            begun.add(record["partition"])
        if record["partition"] in begun:
            records.append(record)
    return records
