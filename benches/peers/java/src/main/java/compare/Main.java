package compare;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Locale;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.utils.internals.AppInfoParser;

/** Apache Kafka's Java client: reads its workload from the environment, runs it once and prints one line of JSON. */
public final class Main {
    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private Main() {}

    public static void main(String[] arguments) {
        Settings settings = null;
        try {
            settings = Settings.fromEnvironment();
        } catch (IllegalArgumentException error) {
            fail(2, error);
        }
        try {
            System.out.println(run(settings));
        } catch (Exception error) {
            fail(1, error);
        }
    }

    private static void fail(int status, Exception error) {
        System.err.println("linger-compare-java: " + error.getMessage());
        System.exit(status);
    }

    private static String run(Settings settings) throws Exception {
        Source source = new Source(settings);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings.ofProducer())) {
            producer.send(source.record(0)).get();
            Workloads workloads = new Workloads(settings, source, producer);
            long warmupRecords = 1 + workloads.warmUp();

            long started = System.nanoTime();
            long cpuBefore = PROCESS.getProcessCpuTime();
            Tally tally = workloads.run(settings.workload(), settings.nanos());
            long wall = System.nanoTime() - started;
            long cpu = PROCESS.getProcessCpuTime() - cpuBefore;
            return String.format(
                    Locale.ROOT,
                    "{\"client\":\"java\",\"version\":\"%s\",\"settings\":\"%s\",\"warmup_records\":%d,"
                            + "\"records\":%d,\"acknowledged\":%d,\"wall_s\":%.6f,\"cpu_s\":%.6f,\"latency_us\":%s}",
                    AppInfoParser.getVersion(),
                    settings.describe(),
                    warmupRecords,
                    tally.records(),
                    tally.acknowledged(),
                    wall / 1e9,
                    cpu / 1e9,
                    tally.latenciesAsJson());
        }
    }
}
