"""What `tests/interop/run` and the driver of a client say to each other, and the part of it that drivers in Python share.

A driver is a small program around one client. It says who it is, then reads commands from standard input until that
ends, and answers on standard output; both are lines of JSON. Bytes are in base64, null is null.

    {"client": "kafka-python 3.0.12", "cannot": {"timestamps": "why"}}
        The first line; what it cannot, by the names of features in ../workload.py.

    {"do": "produce", "bootstrap": "HOST:PORT,...", "topic": "t", "codec": "none|gzip|snappy|lz4|zstd",
     "acks": "all|1|0", "idempotent": true, "file": "PATH", "limit_s": 100}
        The file has a record per line, without a partition where the client's own partitioner is to choose:
        {"partition": 0 or null, "timestamp": ms, "key": .., "value": .., "headers": [[name, ..], ..]}
        Answers are {"partition": 0, "offset": 17} per record, in the order of the file: what the client reported, null
        where it reports nothing.

    {"do": "consume", "bootstrap": "HOST:PORT,...", "topic": "t", "partitions": 3, "start": "beginning|end" or ms,
     "count": 9, "limit_s": 100}
        Reads `count` records, or after `limit_s` seconds fewer, and ends. With "end" it first answers {"ready": true},
        once records written from then on would be read. Answers are {"partition", "offset", "timestamp", "key",
        "value", "headers"} per record; a value of more than 4096 bytes is told as "sha256:" and its hash in base64.

    {"done": true} or {"failed": "why"} is the last answer to a command.
"""

import base64
import hashlib
import json
import sys
from dataclasses import dataclass

VALUE_BYTES_MAX = 4096
# What is beyond programs that take records as lines of text.
CANNOT_AS_LINES = {
    "timestamps": "no option for a timestamp: what it writes has the time of writing",
    "keys, values, headers of any bytes": "takes records as lines, and headers as words",
}


@dataclass(frozen=True)
class Record:
    partition: int | None
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def decoded(text):
    return None if text is None else base64.b64decode(text)


def encoded(data):
    return None if data is None else base64.b64encode(data).decode()


def told(value):
    if value is None or len(value) <= VALUE_BYTES_MAX:
        return encoded(value)
    return "sha256:" + encoded(hashlib.sha256(value).digest())


def records(path):
    with open(path) as lines:
        for line in lines:
            fields = json.loads(line)
            headers = [(name, decoded(value)) for name, value in fields["headers"]]
            yield Record(
                fields["partition"], fields["timestamp"], decoded(fields["key"]), decoded(fields["value"]), headers
            )


def placed(partition, offset):
    known = offset is not None and offset >= 0
    return {"partition": partition, "offset": offset if known else None}


def stored(partition, offset, timestamp, key, value, headers):
    return {
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "key": encoded(key),
        "value": told(value),
        "headers": [[name, encoded(data)] for name, data in headers or []],
    }


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def ready():
    say({"ready": True})


def serve(client, produce, consume, cannot=None):
    """Answers with what `produce` and `consume` give for a command's fields, until standard input ends."""
    say({"client": client, "cannot": cannot or {}})
    for line in sys.stdin:
        fields = json.loads(line)
        carry_out = {"produce": produce, "consume": consume}[fields.pop("do")]
        try:
            for answer in carry_out(**fields):
                say(answer)
            say({"done": True})
        except Exception as error:  # Whatever a client raises is its answer.
            say({"failed": f"{type(error).__name__}: {error}"})
