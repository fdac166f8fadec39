"""Kafka's console tools as contract.py describes.

console.py TOOL VERSION     TOOL CLASS ARGS... runs a tool of Kafka's
"""

import re
import subprocess
import sys
import threading

import contract

TOOL, VERSION = sys.argv[1:]
PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
OFFSETS = "org.apache.kafka.tools.GetOffsetShell"

# Words that no record has, not even that of all bytes.
NULL, FIELD, HEADER, END = "<null>", "<field>", "<header>", "<end>"
CANNOT = contract.CANNOT_AS_LINES | {"partition chosen by the application": "no option for a partition"}


def options(flag, **settings):
    return [word for name, value in settings.items() for word in (flag, f"{name.replace('_', '.')}={value}")]


def produce(bootstrap, topic, codec, acks, idempotent, file, limit_s):
    words = [TOOL, "tool", PRODUCER, "--bootstrap-server", bootstrap, "--topic", topic, "--compression-codec", codec]
    words += options("--command-property", acks=acks, enable_idempotence=str(idempotent).lower())
    parse = dict(parse_key="true", parse_headers="true", null_marker=NULL, headers_separator=HEADER)
    lines = [line(record) for record in contract.records(file)]
    run = subprocess.run(
        words + options("--reader-property", **parse),
        input="".join(lines).encode(),
        capture_output=True,
        timeout=limit_s,
    )
    # It tells of records that failed, and succeeds.
    if run.returncode or run.stderr:
        raise RuntimeError(run.stderr.decode(errors="replace"))
    for _ in lines:
        # It does not say what went where.
        yield contract.placed(None, None)


def line(record):
    def text(data):
        return NULL if data is None else data.decode()

    headers = HEADER.join(f"{name}:{text(value)}" for name, value in record.headers) or NULL
    return f"{headers}\t{text(record.key)}\t{text(record.value)}\n"


def consume(bootstrap, topic, partitions, start, count, limit_s):
    offsets = ["earliest"] * partitions
    if start != "beginning":
        offsets = find_offsets(bootstrap, topic, start, limit_s)
    if start == "end":
        contract.ready()
    words = [TOOL, "tool", CONSUMER, "--bootstrap-server", bootstrap, "--topic", topic]
    show = dict.fromkeys(("print_timestamp", "print_partition", "print_offset", "print_headers", "print_key"), "true")
    show |= dict(null_literal=NULL, key_separator=FIELD, headers_separator=HEADER, line_separator=END)
    words += options("--formatter-property", **show)
    # A process for each partition: to all of them at once it listens only as a member of a group.
    runs = [
        subprocess.Popen([*words, "--partition", str(partition), "--offset", offset], stdout=subprocess.PIPE)
        for partition, offset in enumerate(offsets)
    ]
    found = Found(count)
    try:
        for run in runs:
            threading.Thread(target=found.listen, args=(run.stdout,), daemon=True).start()
        found.whole.wait(limit_s)
    finally:
        for run in runs:
            run.terminate()
        for run in runs:
            run.wait()
    yield from found.records


def find_offsets(bootstrap, topic, start, limit_s):
    time = "latest" if start == "end" else str(start)
    words = [TOOL, "tool", OFFSETS, "--bootstrap-server", bootstrap, "--topic", topic, "--time", time]
    said = subprocess.run(words, capture_output=True, text=True, timeout=limit_s, check=True).stdout
    found = {int(partition): offset for partition, offset in re.findall(r":(\d+):(\d*)$", said, re.MULTILINE)}
    # None is told where no record is as late.
    return [found[partition] or "latest" for partition in sorted(found)]


class Found:
    """Records from several consumers, until there are as many as were asked for."""

    def __init__(self, count):
        self.records = []
        self.count = count
        self.whole = threading.Event()
        self.lock = threading.Lock()

    def listen(self, stream):
        pending = b""
        while piece := stream.read1():
            *whole, pending = (pending + piece).split(END.encode())
            with self.lock:
                self.records += map(parsed, whole)
                if len(self.records) >= self.count:
                    self.whole.set()


def parsed(text):
    timestamp, partition, offset, headers, key, value = text.split(FIELD.encode())

    def number(field):
        return int(field.split(b":")[1])

    def plain(data):
        return None if data == NULL.encode() else data

    pairs = [] if headers == b"NO_HEADERS" else [header.split(b":", 1) for header in headers.split(HEADER.encode())]
    named = [(name.decode(), plain(data)) for name, data in pairs]
    return contract.stored(number(partition), number(offset), number(timestamp), plain(key), plain(value), named)


contract.serve(f"console tools {VERSION}", produce, consume, CANNOT)
