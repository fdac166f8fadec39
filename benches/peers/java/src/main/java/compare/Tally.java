package compare;

import java.util.Arrays;
import java.util.Locale;

/** What one workload did; its latencies in nanoseconds, none for a workload without them. */
record Tally(long records, long acknowledged, long[] latencies) {
    /** Percentiles by nearest rank, in microseconds. */
    String latenciesAsJson() {
        if (latencies.length == 0) {
            return "null";
        }
        long[] sorted = latencies.clone();
        Arrays.sort(sorted);
        return String.format(
                Locale.ROOT,
                "{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}",
                micros(sorted, 500),
                micros(sorted, 990),
                micros(sorted, 999),
                micros(sorted, 1000));
    }

    private static double micros(long[] sorted, int perMille) {
        long rank = ((long) sorted.length * perMille + 999) / 1000;
        return sorted[(int) Math.max(rank, 1) - 1] / 1e3;
    }
}
