"""kafka-python as contract.py describes."""

import time

import contract
import kafka
import kafka_python_api as api
from kafka import KafkaConsumer, KafkaProducer, TopicPartition


def produce(bootstrap, topic, codec, acks, idempotent, file, limit_s):
    producer = KafkaProducer(**api.producer_settings(bootstrap, codec, acks, idempotent))
    sent = [producer.send(topic, **api.sendable(record)) for record in contract.records(file)]
    producer.flush(timeout=limit_s)
    for future in sent:
        at = future.get(timeout=limit_s)
        # With acks=0 it counts from 0 what nobody has told it.
        yield contract.placed(at.partition, None if acks == "0" else at.offset)
    producer.close()


def consume(bootstrap, topic, partitions, start, count, limit_s):
    consumer = KafkaConsumer(**api.consumer_settings(bootstrap))
    assigned = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer.assign(assigned)
    if start == "beginning":
        consumer.seek_to_beginning(*assigned)
    elif start == "end":
        consumer.seek_to_end(*assigned)
        for partition in assigned:
            consumer.position(partition)
        contract.ready()
    else:
        ends = consumer.end_offsets(assigned)
        for partition, found in consumer.offsets_for_times(dict.fromkeys(assigned, start)).items():
            consumer.seek(partition, found.offset if found else ends[partition])
    deadline = time.monotonic() + limit_s
    while count > 0 and time.monotonic() < deadline:
        for batch in consumer.poll(timeout_ms=500).values():
            for record in batch:
                count -= 1
                yield api.stored(record)
    consumer.close()


cannot = {"header values of null": "kafka-python refuses to send a header value of null"}
contract.serve(f"kafka-python {kafka.__version__}", produce, consume, cannot)
