"""The arguments and the records of kafka-python, whose names aiokafka uses too."""

import contract


def producer_settings(bootstrap, codec, acks, idempotent):
    return {
        "bootstrap_servers": bootstrap,
        "compression_type": None if codec == "none" else codec,
        "acks": acks if acks == "all" else int(acks),
        "enable_idempotence": idempotent,
        "linger_ms": 20,
    }


def consumer_settings(bootstrap):
    return {"bootstrap_servers": bootstrap, "enable_auto_commit": False}


def sendable(record):
    return {
        "key": record.key,
        "value": record.value,
        "headers": record.headers,
        "partition": record.partition,
        "timestamp_ms": record.timestamp,
    }


def stored(record):
    return contract.stored(record.partition, record.offset, record.timestamp, record.key, record.value, record.headers)
