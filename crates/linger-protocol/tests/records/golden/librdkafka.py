# Sends the records of `golden.rs` to a running Apache Kafka through librdkafka, one batch per codec:
#   python3 librdkafka.py HOST:PORT        (needs confluent-kafka)
# The first segment of each topic's only partition is then the batch as librdkafka made it; the broker has set the
# leader's epoch, nothing else.
import sys
from confluent_kafka import Producer

for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
    plain = codec == "none"
    producer = Producer({
        "bootstrap.servers": sys.argv[1],
        "compression.type": codec,
        "linger.ms": 3000,
        "batch.size": 900000,
        "enable.idempotence": True,
    })
    topic = "librdkafka-" + codec
    producer.list_topics(topic, timeout=10)
    for i in range(12 if plain else 48):
        headers = [("twice", b"1"), ("twice", b"2"), ("null", None), ("ключ", b"")] if i % 4 == 1 else None
        producer.produce(
            topic,
            partition=0,
            key=None if i % 3 == 0 else f"key-{i}".encode(),
            value=None if i % 7 == 6 else (f"value {i} " * (i * (1 if plain else 20))).encode(),
            timestamp=1790000000000 + (i * 50 if i % 2 == 0 else -i * 1000),
            headers=headers,
        )
    producer.flush()
