"""aiokafka as contract.py describes."""

import asyncio
import time

import aiokafka
import contract
import kafka_python_api as api
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

POLL_MS = 500


async def produce(bootstrap, topic, codec, acks, idempotent, file, limit_s):
    producer = AIOKafkaProducer(**api.producer_settings(bootstrap, codec, acks, idempotent))
    await producer.start()
    try:
        sent = [await producer.send(topic, **api.sendable(record)) for record in contract.records(file)]
        places = await asyncio.gather(*sent)
    finally:
        await producer.stop()
    # With acks=0 it knows nothing, not even the partition.
    return [contract.placed(at.partition, at.offset) if at else contract.placed(None, None) for at in places]


async def consume(bootstrap, topic, partitions, start, count, limit_s):
    consumer = AIOKafkaConsumer(**api.consumer_settings(bootstrap))
    await consumer.start()
    found = []
    try:
        assigned = [TopicPartition(topic, partition) for partition in range(partitions)]
        consumer.assign(assigned)
        if start == "beginning":
            await consumer.seek_to_beginning(*assigned)
        elif start == "end":
            await consumer.seek_to_end(*assigned)
            for partition in assigned:
                await consumer.position(partition)
            contract.ready()
        else:
            ends = await consumer.end_offsets(assigned)
            for partition, at in (await consumer.offsets_for_times(dict.fromkeys(assigned, start))).items():
                consumer.seek(partition, at.offset if at else ends[partition])
        deadline = time.monotonic() + limit_s
        while len(found) < count and time.monotonic() < deadline:
            for batch in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                found += batch
    finally:
        await consumer.stop()
    return [api.stored(record) for record in found]


contract.serve(
    f"aiokafka {aiokafka.__version__}",
    lambda **fields: asyncio.run(produce(**fields)),
    lambda **fields: asyncio.run(consume(**fields)),
)
