"""What is injected into librdkafka's mock cluster while producers send to it.

As in `faults.py`, a fault is a name, what it was drawn with, and the function that lets it happen and heals it again, and
every round of a schedule has each fault once, in an order by chance.
"""

import time

from faults import Fault
from mock_cluster import API_VERSIONS, CLOSE, METADATA, PRODUCE

# A request that is unanswered for longer is given up by the producer.
REQUEST_TIMEOUT_MS = 1000

# Refusals that pass, those that say "perhaps appended" included.
PASSING = {
    "CORRUPT_MESSAGE": 2,
    "UNKNOWN_TOPIC_OR_PARTITION": 3,
    "LEADER_NOT_AVAILABLE": 5,
    "NOT_LEADER_OR_FOLLOWER": 6,
    "REQUEST_TIMED_OUT": 7,
    "NETWORK_EXCEPTION": 13,
    "COORDINATOR_LOAD_IN_PROGRESS": 14,
    "NOT_ENOUGH_REPLICAS": 19,
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": 20,
    "KAFKA_STORAGE_ERROR": 56,
    "FENCED_LEADER_EPOCH": 74,
    "THROTTLING_QUOTA_EXCEEDED": 89,
}
# The batch can't be taken as it is.
FINAL = {
    "UNKNOWN_SERVER_ERROR": -1,
    "MESSAGE_TOO_LARGE": 10,
    "RECORD_LIST_TOO_LARGE": 18,
    "TOPIC_AUTHORIZATION_FAILED": 29,
    "INVALID_TIMESTAMP": 32,
    "POLICY_VIOLATION": 44,
    "UNSUPPORTED_COMPRESSION_TYPE": 76,
    "INVALID_RECORD": 87,
    "a code of the future": 999,
}
# The broker has lost count. DUPLICATE_SEQUENCE_NUMBER is none of these: for a batch that isn't there it would be a lie.
SEQUENCE = {
    "OUT_OF_ORDER_SEQUENCE_NUMBER": 45,
    "INVALID_PRODUCER_EPOCH": 47,
    "UNKNOWN_PRODUCER_ID": 59,
}
FATAL = {"CLUSTER_AUTHORIZATION_FAILED": 31}
# What the first requests for a producer id meet.
IDENTITY = {
    "REQUEST_TIMED_OUT": 7,
    "COORDINATOR_LOAD_IN_PROGRESS": 14,
    "COORDINATOR_NOT_AVAILABLE": 15,
    "NOT_COORDINATOR": 16,
    "CONCURRENT_TRANSACTIONS": 51,
    "CLOSE": CLOSE,
}


def schedule(rng, topics, busy, partitions, brokers):
    """Faults without end. To each partition of the topics that are `busy` something is sent all the time."""
    places = [(topic, partition) for topic in topics for partition in range(partitions)]
    busy_places = [place for place in places if place[0] in busy]
    makers = [
        lambda: refuse(rng, brokers, "refuse", PASSING, 20),
        lambda: refuse(rng, brokers, "condemn", FINAL, 5),
        lambda: refuse(rng, brokers, "miscount", SEQUENCE, 5),
        lambda: close(rng, brokers),
        lambda: answer_late(rng, brokers),
        lambda: swallow(rng, brokers),
        lambda: contradict(rng, brokers, busy_places),
        lambda: slow(rng, brokers),
        lambda: down(rng, brokers),
        lambda: outage(rng, brokers),
        lambda: move(rng, brokers, places),
        lambda: mislead(rng, brokers, places),
        lambda: forget(rng, topics),
        lambda: reconnect_badly(rng, brokers),
    ]
    while True:
        rng.shuffle(makers)
        for make in makers:
            yield make()


def refuse(rng, brokers, name, codes, count_max):
    """Some produce requests are answered with a code, at once or late; nothing is appended."""
    broker = rng.choice(brokers)
    names = rng.choices(list(codes), k=rng.randint(1, count_max))
    answers = [(codes[code], rng.choice([0, 0, 0, 0, 20, 100])) for code in names]
    told = ", ".join(f"{code}{f' after {ms} ms' if ms else ''}" for code, (_, ms) in zip(names, answers))
    return Fault(name, f"at broker {broker}: {told}", lambda cluster: cluster.inject(broker, PRODUCE, answers))


def close(rng, brokers):
    """The connection ends with a request that was read whole; nothing is appended."""
    broker, count = rng.choice(brokers), rng.randint(1, 4)
    return Fault("close", f"{count} times instead of an answer of broker {broker}",
                 lambda cluster: cluster.inject(broker, PRODUCE, [(CLOSE, 0)] * count))


def answer_late(rng, brokers):
    """Appended, and answered when the producer has given the request up."""
    broker, count, ms = rng.choice(brokers), rng.randint(1, 3), REQUEST_TIMEOUT_MS + rng.randint(100, 600)
    return Fault("late", f"broker {broker} appends {count} times and answers {ms} ms later",
                 lambda cluster: cluster.inject(broker, PRODUCE, [(0, ms)] * count))


