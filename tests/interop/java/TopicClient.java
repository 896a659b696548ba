// SPDX-License-Identifier: Apache-2.0

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.AuthenticationFactory;
import org.apache.pulsar.client.api.ClientBuilder;
import org.apache.pulsar.client.api.CompressionType;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.ConsumerBuilder;
import org.apache.pulsar.client.api.ConsumerCryptoFailureAction;
import org.apache.pulsar.client.api.CryptoKeyReader;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.MessageIdAdv;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.ProducerBuilder;
import org.apache.pulsar.client.api.ProducerCryptoFailureAction;
import org.apache.pulsar.client.api.PulsarClient;
import org.apache.pulsar.client.api.Schema;
import org.apache.pulsar.client.api.SubscriptionInitialPosition;
import org.apache.pulsar.client.api.SubscriptionType;
import org.apache.pulsar.client.api.TypedMessageBuilder;
import org.apache.pulsar.client.impl.DefaultCryptoKeyReader;
import org.apache.pulsar.client.impl.DefaultCryptoKeyReaderBuilder;
import org.apache.pulsar.client.impl.crypto.MessageCryptoBc;
import org.apache.pulsar.common.api.EncryptionContext;

/** The Java client behind the command line that all topic clients share: see ../README.md. */
public final class TopicClient {
  private static final Gson GSON = new Gson();

  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 1 && arguments[0].equals("jobs")) {
      serveJobs();
      return;
    }
    String error = run(List.of(arguments), standardInput(), System.out);
    if (!error.isEmpty()) System.err.println("TopicClient: " + error);
    System.exit(error.isEmpty() ? 0 : 1);
  }

  private static BufferedReader standardInput() {
    return new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
  }

  /** One job a line, each on a thread of its own, answered by a line when it is done. */
  private static void serveJobs() throws IOException {
    BufferedReader lines = standardInput();
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Job job = GSON.fromJson(line, Job.class);
      Thread thread = new Thread(() -> serve(job), "job-" + job.id);
      thread.setDaemon(true);
      thread.start();
    }
  }

  private static void serve(Job job) {
    String error;
    try (BufferedReader input = Files.newBufferedReader(Path.of(job.input), StandardCharsets.UTF_8);
        PrintStream output = new PrintStream(job.output, StandardCharsets.UTF_8)) {
      error = run(job.arguments, input, output);
    } catch (IOException failure) {
      error = failure.toString();
    }
    JsonObject answer = new JsonObject();
    answer.addProperty("id", job.id);
    answer.addProperty("error", error);
    synchronized (System.out) {
      System.out.println(GSON.toJson(answer));
      System.out.flush();
    }
  }

  private static final class Job {
    int id;
    List<String> arguments;
    String input;
    String output;
  }

  /** What went wrong in one line; empty where nothing did. */
  private static String run(List<String> words, BufferedReader input, PrintStream output) {
    try {
      Arguments arguments = new Arguments(words);
      PulsarClient client = connect(arguments);
      try {
        if (arguments.action.equals("produce")) produce(client, arguments, input, output);
        else consume(client, arguments, output);
      } finally {
        client.closeAsync(); // Closing takes two seconds; all there was to say was said when its producer or consumer closed.
      }
      return "";
    } catch (Exception | LinkageError failure) {
      return failure.toString().replaceAll("\\s+", " ");
    } finally {
      output.flush();
    }
  }

  private static PulsarClient connect(Arguments arguments) throws Exception {
    ClientBuilder builder =
        PulsarClient.builder()
            .serviceUrl(arguments.one("--url", ""))
            .statsInterval(0, TimeUnit.SECONDS)
            .operationTimeout(15, TimeUnit.SECONDS)
            .lookupTimeout(15, TimeUnit.SECONDS);
    if (arguments.has("--tls-ca"))
      builder.tlsTrustCertsFilePath(arguments.one("--tls-ca", "")).enableTlsHostnameVerification(true);
    if (arguments.has("--token-file"))
      builder.authentication(
          AuthenticationFactory.token(Files.readString(Path.of(arguments.one("--token-file", ""))).strip()));
    return builder.build();
  }

  private static void produce(PulsarClient client, Arguments arguments, BufferedReader input, PrintStream output)
      throws Exception {
    Set<String> names = new HashSet<>(arguments.all("--to"));
    CryptoKeyReader reader = arguments.has("--keys") ? keyReader(Path.of(arguments.one("--keys", ""))) : null;
    MessageCryptoBc crypto = new MessageCryptoBc("TopicClient", true);
    int rotateAfter = arguments.number("--rotate-after-messages", 0);
    List<CompletableFuture<MessageId>> receipts = new ArrayList<>();
    try (Producer<byte[]> producer = producerBuilder(client, arguments, names, reader, crypto).create()) {
      for (String line = input.readLine(); line != null; line = input.readLine()) {
        if (rotateAfter > 0 && !receipts.isEmpty() && receipts.size() % rotateAfter == 0) {
          producer.flush();
          crypto.addPublicKeyCipher(names, reader); // What the client itself does every four hours.
        }
        CompletableFuture<MessageId> receipt = build(producer, GSON.fromJson(line, Line.class)).sendAsync();
        receipts.add(receipt);
        receipt.thenAccept(id -> print(output, Map.of("message_id", text(id))));
      }
      producer.flush();
      for (CompletableFuture<MessageId> receipt : receipts) receipt.get();
    }
  }

  private static ProducerBuilder<byte[]> producerBuilder(
      PulsarClient client, Arguments arguments, Set<String> names, CryptoKeyReader reader, MessageCryptoBc crypto) {
    ProducerBuilder<byte[]> builder =
        client
            .newProducer(Schema.BYTES)
            .topic(arguments.one("--topic", ""))
            .blockIfQueueFull(true)
            .sendTimeout(20, TimeUnit.SECONDS)
            .compressionType(CompressionType.valueOf(arguments.one("--compression", "none").toUpperCase(Locale.ROOT)))
            .enableBatching(arguments.has("--batch"));
    if (arguments.has("--batch"))
      builder
          .batchingMaxMessages(arguments.number("--batch", 0))
          .batchingMaxBytes(4 * 1024 * 1024)
          .batchingMaxPublishDelay(1, TimeUnit.SECONDS);
    if (arguments.has("--chunk")) builder.enableChunking(true);
    if (arguments.has("--max-message-size")) builder.chunkMaxMessageSize(arguments.number("--max-message-size", 0));
    if (arguments.has("--producer-name")) builder.producerName(arguments.one("--producer-name", ""));
    for (String name : names) builder.addEncryptionKey(name);
    if (!names.isEmpty()) {
      builder.cryptoKeyReader(reader).messageCrypto(crypto);
      builder.cryptoFailureAction(
          ProducerCryptoFailureAction.valueOf(arguments.one("--on-failure", "fail").toUpperCase(Locale.ROOT)));
    }
    return builder;
  }

  private static final class Line {
    String payload_base64;
    String key;
    String ordering_key_base64;
    Map<String, String> properties = Map.of();
    long event_time;
  }

  private static TypedMessageBuilder<byte[]> build(Producer<byte[]> producer, Line line) {
    TypedMessageBuilder<byte[]> message = producer.newMessage().properties(line.properties);
    message.value(line.payload_base64 == null ? null : Base64.getDecoder().decode(line.payload_base64));
    if (line.key != null) message.key(line.key);
    if (line.ordering_key_base64 != null) message.orderingKey(Base64.getDecoder().decode(line.ordering_key_base64));
    if (line.event_time > 0) message.eventTime(line.event_time);
    return message;
  }

  private static void consume(PulsarClient client, Arguments arguments, PrintStream output) throws Exception {
    int count = arguments.number("--count", Integer.MAX_VALUE);
    int timeout = arguments.number("--timeout", 10);
    try (Consumer<byte[]> consumer = consumerBuilder(client, arguments).subscribe()) {
      for (int i = 0; i < count; ++i) {
        Message<byte[]> message = consumer.receive(timeout, TimeUnit.SECONDS);
        if (message == null) return;
        print(output, describe(message));
        if (!arguments.has("--no-acknowledge")) consumer.acknowledge(message);
      }
    }
  }

  private static ConsumerBuilder<byte[]> consumerBuilder(PulsarClient client, Arguments arguments) throws IOException {
    ConsumerBuilder<byte[]> builder =
        client
            .newConsumer(Schema.BYTES)
            .topic(arguments.one("--topic", ""))
            .subscriptionName(arguments.one("--subscription", ""))
            .subscriptionType(SubscriptionType.valueOf(capitalised(arguments.one("--subscription-type", "exclusive"))))
            .subscriptionInitialPosition(
                SubscriptionInitialPosition.valueOf(capitalised(arguments.one("--from", "earliest"))))
            .readCompacted(arguments.has("--compacted"))
            .receiverQueueSize(arguments.number("--receiver-queue", 1000))
            .cryptoFailureAction(
                ConsumerCryptoFailureAction.valueOf(arguments.one("--on-failure", "fail").toUpperCase(Locale.ROOT)));
    if (arguments.has("--ack-timeout")) builder.ackTimeout(arguments.number("--ack-timeout", 0), TimeUnit.SECONDS);
    if (arguments.has("--keys")) builder.cryptoKeyReader(keyReader(Path.of(arguments.one("--keys", ""))));
    return builder;
  }

  private static String capitalised(String word) {
    return Character.toUpperCase(word.charAt(0)) + word.substring(1);
  }

  private static Map<String, Object> describe(Message<byte[]> message) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("message_id", text(message.getMessageId()));
    line.put("payload_base64", message.getData() == null ? null : base64(message.getData()));
    line.put("key", message.getKey());
    if (message.hasOrderingKey()) line.put("ordering_key_base64", base64(message.getOrderingKey()));
    line.put("properties", message.getProperties());
    line.put("event_time", message.getEventTime());
    line.put("producer", message.getProducerName());
    line.put("sequence", message.getSequenceId());
    message.getEncryptionCtx().ifPresent(context -> line.put("context", describe(context)));
    return line;
  }

  /** As Pulsar's WebSocket endpoint writes it. */
  private static Map<String, Object> describe(EncryptionContext context) {
    Map<String, Object> keys = new LinkedHashMap<>();
    context
        .getKeys()
        .forEach(
            (name, key) ->
                keys.put(
                    name,
                    Map.of(
                        "keyValue",
                        base64(key.getKeyValue()),
                        "metadata",
                        key.getMetadata() == null ? Map.of() : key.getMetadata())));
    Map<String, Object> described = new LinkedHashMap<>();
    described.put("keys", keys);
    described.put("param", base64(context.getParam()));
    described.put("compressionType", context.getCompressionType().name());
    described.put("uncompressedMessageSize", context.getUncompressedMessageSize());
    context.getBatchSize().ifPresent(size -> described.put("batchSize", size));
    return described;
  }

  private static CryptoKeyReader keyReader(Path folder) throws IOException {
    DefaultCryptoKeyReaderBuilder builder = DefaultCryptoKeyReader.builder();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.{public,private}.pem")) {
      for (Path file : files) {
        String[] parts = file.getFileName().toString().split("\\.(?=(public|private)\\.pem$)");
        String url = file.toAbsolutePath().toUri().toString();
        if (parts[1].equals("public.pem")) builder.publicKey(parts[0], url);
        else builder.privateKey(parts[0], url);
      }
    }
    return builder.build();
  }

  private static void print(PrintStream output, Map<String, Object> line) {
    String text = GSON.toJson(line);
    synchronized (output) {
      output.println(text);
      output.flush();
    }
  }

  private static String text(MessageId id) {
    MessageIdAdv parts = (MessageIdAdv) id;
    return String.format(
        "%d:%d:%d:%d", parts.getLedgerId(), parts.getEntryId(), parts.getPartitionIndex(), parts.getBatchIndex());
  }

  private static String base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }

  /** produce or consume, then --name value, or --name alone. */
  private static final class Arguments {
    private static final Set<String> FLAGS = Set.of("--chunk", "--no-acknowledge", "--compacted");

    final String action;
    private final List<String> words;

    Arguments(List<String> words) {
      if (words.isEmpty() || !Set.of("produce", "consume").contains(words.get(0)))
        throw new IllegalArgumentException("usage: TopicClient produce|consume|jobs ...");
      this.action = words.get(0);
      this.words = words;
    }

    boolean has(String name) {
      return words.contains(name);
    }

    List<String> all(String name) {
      List<String> values = new ArrayList<>();
      for (int i = 1; i < words.size(); i += FLAGS.contains(words.get(i)) ? 1 : 2)
        if (words.get(i).equals(name)) values.add(words.get(i + 1));
      return values;
    }

    String one(String name, String fallback) {
      List<String> values = all(name);
      return values.isEmpty() ? fallback : values.get(values.size() - 1);
    }

    int number(String name, int fallback) {
      return Integer.parseInt(one(name, Integer.toString(fallback)));
    }
  }
}
