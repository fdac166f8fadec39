import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.AppInfoParser;

/** Kafka's Java client as contract.py describes. Run from its source, with Kafka's jars as the class path. */
public class Client {
    static final int VALUE_BYTES_MAX = 4096;
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        say(JSON.createObjectNode().put("client", "Java client " + AppInfoParser.getVersion()));
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = commands.readLine()) != null; ) {
            JsonNode command = JSON.readTree(line);
            try {
                if (command.get("do").asText().equals("produce")) {
                    produce(command);
                } else {
                    consume(command);
                }
                say(JSON.createObjectNode().put("done", true));
            } catch (Exception error) {
                say(JSON.createObjectNode().put("failed", error.toString()));
            }
        }
    }

    static void produce(JsonNode command) throws Exception {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", command.get("bootstrap").asText());
        settings.put("compression.type", command.get("codec").asText());
        settings.put("acks", command.get("acks").asText());
        settings.put("enable.idempotence", command.get("idempotent").asBoolean());
        settings.put("linger.ms", 20);
        ByteArraySerializer bytes = new ByteArraySerializer();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes)) {
            for (String line : Files.readAllLines(Path.of(command.get("file").asText()))) {
                sent.add(producer.send(record(command.get("topic").asText(), JSON.readTree(line))));
            }
        }
        for (Future<RecordMetadata> future : sent) {
            RecordMetadata at = future.get();
            ObjectNode answer = JSON.createObjectNode().put("partition", at.partition());
            say(at.hasOffset() ? answer.put("offset", at.offset()) : answer.putNull("offset"));
        }
    }

    static ProducerRecord<byte[], byte[]> record(String topic, JsonNode line) throws IOException {
        Integer partition = line.get("partition").isNull() ? null : line.get("partition").asInt();
        byte[] key = line.get("key").binaryValue();
        byte[] value = line.get("value").binaryValue();
        var record = new ProducerRecord<>(topic, partition, line.get("timestamp").asLong(), key, value);
        for (JsonNode header : line.get("headers")) {
            record.headers().add(header.get(0).asText(), header.get(1).binaryValue());
        }
        return record;
    }

    static void consume(JsonNode command) throws Exception {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", command.get("bootstrap").asText());
        settings.put("enable.auto.commit", false);
        List<TopicPartition> assigned = new ArrayList<>();
        for (int partition = 0; partition < command.get("partitions").asInt(); partition++) {
            assigned.add(new TopicPartition(command.get("topic").asText(), partition));
        }
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, bytes, bytes)) {
            consumer.assign(assigned);
            seek(consumer, assigned, command.get("start"));
            long deadline = System.nanoTime() + Duration.ofSeconds(command.get("limit_s").asInt()).toNanos();
            for (int left = command.get("count").asInt(); left > 0 && System.nanoTime() < deadline; ) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                    say(stored(record));
                    left--;
                }
            }
        }
    }

    static void seek(KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> assigned, JsonNode start) {
        if (start.asText().equals("beginning")) {
            consumer.seekToBeginning(assigned);
        } else if (start.asText().equals("end")) {
            consumer.seekToEnd(assigned);
            // It looks for the end when it is asked where it is.
            assigned.forEach(consumer::position);
            say(JSON.createObjectNode().put("ready", true));
        } else {
            Map<TopicPartition, Long> times = new HashMap<>();
            assigned.forEach(partition -> times.put(partition, start.asLong()));
            Map<TopicPartition, Long> ends = consumer.endOffsets(assigned);
            consumer.offsetsForTimes(times)
                    .forEach((partition, at) -> consumer.seek(partition, at == null ? ends.get(partition) : at.offset()));
        }
    }

    static ObjectNode stored(ConsumerRecord<byte[], byte[]> record) throws Exception {
        ObjectNode answer = JSON.createObjectNode()
                .put("partition", record.partition())
                .put("offset", record.offset())
                .put("timestamp", record.timestamp())
                .put("key", record.key())
                .put("value", told(record.value()));
        ArrayNode headers = answer.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(header.value());
        }
        return answer;
    }

    static String told(byte[] value) throws Exception {
        if (value == null) {
            return null;
        }
        if (value.length <= VALUE_BYTES_MAX) {
            return Base64.getEncoder().encodeToString(value);
        }
        byte[] hash = MessageDigest.getInstance("SHA-256").digest(value);
        return "sha256:" + Base64.getEncoder().encodeToString(hash);
    }

    static void say(ObjectNode answer) {
        System.out.println(answer);
        System.out.flush();
    }
}
