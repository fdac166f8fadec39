package compare;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Makes the records: the i-th has the same key and value in every client. */
final class Source {
    private static final int KEY_BYTES = 10;

    private final String topic;
    private final long keys;
    /** Without keys a record is the same each time its value is, and is sent again. */
    private final ProducerRecord<byte[], byte[]>[] records;

    @SuppressWarnings("unchecked")
    Source(Settings settings) throws IOException {
        topic = settings.topic();
        keys = settings.keys();
        byte[][] values = readValues(settings);
        records = Arrays.stream(values)
                .map(value -> new ProducerRecord<byte[], byte[]>(topic, value))
                .toArray(ProducerRecord[]::new);
    }

    private static byte[][] readValues(Settings settings) throws IOException {
        if (settings.valuesFile().isEmpty()) {
            byte[] value = new byte[settings.valueBytes()];
            Arrays.fill(value, (byte) 'x');
            return new byte[][] {value};
        }
        byte[][] values;
        try (var lines = Files.lines(Path.of(settings.valuesFile()))) {
            values = lines.map(line -> line.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
        }
        if (values.length == 0) {
            throw new IOException(
                    "VALUES_FILE=" + settings.valuesFile() + " is empty: it holds one value per line");
        }
        return values;
    }

    ProducerRecord<byte[], byte[]> record(long i) {
        ProducerRecord<byte[], byte[]> unkeyed = records[(int) (i % records.length)];
        if (keys == 0) {
            return unkeyed;
        }
        return new ProducerRecord<>(topic, key((i * 2_654_435_761L & 0xffff_ffffL) % keys), unkeyed.value());
    }

    /** Ten decimal digits. */
    private static byte[] key(long number) {
        byte[] key = new byte[KEY_BYTES];
        for (int digit = KEY_BYTES - 1; digit >= 0; digit--) {
            key[digit] = (byte) ('0' + number % 10);
            number /= 10;
        }
        return key;
    }
}
