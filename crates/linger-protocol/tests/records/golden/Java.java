// Sends the records of `golden.rs` to a running Apache Kafka, one batch per codec:
//   java -cp 'LIBS/*' Java.java HOST:PORT
// The first segment of each topic's only partition is then the batch as the Java producer made it; the broker has set
// the leader's epoch, nothing else.
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Java {
    public static void main(String[] args) throws Exception {
        for (String codec : new String[] {"none", "gzip", "snappy", "lz4", "zstd"}) {
            Properties settings = new Properties();
            settings.put("bootstrap.servers", args[0]);
            settings.put("compression.type", codec);
            settings.put("linger.ms", "3000");
            settings.put("batch.size", "2000000");
            settings.put("key.serializer", ByteArraySerializer.class.getName());
            settings.put("value.serializer", ByteArraySerializer.class.getName());
            boolean plain = codec.equals("none");
            try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings)) {
                producer.partitionsFor("java-" + codec);
                for (int i = 0; i < (plain ? 12 : 48); i++) {
                    byte[] key = i % 3 == 0 ? null : utf8("key-" + i);
                    byte[] value = i % 7 == 6 ? null : utf8(("value " + i + " ").repeat(i * (plain ? 1 : 20)));
                    long timestamp = 1790000000000L + (i % 2 == 0 ? i * 50L : -i * 1000L);
                    RecordHeaders headers = new RecordHeaders();
                    if (i % 4 == 1) {
                        headers.add("twice", utf8("1"));
                        headers.add("twice", utf8("2"));
                        headers.add("null", null);
                        headers.add("ключ", new byte[0]);
                    }
                    producer.send(new ProducerRecord<>("java-" + codec, 0, timestamp, key, value, headers));
                }
                producer.flush();
            }
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
