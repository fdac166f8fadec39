"""A cluster of Apache Kafka brokers, and what can happen to it.

A fault is a name, what it was drawn with, and the function that lets it happen and heals it again. Every round of a
schedule has each fault once, in an order by chance. Never more than one broker is down for good or two are silent, so
that with three replicas nothing acknowledged by all of them may be lost.
"""

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent

# A request that is unanswered for longer than the first is given up by the producer, and a broker that is silent for
# longer than the second loses its leaders.
REQUEST_TIMEOUT_MS = 2000
SESSION_TIMEOUT_MS = 3000


# They start often: an optimising compiler would not pay.
JAVA_OPTIONS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


class Cluster:
    """Brokers in one directory."""

    def __init__(self, work, port, brokers, settings):
        self.work = work
        self.dir = work / "kafka"
        self.port = port
        self.brokers = brokers
        self.settings = settings
        self.bootstrap = ""

    def run(self, *words):
        done = subprocess.run(
            [HERE / "apache-kafka", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=120, env={**os.environ, "KAFKA_JAVA_OPTIONS": JAVA_OPTIONS},
        )
        if done.returncode != 0:
            raise RuntimeError(f"apache-kafka {' '.join(map(str, words))}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def start(self):
        self.bootstrap = self.run("start", self.dir, self.port, self.brokers, *self.settings).strip()

    def broker(self, verb, broker):
        self.run(verb, self.dir, broker)

    def tool(self, tool, *words):
        return self.run("tool", f"org.apache.kafka.tools.{tool}", "--bootstrap-server", self.bootstrap, *words)

    def reassign(self, *words):
        name = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
        return self.run("tool", name, "--bootstrap-server", self.bootstrap, *words)

    def start_tool(self, tool, *words, out):
        command = [HERE / "apache-kafka", "tool", f"org.apache.kafka.tools.{tool}", "--bootstrap-server", self.bootstrap]
        with open(self.work / f"{tool}.err", "ab") as err:
            return subprocess.Popen([*command, *words], stdout=out, stderr=err)

    def await_health(self):
        """Until every partition has all its replicas in sync."""
        until(60, "every replica is in sync", lambda: not self.tool("TopicCommand", "--describe", "--under-replicated-partitions").strip())

    def end(self):
        """At once: nobody needs the data any more."""
        for pid in (self.dir / "pid").glob("*"):
            try:
                os.kill(int(pid.read_text()), signal.SIGKILL)
            except ProcessLookupError:
                pass


def until(seconds, what, holds):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.3)


@dataclass
class Fault:
    name: str
    detail: str
    happen: Callable[[Cluster], None]

    def __str__(self):
        return f"{self.name} {self.detail}".rstrip()


def schedule(rng, topics, partitions, brokers):
    """Faults without end."""
    ids = list(range(1, brokers + 1))
    makers = [kill, crash, stop, stall, pause, outage, elect, lambda *of: reassign(*of, topics, partitions)]
    while True:
        rng.shuffle(makers)
        for make in makers:
            yield make(rng, ids)


def kill(rng, ids):
    """A machine that dies, and is back after the others have taken over."""
    broker, away = rng.choice(ids), rng.uniform(1, 4)

    def happen(cluster):
        cluster.broker("kill", broker)
        time.sleep(away)
        cluster.broker("restart", broker)

    return Fault("kill", f"broker {broker}, restart it after {away:.1f} s", happen)


def crash(rng, ids):
    """A process that dies and is started again at once: it may lead again what it led."""
    broker = rng.choice(ids)

    def happen(cluster):
        cluster.broker("kill", broker)
        cluster.broker("restart", broker)

    return Fault("crash", f"broker {broker}", happen)


def stop(rng, ids):
    """What an operator does: the broker hands its leaders over."""
    broker, away = rng.choice(ids), rng.uniform(0, 2)

    def happen(cluster):
        cluster.run("stop", cluster.dir, broker)
        time.sleep(away)
        cluster.broker("restart", broker)

    return Fault("stop", f"broker {broker}, restart it after {away:.1f} s", happen)


def silence(cluster, brokers, seconds):
    for broker in brokers:
        cluster.broker("pause", broker)
    time.sleep(seconds)
    for broker in brokers:
        cluster.broker("resume", broker)


def stall(rng, ids):
    """Silent until the producer gives its requests up, too short to lose leaders: the broker then does what it was asked."""
    broker, seconds = rng.choice(ids), (REQUEST_TIMEOUT_MS + rng.uniform(0.3, 0.7) * (SESSION_TIMEOUT_MS - REQUEST_TIMEOUT_MS)) / 1000
    return Fault("stall", f"broker {broker} for {seconds:.1f} s", lambda cluster: silence(cluster, [broker], seconds))


def pause(rng, ids):
    """Silent for so long that it comes back as a leader of the past, with old requests to answer."""
    broker, seconds = rng.choice(ids), SESSION_TIMEOUT_MS / 1000 + rng.uniform(0.5, 3)
    return Fault("pause", f"broker {broker} for {seconds:.1f} s", lambda cluster: silence(cluster, [broker], seconds))


def outage(rng, ids):
    """Two of three silent: too few replicas, no quorum, nothing can be acknowledged."""
    brokers, seconds = rng.sample(ids, 2), rng.uniform(4, 6)
    return Fault("outage", f"of brokers {brokers} for {seconds:.1f} s", lambda cluster: silence(cluster, brokers, seconds))


def elect(rng, ids):
    """Leaders go back to where they belong."""
    return Fault("elect", "preferred leaders", lambda cluster: cluster.tool(
        "LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions"))


def reassign(rng, ids, topics, partitions):
    """A broker loses all its replicas, what it leads included, and gets them back in another order."""
    broker = rng.choice(ids)
    others = [id for id in ids if id != broker]
    places = [(topic, partition) for topic in topics for partition in range(partitions)]
    without = [(place, rng.sample(others, len(others))) for place in places]
    whole = [(place, rng.sample(ids, len(ids))) for place in places]

    def happen(cluster):
        move(cluster, without)
        move(cluster, whole)

    return Fault("reassign", f"partitions away from broker {broker} and back", happen)


def move(cluster, plan):
    entries = [{"topic": topic, "partition": partition, "replicas": replicas} for (topic, partition), replicas in plan]
    path = cluster.work / "reassignment.json"
    path.write_text(json.dumps({"version": 1, "partitions": entries}))
    cluster.reassign("--reassignment-json-file", path, "--execute")
    until(60, "the reassignment is complete", lambda: "still in progress" not in cluster.reassign(
        "--reassignment-json-file", path, "--verify"))
