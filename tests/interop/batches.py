"""The headers of a partition's record batches, read with Kafka's Fetch, version 4: no client shows sequence numbers."""

import socket
import struct
from dataclasses import dataclass

READ_LIMIT_S = 20
FETCH, VERSION = 1, 4
# From the start of a batch, big-endian, in the format that has magic 2.
HEADER = struct.Struct(">qiibIhiqqqhii")
# What of a batch's length its first two fields are.
LENGTH_FROM = 12


@dataclass(frozen=True)
class Batch:
    partition: int
    base_offset: int
    count: int
    producer_id: int
    epoch: int
    base_sequence: int


def read(address, topic, partition, end):
    """All batches of a partition that this broker leads, from offset 0 up to `end`."""
    host, port = address.rsplit(":", 1)
    batches, offset = [], 0
    with socket.create_connection((host, int(port)), READ_LIMIT_S) as connection:
        while offset < end:
            found = parse(partition, fetch(connection, topic, partition, offset))
            if not found:
                raise RuntimeError(f"{topic}-{partition} has nothing to read at offset {offset} before its end, {end}")
            batches += found
            offset = found[-1].base_offset + found[-1].count
    return batches


def fetch(connection, topic, partition, offset):
    name = topic.encode()
    request = struct.pack(">hhih", FETCH, VERSION, 0, -1)
    request += struct.pack(">iiiib", -1, 100, 1, 1 << 24, 0)
    request += struct.pack(">ih", 1, len(name)) + name + struct.pack(">iiqi", 1, partition, offset, 1 << 24)
    connection.sendall(struct.pack(">i", len(request)) + request)
    answer = receive(connection, struct.unpack(">i", receive(connection, 4))[0])
    # Correlation id, throttle time, one topic, its name, one partition.
    at = 4 + 4 + 4 + 2 + len(name) + 4
    _, error, _, _, aborted, size = struct.unpack_from(">ihqqii", answer, at)
    if error or aborted > 0:
        raise RuntimeError(f"{topic}-{partition} at offset {offset}: error {error}, {aborted} transactions aborted")
    return answer[at + 30 :][: max(size, 0)]


def receive(connection, size):
    parts = b""
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise RuntimeError("the broker closed the connection")
        parts += part
    return parts


def parse(partition, records):
    batches = []
    while len(records) >= HEADER.size:
        base_offset, length, _, magic, _, _, _, _, _, producer_id, epoch, base_sequence, count = HEADER.unpack_from(records)
        if magic != 2:
            raise RuntimeError(f"a batch at offset {base_offset} of partition {partition} has magic {magic}")
        batches.append(Batch(partition, base_offset, count, producer_id, epoch, base_sequence))
        records = records[LENGTH_FROM + length :]
    return batches
