"""kcat as contract.py describes: one run per stretch of records that its command line can say at once.

kcat.py PROGRAM
"""

import itertools
import json
import re
import subprocess
import sys
import threading

import contract

KCAT = sys.argv[1]
KEY_DELIMITER = "\t"


def option_words(codec, acks, idempotent):
    settings = {"acks": acks, "enable.idempotence": str(idempotent).lower(), "linger.ms": 20}
    return ["-z", codec, *itertools.chain(*(["-X", f"{name}={value}"] for name, value in settings.items()))]


def header_word(name, value):
    return name if value is None else f"{name}={value.decode()}"


def stretch(record):
    """What one run can say once for all its records. With -Z, what is empty is null."""
    words = ["-Z"] if record.value != b"" else []
    if record.partition is not None:
        words += ["-p", str(record.partition)]
    for name, value in record.headers:
        words += ["-H", header_word(name, value)]
    return words


def produce(bootstrap, topic, codec, acks, idempotent, file, limit_s):
    common = [KCAT, "-P", "-b", bootstrap, "-t", topic, "-K", KEY_DELIMITER, *option_words(codec, acks, idempotent)]
    for words, records in itertools.groupby(contract.records(file), stretch):
        lines = [(record.key or b"") + KEY_DELIMITER.encode() + (record.value or b"") + b"\n" for record in records]
        run = subprocess.run(common + words, input=b"".join(lines), capture_output=True, timeout=limit_s)
        if run.returncode:
            raise RuntimeError(run.stderr.decode(errors="replace"))
        for _ in lines:
            # It does not say which record went where.
            yield contract.placed(None, None)


def consume(bootstrap, topic, partitions, start, count, limit_s):
    offset = f"s@{start}" if isinstance(start, int) else start
    words = [KCAT, "-C", "-b", bootstrap, "-t", topic, "-o", offset, "-c", str(count), "-J", "-u"]
    words += ["-X", "check.crcs=true"]
    run = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    limit = threading.Timer(limit_s, run.kill)
    limit.start()
    try:
        await_ends(run, partitions if start == "end" else 0)
        # What it says of ends from now on is not read, and must not fill the pipe.
        threading.Thread(target=run.stderr.read, daemon=True).start()
        for line in run.stdout:
            yield found(line)
        if run.wait():
            raise RuntimeError(f"kcat ended with {run.returncode}")
    finally:
        limit.cancel()
        run.kill()
        run.wait()


def await_ends(run, partitions):
    """It says of each partition once that it has come to its end."""
    if not partitions:
        return
    ended = set()
    for line in run.stderr:
        if end := re.match(rb"% Reached end of topic \S+ \[(\d+)\]", line):
            ended.add(end[1])
        if len(ended) == partitions:
            contract.ready()
            return


def found(line):
    """Its JSON has a record's bytes as they are, where they are no UTF-8 too: so each is taken for a character."""
    fields = json.loads(line.decode("latin-1"))

    def plain(text):
        return None if text is None else text.encode("latin-1")

    words = fields.get("headers", [])
    headers = [(plain(name).decode(), plain(value)) for name, value in zip(words[::2], words[1::2])]
    return contract.stored(
        fields["partition"], fields["offset"], fields["ts"], plain(fields["key"]), plain(fields["payload"]), headers
    )


def version():
    said = subprocess.run([KCAT, "-V"], capture_output=True, text=True).stdout
    names = re.search(r"Version (\S+) .*librdkafka (\S+)", said)
    return f"kcat {names[1]}, librdkafka {names[2]}" if names else "kcat of an unknown version"


contract.serve(version(), produce, consume, contract.CANNOT_AS_LINES)
