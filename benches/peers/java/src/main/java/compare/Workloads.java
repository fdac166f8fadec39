package compare;

import java.util.Arrays;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.RecordMetadata;

/** Each runs for a time and returns after its last acknowledgement, or throws the first error of a delivery. */
final class Workloads {
    private static final int RECORDS_PER_LOOK = 1_000;
    private static final long IDLE_PAUSE_MS = 10;

    private final Settings settings;
    private final Source source;
    private final KafkaProducer<byte[], byte[]> producer;

    Workloads(Settings settings, Source source, KafkaProducer<byte[], byte[]> producer) {
        this.settings = settings;
        this.source = source;
        this.producer = producer;
    }

    Tally run(String workload, long nanos) throws Exception {
        return switch (workload) {
            case "throughput" -> throughput(nanos);
            case "tasks" -> tasks(nanos);
            case "paced" -> paced(nanos);
            case "idle" -> idle(nanos);
            default -> throw new IllegalArgumentException("WORKLOAD=" + workload);
        };
    }

    /** Compiles the send path on as many records as go through, then the workload itself; gives how many they were. */
    long warmUp() throws Exception {
        long half = settings.warmupNanos() / 2;
        if (half == 0) {
            return 0;
        }
        long records = run("throughput", half).records() + run(settings.workload(), half).records();
        System.gc(); // The warm-up's garbage is not the workload's.
        return records;
    }

    /** One thread sends as fast as buffer.memory lets it. */
    private Tally throughput(long nanos) throws Exception {
        Deliveries deliveries = new Deliveries();
        long records = 0;
        for (long start = System.nanoTime(); System.nanoTime() - start < nanos; deliveries.check()) {
            for (int i = 0; i < RECORDS_PER_LOOK; i++) {
                producer.send(source.record(records), deliveries);
                records++;
            }
        }
        producer.flush();
        deliveries.check();
        return new Tally(records, deliveries.acknowledged, new long[0]);
    }

    /**
     * Each task is a chain: the callback of its record sends its next one. No thread waits or is woken for it; with
     * linger.ms, one thread keeps flushing, since each link would otherwise wait for all of it.
     */
    private Tally tasks(long nanos) throws Exception {
        AtomicReference<Exception> failure = new AtomicReference<>();
        AtomicLong next = new AtomicLong();
        AtomicLong acknowledged = new AtomicLong();
        CountDownLatch running = new CountDownLatch(settings.tasks());
        long start = System.nanoTime();
        Callback link = new Callback() {
            @Override
            public void onCompletion(RecordMetadata metadata, Exception error) {
                if (error == null) {
                    acknowledged.incrementAndGet();
                    if (failure.get() == null && System.nanoTime() - start < nanos) {
                        sendNext();
                        return;
                    }
                } else {
                    failure.compareAndSet(null, error);
                }
                running.countDown();
            }

            private void sendNext() {
                try {
                    producer.send(source.record(next.getAndIncrement()), this);
                } catch (RuntimeException error) { // The producer would swallow it, and this chain never end.
                    failure.compareAndSet(null, error);
                    running.countDown();
                }
            }
        };
        for (int task = 0; task < settings.tasks(); task++) {
            producer.send(source.record(next.getAndIncrement()), link);
        }
        boolean lingers = settings.lingers();
        while (lingers && running.getCount() > 0) {
            producer.flush();
        }
        running.await();
        if (failure.get() != null) {
            throw failure.get();
        }
        return new Tally(next.get(), acknowledged.get(), new long[0]);
    }

    /** Record i is due at start + i/RATE, or at once when that is past; its latency counts from when it was due. */
    private Tally paced(long nanos) throws Exception {
        Pace.wakeOnTime();
        long[] latencies = new long[(int) (nanos / 1e9 * settings.rate())];
        Deliveries deliveries = new Deliveries();
        long start = System.nanoTime();
        for (int i = 0; i < latencies.length; i++) {
            int index = i;
            long due = start + i * 1_000_000_000L / settings.rate();
            Pace.sleepUntil(due);
            producer.send(source.record(i), (metadata, error) -> {
                latencies[index] = System.nanoTime() - due;
                deliveries.onCompletion(metadata, error);
            });
        }
        producer.flush();
        deliveries.check();
        return new Tally(latencies.length, deliveries.acknowledged, latencies);
    }

    /** One awaited record at a time. With linger.ms a flush sends it at once, for which get alone would wait. */
    private Tally idle(long nanos) throws Exception {
        long[] latencies = new long[1024];
        boolean lingers = settings.lingers();
        int records = 0;
        for (long start = System.nanoTime(); System.nanoTime() - start < nanos; Thread.sleep(IDLE_PAUSE_MS)) {
            if (records == latencies.length) {
                latencies = Arrays.copyOf(latencies, 2 * records);
            }
            long sent = System.nanoTime();
            var delivery = producer.send(source.record(records));
            if (lingers) {
                producer.flush();
            }
            delivery.get();
            latencies[records++] = System.nanoTime() - sent;
        }
        return new Tally(records, records, Arrays.copyOf(latencies, records));
    }

    /** Counts deliveries. Only the producer's own thread counts; a flush makes the count visible to the sender. */
    private static final class Deliveries implements Callback {
        private long acknowledged;
        private volatile Exception failure;

        @Override
        public void onCompletion(RecordMetadata metadata, Exception error) {
            if (error == null) {
                acknowledged++;
            } else if (failure == null) {
                failure = error;
            }
        }

        void check() throws Exception {
            if (failure != null) {
                throw failure;
            }
        }
    }
}
