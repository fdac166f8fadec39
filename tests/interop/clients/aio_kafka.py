"""aiokafka as contract.py describes."""

import asyncio
import time

import aiokafka
import contract
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

POLL_MS = 500


async def produce(bootstrap, topic, codec, acks, idempotent, file, limit_s):
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        compression_type=None if codec == "none" else codec,
        acks=acks if acks == "all" else int(acks),
        enable_idempotence=idempotent,
        linger_ms=20,
    )
    await producer.start()
    try:
        sent = [
            await producer.send(
                topic,
                key=record.key,
                value=record.value,
                headers=record.headers,
                partition=record.partition,
                timestamp_ms=record.timestamp,
            )
            for record in contract.records(file)
        ]
        places = await asyncio.gather(*sent)
    finally:
        await producer.stop()
    # With acks=0 it knows nothing, not even the partition.
    return [contract.placed(at.partition, at.offset) if at else contract.placed(None, None) for at in places]


async def consume(bootstrap, topic, partitions, start, count, limit_s):
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
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
    return [
        contract.stored(record.partition, record.offset, record.timestamp, record.key, record.value, record.headers)
        for record in found
    ]


contract.serve(
    f"aiokafka {aiokafka.__version__}",
    lambda **fields: asyncio.run(produce(**fields)),
    lambda **fields: asyncio.run(consume(**fields)),
)
