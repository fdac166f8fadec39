"""The records that every client writes, by the feature that each needs, and the settings it writes them with."""

import json
import random
from dataclasses import dataclass

from clients.contract import encoded

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
PARTITIONS = 3

# What a record needs of a client. A driver that says it cannot do one of these is not sent those records. Timestamps are
# needed by all: they are not compared where they cannot be given, nor is the order of headers where a reader loses it.
KEYED = "key decides the partition"
CHOSEN = "partition chosen by the application"
TIMESTAMPS = "timestamps"
DUPLICATES = "headers with duplicates"
HEADER_ORDER = "order among names of headers"
NULL_HEADERS = "header values of null"
TOMBSTONES = "tombstones"
EMPTY = "empty values"
BINARY = "keys, values, headers of any bytes"
LARGE = "records of 900 KB"
RECORD_FEATURES = [KEYED, CHOSEN, TIMESTAMPS, DUPLICATES, HEADER_ORDER, NULL_HEADERS, TOMBSTONES, EMPTY, BINARY, LARGE]

IDEMPOTENT = "idempotent"
# What a reader does.
BEGINNING = "read from the beginning"
TIME = "read from a time"
END = "read from the end"
KAFKA = "linger's records, on Apache Kafka"
READING_FEATURES = [BEGINNING, TIME, END, KAFKA]

LARGE_BYTES = 900_000
KEYED_RECORDS = 120
# Each variant has a minute of its own, so that a time lies between two of them.
VARIANT_MS = 60_000


@dataclass(frozen=True)
class Variant:
    """Settings of a producer."""

    codec: str
    acks: str
    idempotent: bool

    def __str__(self):
        return f"{self.codec}, acks={self.acks}" + (", idempotent" if self.idempotent else "")

    def features(self):
        return [self.codec, f"acks={self.acks}"] + ([IDEMPOTENT] if self.idempotent else [])


VARIANTS = [
    Variant("none", "all", False),
    *(Variant(codec, "all", True) for codec in CODECS),
    Variant("none", "1", False),
    # The last, as nobody knows when it has arrived.
    Variant("none", "0", False),
]
WRITING_FEATURES = [*CODECS, "acks=0", "acks=1", "acks=all", IDEMPOTENT, *RECORD_FEATURES]


def variants(cannot):
    """What a client is asked for: without idempotence where it has none."""
    if IDEMPOTENT not in cannot:
        return VARIANTS
    return list(dict.fromkeys(Variant(variant.codec, variant.acks, False) for variant in VARIANTS))


@dataclass(frozen=True)
class Sent:
    """A record to write. No two of a topic are equal, timestamps aside."""

    feature: str
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple = ()
    partition: int | None = None

    def line(self):
        return json.dumps(
            {
                "partition": self.partition,
                "timestamp": self.timestamp,
                "key": encoded(self.key),
                "value": encoded(self.value),
                "headers": [[name, encoded(value)] for name, value in self.headers],
            }
        )


def workload(seed, begins_ms, cannot=()):
    """The records of one variant. A seed names them, so that none is taken for another variant's."""
    rng = random.Random(seed)
    sent = []

    def add(feature, key, value, headers=(), partition=None):
        if feature not in cannot:
            sent.append(Sent(feature, begins_ms + len(sent), key, value, tuple(headers), partition))

    def order(number):
        return json.dumps(
            {"order": number, "of": seed, "took_ms": rng.randrange(1000), "id": f"{rng.getrandbits(64):x}"}
        ).encode()

    for number in range(KEYED_RECORDS):
        # Of many lengths, as murmur2 has a case for each remainder of 4, and of bytes above 127, which Java calls negative.
        add(KEYED, f"{number}{'é' * (number % 5)}{'-' * (number % 7)}".encode(), order(number))
        if number == KEYED_RECORDS // 2:
            add(LARGE, f"large-{seed}".encode(), large(rng))
    for partition in range(PARTITIONS):
        add(CHOSEN, None, order(1000 + partition), partition=partition)
        add(CHOSEN, f"{seed}-chosen".encode(), order(2000 + partition), partition=partition)
    add(
        DUPLICATES,
        f"{seed}-trace".encode(),
        order(3000),
        [("trace", b"b"), ("trace", b"a"), ("trace", b"b"), ("other", b"")],
    )
    add(DUPLICATES, f"{seed}-größe".encode(), order(3001), [("größe", "µ".encode()), ("größe", "µ".encode())])
    add(HEADER_ORDER, f"{seed}-order".encode(), order(3002), [("b", b"1"), ("a", b"2"), ("b", b"3"), ("a", b"2")])
    add(NULL_HEADERS, f"{seed}-header".encode(), order(3003), [("none", None), ("none", b"x"), ("none", None)])
    add(TOMBSTONES, f"{seed}-gone".encode(), None)
    add(TOMBSTONES, f"{seed}-gone-with-headers".encode(), None, [("by", b"retention")])
    add(EMPTY, f"{seed}-empty".encode(), b"")
    every = bytes(range(256))
    add(BINARY, every + seed.encode(), every, [("bytes", every)])
    add(KEYED, f"{seed}-last".encode(), order(4000))
    return sent


def large(rng):
    """Neither noise nor one byte repeated."""

    def visit():
        return f'{{"user":{rng.randrange(10**6)},"path":"/orders/{rng.getrandbits(48):x}","ok":true}}, '

    text = "".join(visit() for _ in range(LARGE_BYTES // 40))
    return text[:LARGE_BYTES].encode()
