"""Drives kafka-python for tests/interop/run: produces a file's lines, or reads a topic back.

    kafka_python.py produce BOOTSTRAP TOPIC CODEC FILE
    kafka_python.py consume BOOTSTRAP TOPIC COUNT      (writes the values to standard output, one per line)
"""

import sys
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

READ_LIMIT_S = 30


def produce(bootstrap, topic, codec, path):
    producer = KafkaProducer(
        bootstrap_servers=bootstrap,
        compression_type=None if codec == "none" else codec,
        acks="all",
        linger_ms=20,
    )
    with open(path, "rb") as lines:
        futures = [producer.send(topic, line.rstrip(b"\n")) for line in lines]
    producer.flush(timeout=30)
    for future in futures:
        future.get(timeout=30)
    producer.close()


def consume(bootstrap, topic, count):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    partitions = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic))]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    seen = 0
    deadline = time.monotonic() + READ_LIMIT_S
    while seen < count and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=500).values():
            for record in records:
                sys.stdout.buffer.write(record.value + b"\n")
                seen += 1
    consumer.close()
    if seen != count:
        sys.exit(f"kafka-python read {seen} of {count} records within {READ_LIMIT_S} s")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["produce", bootstrap, topic, codec, path]:
            produce(bootstrap, topic, codec, path)
        case ["consume", bootstrap, topic, count]:
            consume(bootstrap, topic, int(count))
        case _:
            sys.exit(__doc__)
