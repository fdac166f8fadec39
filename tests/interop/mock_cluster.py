"""librdkafka's mock cluster, driven through its C interface.

What it does with an injected code, found in its source (rdkafka_mock.c, rdkafka_mock_handlers.c) and seen in its logs:

- A produce request that has a code injected is answered with it and *nothing is appended*, whatever the code says.
- `CLOSE` in place of a code closes the connection, and nothing is appended. A delay alone appends, and answers late; a
  broker that is set down meanwhile has appended and never answers.
- It looks at sequence numbers only if there is a transactional id: a batch that is sent again is appended again, and one
  that comes before its predecessor is taken.
- It answers `acks=0` too, and refuses ApiVersions 4 in a form of its own.
- A broker that is down stays the leader of its partitions until somebody moves them.
- A partition's log keeps its last 5 MB.
"""

import ctypes
import importlib.util
from collections import defaultdict
from pathlib import Path

PRODUCE, METADATA, INIT_PRODUCER_ID, API_VERSIONS = 0, 3, 22, 18

# The connection is closed instead of an answer.
CLOSE = -195

# Of its log, which goes to standard error.
ERROR_LEVEL = b"3"


def load_library():
    """The library that the wheel of confluent-kafka brings along."""
    package = Path(importlib.util.find_spec("confluent_kafka").origin).parent
    bundled = [*package.parent.glob("confluent_kafka.libs/librdkafka*"), *package.glob(".dylibs/librdkafka*")]
    if len(bundled) != 1:
        raise RuntimeError(f"beside {package} there are {len(bundled)} libraries of librdkafka, not one")
    library = ctypes.CDLL(str(bundled[0]))
    handle, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    # The functions with arguments without end are given the types of those that they name.
    for name, result, arguments in [
        ("rd_kafka_conf_new", handle, []),
        ("rd_kafka_conf_set", number, [handle, text, text, text, ctypes.c_size_t]),
        ("rd_kafka_new", handle, [number, handle, text, ctypes.c_size_t]),
        ("rd_kafka_destroy", None, [handle]),
        ("rd_kafka_mock_cluster_new", handle, [handle, number]),
        ("rd_kafka_mock_cluster_destroy", None, [handle]),
        ("rd_kafka_mock_cluster_bootstraps", text, [handle]),
        ("rd_kafka_mock_set_apiversion", number, [handle, ctypes.c_int16, ctypes.c_int16, ctypes.c_int16]),
        ("rd_kafka_mock_topic_create", number, [handle, text, number, number]),
        ("rd_kafka_mock_topic_set_error", None, [handle, text, number]),
        ("rd_kafka_mock_partition_set_leader", number, [handle, text, ctypes.c_int32, ctypes.c_int32]),
        ("rd_kafka_mock_partition_push_leader_response", number,
         [handle, text, number, ctypes.c_int32, ctypes.c_int32]),
        ("rd_kafka_mock_partition_push_request_errors", number,
         [handle, text, ctypes.c_int32, ctypes.c_int16, ctypes.c_size_t]),
        ("rd_kafka_mock_push_request_errors_array", None,
         [handle, ctypes.c_int16, ctypes.c_size_t, ctypes.POINTER(number)]),
        ("rd_kafka_mock_broker_push_request_error_rtts", number,
         [handle, ctypes.c_int32, ctypes.c_int16, ctypes.c_size_t]),
        ("rd_kafka_mock_broker_error_stack_cnt", number,
         [handle, ctypes.c_int32, ctypes.c_int16, ctypes.POINTER(ctypes.c_size_t)]),
        ("rd_kafka_mock_broker_set_down", number, [handle, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_up", number, [handle, ctypes.c_int32]),
        ("rd_kafka_mock_broker_set_rtt", number, [handle, ctypes.c_int32, number]),
        ("rd_kafka_mock_start_request_tracking", None, [handle]),
        ("rd_kafka_mock_get_requests", handle, [handle, ctypes.POINTER(ctypes.c_size_t)]),
        ("rd_kafka_mock_request_api_key", ctypes.c_int16, [handle]),
        ("rd_kafka_mock_request_destroy_array", None, [handle, ctypes.c_size_t]),
    ]:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class MockCluster:
    """Brokers 1..N in this process, on ports of the system's choice."""

    def __init__(self, brokers):
        self.library = load_library()
        self.brokers = list(range(1, brokers + 1))
        self.leaders = {}  # by topic and partition: the broker and its epoch
        self.pushed = defaultdict(int)  # by kind of request: how many something was injected into
        message = ctypes.create_string_buffer(512)
        settings = self.library.rd_kafka_conf_new()
        if self.library.rd_kafka_conf_set(settings, b"log_level", ERROR_LEVEL, message, len(message)) != 0:
            raise RuntimeError(message.value.decode())
        self.client = self.library.rd_kafka_new(0, settings, message, len(message))
        if not self.client:
            raise RuntimeError(message.value.decode())
        self.cluster = self.library.rd_kafka_mock_cluster_new(self.client, brokers)
        if not self.cluster:
            raise RuntimeError("librdkafka starts no mock cluster")
        self.library.rd_kafka_mock_start_request_tracking(self.cluster)
        self.bootstrap = self.library.rd_kafka_mock_cluster_bootstraps(self.cluster).decode()

    def call(self, name, *arguments):
        error = getattr(self.library, f"rd_kafka_mock_{name}")(self.cluster, *arguments)
        if error:
            raise RuntimeError(f"rd_kafka_mock_{name}{arguments} answers {error}")

    def limit_version(self, key, version):
        self.call("set_apiversion", key, 0, version)

    def create(self, topic, partitions):
        self.call("topic_create", topic.encode(), partitions, len(self.brokers))
        for partition in range(partitions):
            self.leaders[topic, partition] = (None, 0)
        self.spread([topic])

    def lead(self, topic, partition, broker):
        before, epoch = self.leaders[topic, partition]
        if broker == before:
            return
        self.call("partition_set_leader", topic.encode(), partition, broker)
        self.leaders[topic, partition] = (broker, epoch + 1)

    def spread(self, topics):
        """Every broker leads its share."""
        for topic, partition in self.leaders:
            if topic in topics:
                self.lead(topic, partition, self.brokers[partition % len(self.brokers)])

    def pretend_leader(self, topic, partition, broker):
        """One Metadata answer names another leader than the real one, as a broker with old metadata would."""
        _, epoch = self.leaders[topic, partition]
        self.call("partition_push_leader_response", topic.encode(), partition, broker, epoch)

    def topic_error(self, topic, code):
        self.call("topic_set_error", topic.encode(), code)

    def inject(self, broker, key, answers):
        """Codes with delays in ms for the next requests of one kind that this broker gets."""
        words = [ctypes.c_int(word) for answer in answers for word in answer]
        self.call("broker_push_request_error_rtts", broker, key, len(answers), *words)
        self.pushed[key] += len(answers)

    def inject_anywhere(self, key, codes):
        """Codes for the next requests of one kind, whichever broker gets them. A broker that was injected into by itself
        knows only those."""
        self.call("push_request_errors_array", key, len(codes), (ctypes.c_int * len(codes))(*codes))

    def inject_partition(self, topic, partition, codes):
        """Codes for a partition's next batches."""
        self.call("partition_push_request_errors", topic.encode(), partition, PRODUCE, len(codes), *map(ctypes.c_int, codes))

    def waiting(self, key):
        """How many injected answers no request has met yet."""
        count, total = ctypes.c_size_t(), 0
        for broker in self.brokers:
            self.call("broker_error_stack_cnt", broker, key, ctypes.byref(count))
            total += count.value
        return total

    def down(self, broker):
        self.call("broker_set_down", broker)

    def up(self, broker):
        self.call("broker_set_up", broker)

    def delay(self, broker, ms):
        self.call("broker_set_rtt", broker, ms)

    def requests(self):
        """How many requests of each kind have come."""
        count = ctypes.c_size_t()
        requests = self.library.rd_kafka_mock_get_requests(self.cluster, ctypes.byref(count))
        counts = defaultdict(int)
        for request in ctypes.cast(requests, ctypes.POINTER(ctypes.c_void_p))[: count.value]:
            counts[self.library.rd_kafka_mock_request_api_key(request)] += 1
        self.library.rd_kafka_mock_request_destroy_array(requests, count)
        return counts

    def end(self):
        self.library.rd_kafka_mock_cluster_destroy(self.cluster)
        self.library.rd_kafka_destroy(self.client)
