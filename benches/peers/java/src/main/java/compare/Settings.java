package compare;

import java.lang.management.ManagementFactory;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** What the environment says, checked once; {@code null} leaves the producer its own default. */
record Settings(
        String bootstrap,
        String topic,
        String workload,
        long nanos,
        long warmupNanos,
        int valueBytes,
        String valuesFile,
        long keys,
        Integer batchBytes,
        Integer lingerMs,
        Integer inFlight,
        String codec,
        int tasks,
        int rate) {
    /** Batches of 1 MB for 8 partitions: 5 requests of them in flight, and those that fill. More makes nothing faster. */
    private static final int BUFFER_MEMORY = 64 << 20;
    /** A request takes a batch of every partition: the default of 1 MiB would cut it short with large batches. */
    private static final int MAX_REQUEST_SIZE = 64 << 20;
    private static final int IN_FLIGHT_MAX_IF_IDEMPOTENT = 5;
    private static final double WARMUP_SECONDS = 3;

    static Settings fromEnvironment() {
        Integer inFlight = wholeOrDefault("IN_FLIGHT", 5, 1, 1_000_000);
        if (inFlight != null) {
            inFlight = Math.min(inFlight, IN_FLIGHT_MAX_IF_IDEMPOTENT);
        }
        String valuesFile = "";
        if (choice("VALUES", "constant", Set.of("constant", "json")).equals("json")) {
            valuesFile = required("VALUES_FILE", "VALUES=json reads its values from there");
        }
        return new Settings(
                required("BOOTSTRAP", "it is host:port,..."),
                text("TOPIC", "bench"),
                choice("WORKLOAD", "throughput", Set.of("throughput", "tasks", "paced", "idle")),
                nanos("SECONDS", 2, false),
                nanos("WARMUP_SECONDS", WARMUP_SECONDS, true),
                (int) whole("VALUE", 100, 0, 1 << 30),
                valuesFile,
                whole("KEYS", 0, 0, 0xffff_ffffL),
                wholeOrDefault("BATCH", 16_384, 0, 1 << 30),
                wholeOrDefault("LINGER_MS", 5, 0, 60_000),
                inFlight,
                choice("CODEC", "none", Set.of("none", "gzip", "snappy", "lz4", "zstd")),
                (int) whole("TASKS", 64, 1, 100_000),
                (int) whole("RATE", 10_000, 1, 10_000_000));
    }

    /** Reads a variable; an empty one counts as not set. */
    private static String text(String name, String otherwise) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? otherwise : value;
    }

    private static String required(String name, String why) {
        String value = text(name, "");
        if (value.isEmpty()) {
            throw new IllegalArgumentException(name + " is not set: " + why);
        }
        return value;
    }

    private static String choice(String name, String otherwise, Set<String> choices) {
        String value = text(name, otherwise);
        if (!choices.contains(value)) {
            throw new IllegalArgumentException(name + "=" + value + ": it is one of " + choices);
        }
        return value;
    }

    private static long whole(String name, long otherwise, long from, long to) {
        String text = text(name, String.valueOf(otherwise));
        try {
            long number = Long.parseLong(text);
            if (number >= from && number <= to) {
                return number;
            }
        } catch (NumberFormatException error) {
            // Said below, as for a number out of range.
        }
        throw new IllegalArgumentException(name + "=" + text + ": it is a whole number from " + from + " to " + to);
    }

    private static Integer wholeOrDefault(String name, int otherwise, int from, int to) {
        return text(name, "").equals("default") ? null : Integer.valueOf((int) whole(name, otherwise, from, to));
    }

    private static long nanos(String name, double otherwise, boolean zeroToo) {
        String text = text(name, String.valueOf(otherwise));
        try {
            double number = Double.parseDouble(text);
            if (number >= 0 && number <= 3600 && (number > 0 || zeroToo)) {
                return (long) (number * 1e9);
            }
        } catch (NumberFormatException error) {
            // Said below, as for a number out of range.
        }
        throw new IllegalArgumentException(name + "=" + text + ": it is a number of seconds, 3600 at most");
    }

    Properties ofProducer() {
        Properties properties = new Properties();
        properties.putAll(Map.of(
                ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap,
                ProducerConfig.ACKS_CONFIG, "all",
                ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true,
                ProducerConfig.BUFFER_MEMORY_CONFIG, (long) BUFFER_MEMORY,
                ProducerConfig.MAX_REQUEST_SIZE_CONFIG, MAX_REQUEST_SIZE,
                ProducerConfig.COMPRESSION_TYPE_CONFIG, codec,
                ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class,
                ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class));
        properties.put(ProducerConfig.ENABLE_METRICS_PUSH_CONFIG, false);
        putUnlessDefault(properties, ProducerConfig.BATCH_SIZE_CONFIG, batchBytes);
        putUnlessDefault(properties, ProducerConfig.LINGER_MS_CONFIG, lingerMs);
        putUnlessDefault(properties, ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION, inFlight);
        return properties;
    }

    private static void putUnlessDefault(Properties properties, String name, Integer value) {
        if (value != null) {
            properties.put(name, value);
        }
    }

    /** What the producer goes by, its own defaults included. */
    private ProducerConfig used() {
        return new ProducerConfig(ofProducer());
    }

    /** Whether a record waits for others. */
    boolean lingers() {
        return used().getLong(ProducerConfig.LINGER_MS_CONFIG) > 0;
    }

    String describe() {
        String how = switch (workload) {
            case "tasks" -> "each task sends from the callback of its last record"
                    + (lingers() ? ", a thread keeps flushing" : "");
            case "idle" -> lingers() ? "send, flush, get" : "send, get";
            default -> "send with a callback";
        };
        ProducerConfig used = used();
        return String.format(
                Locale.ROOT,
                "linger %d ms, batch.size %d B, codec %s, acks=all, idempotent, %d requests in flight (5 at most while "
                        + "idempotent), buffer.memory %d MiB, max.request.size %d MiB, default partitioner, warm-up "
                        + "%.1f s, JVM %s %s, %s",
                used.getLong(ProducerConfig.LINGER_MS_CONFIG),
                used.getInt(ProducerConfig.BATCH_SIZE_CONFIG),
                codec,
                used.getInt(ProducerConfig.MAX_IN_FLIGHT_REQUESTS_PER_CONNECTION),
                BUFFER_MEMORY >> 20,
                MAX_REQUEST_SIZE >> 20,
                warmupNanos / 1e9,
                System.getProperty("java.version"),
                String.join(" ", ManagementFactory.getRuntimeMXBean().getInputArguments()),
                how);
    }
}
