"""confluent-kafka, Python over librdkafka, as contract.py describes."""

import time

import confluent_kafka
import contract
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

# A request to the brokers that the client waits for.
REQUEST_S = 15


def produce(bootstrap, topic, codec, acks, idempotent, file, limit_s):
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": codec,
            "acks": acks,
            "enable.idempotence": idempotent,
            "linger.ms": 20,
        }
    )
    places, errors = {}, []

    def delivered(number):
        def note(error, message):
            if error:
                errors.append(error)
            else:
                places[number] = contract.placed(message.partition(), message.offset())

        return note

    for number, record in enumerate(contract.records(file)):
        chosen = {} if record.partition is None else {"partition": record.partition}
        producer.produce(
            topic,
            key=record.key,
            value=record.value,
            headers=record.headers,
            timestamp=record.timestamp,
            on_delivery=delivered(number),
            **chosen,
        )
    waiting = producer.flush(limit_s)
    if errors or waiting:
        raise RuntimeError(f"{len(errors)} records failed, {waiting} have not left: {errors[:1]}")
    for number in sorted(places):
        yield places[number]


def consume(bootstrap, topic, partitions, start, count, limit_s):
    # A group's name is asked for, and not used.
    settings = {"group.id": "none", "enable.auto.commit": False, "check.crcs": True}
    consumer = Consumer({"bootstrap.servers": bootstrap, **settings})
    assigned = [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in range(partitions)]
    if start == "end":
        for partition in assigned:
            _, partition.offset = consumer.get_watermark_offsets(partition, timeout=REQUEST_S)
        contract.ready()
    elif start != "beginning":
        for partition in assigned:
            partition.offset = start
        assigned = consumer.offsets_for_times(assigned, timeout=REQUEST_S)
    consumer.assign(assigned)
    deadline = time.monotonic() + limit_s
    while count > 0 and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error():
            raise RuntimeError(message.error().str())
        count -= 1
        _, timestamp = message.timestamp()
        yield contract.stored(
            message.partition(), message.offset(), timestamp, message.key(), message.value(), message.headers()
        )
    consumer.close()


version = f"confluent-kafka {confluent_kafka.version()}, librdkafka {confluent_kafka.libversion()[0]}"
contract.serve(version, produce, consume)