def swallow(rng, brokers):
    """Appended, and the connection ends before the answer."""
    broker, seconds = rng.choice(brokers), rng.uniform(0.1, 0.6)
    return Fault("swallow", f"the answers of broker {broker} for {seconds:.1f} s, then its connections",
                 lambda cluster: drop_answers(cluster, broker, seconds, lambda: None))


def contradict(rng, brokers, places):
    """The same, and what is sent again is refused: nothing may be claimed of it but doubt."""
    broker, seconds = rng.choice(brokers), rng.uniform(0.1, 0.4)
    codes = [(place, rng.choice([*rng.choice([PASSING, FINAL, SEQUENCE]).values()])) for place in places]

    def inject(cluster):
        for (topic, partition), code in codes:
            if cluster.leaders[topic, partition][0] == broker:
                cluster.inject_partition(topic, partition, [code])

    return Fault("contradict", f"what broker {broker} appended in {seconds:.1f} s",
                 lambda cluster: drop_answers(cluster, broker, seconds, lambda: inject(cluster)))


def drop_answers(cluster, broker, seconds, before_up):
    cluster.delay(broker, 10 * REQUEST_TIMEOUT_MS)
    time.sleep(seconds)
    cluster.down(broker)
    cluster.delay(broker, 0)
    before_up()
    cluster.up(broker)


def slow(rng, brokers):
    broker, ms, seconds = rng.choice(brokers), rng.randint(20, 400), rng.uniform(0.5, 1.5)

    def happen(cluster):
        cluster.delay(broker, ms)
        time.sleep(seconds)
        cluster.delay(broker, 0)

    return Fault("slow", f"broker {broker} by {ms} ms for {seconds:.1f} s", happen)


def silence(cluster, brokers, seconds):
    for broker in brokers:
        cluster.down(broker)
    time.sleep(seconds)
    for broker in brokers:
        cluster.up(broker)


def down(rng, brokers):
    """No connections, and nobody takes over."""
    broker, seconds = rng.choice(brokers), rng.uniform(0.2, 1.5)
    return Fault("down", f"broker {broker} for {seconds:.1f} s", lambda cluster: silence(cluster, [broker], seconds))


def outage(rng, brokers):
    seconds = rng.uniform(0.5, 2.5)
    return Fault("outage", f"of all brokers for {seconds:.1f} s", lambda cluster: silence(cluster, brokers, seconds))


def move(rng, brokers, places):
    """Other leaders, several times, while producers send."""
    plans = [[(place, rng.choice(brokers)) for place in places] for _ in range(rng.randint(1, 4))]
    pause = rng.uniform(0.05, 0.4)

    def happen(cluster):
        for plan in plans:
            for (topic, partition), broker in plan:
                cluster.lead(topic, partition, broker)
            time.sleep(pause)

    return Fault("move", f"leaders {len(plans)} times, {pause:.2f} s apart", happen)


def mislead(rng, brokers, places):
    """Leaders move, and the next Metadata answers don't know it yet."""
    plan = [(place, rng.choice(brokers), rng.choice(brokers)) for place in places]

    def happen(cluster):
        for (topic, partition), broker, other in plan:
            cluster.lead(topic, partition, broker)
            cluster.pretend_leader(topic, partition, other)

    return Fault("mislead", "with leaders that are none", happen)


def forget(rng, topics):
    """Metadata denies a topic, or has no leader for it, and its producers have reason to ask."""
    topic, seconds = rng.choice(topics), rng.uniform(0.3, 1.5)
    name, code = rng.choice([("UNKNOWN_TOPIC_OR_PARTITION", 3), ("LEADER_NOT_AVAILABLE", 5)])

    def happen(cluster):
        cluster.topic_error(topic, code)
        for broker in cluster.brokers:
            cluster.inject(broker, PRODUCE, [(PASSING["NOT_LEADER_OR_FOLLOWER"], 0)] * 4)
        time.sleep(seconds)
        cluster.topic_error(topic, 0)

    return Fault("forget", f"topic {topic} for {seconds:.1f} s: {name}", happen)


def reconnect_badly(rng, brokers):
    """A connection ends, and those that follow are closed on their first requests."""
    broker = rng.choice(brokers)
    versions, metadata = rng.randint(1, 4), rng.randint(1, 4)

    def happen(cluster):
        cluster.inject(broker, API_VERSIONS, [(CLOSE, 0)] * versions)
        cluster.inject(broker, METADATA, [(CLOSE, 0)] * metadata)
        cluster.down(broker)
        cluster.up(broker)

    detail = f"to broker {broker}: {versions} times closed at ApiVersions, {metadata} at Metadata"
    return Fault("reconnect", detail, happen)
