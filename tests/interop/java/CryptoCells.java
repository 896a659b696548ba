// SPDX-License-Identifier: Apache-2.0
import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.apache.pulsar.PulsarVersion;
import org.apache.pulsar.client.api.CryptoKeyReader;
import org.apache.pulsar.client.api.EncryptionKeyInfo;
import org.apache.pulsar.client.impl.crypto.MessageCryptoBc;
import org.apache.pulsar.common.api.proto.MessageMetadata;

/** The Java client's side of crypto_cells.py: one JSON object a line in, one a line out, as crypto_cells.py says. */
public final class CryptoCells {
  private static final Gson GSON = new Gson();

  /** The keys of one request. Remembers the key metadata that came with the messages. */
  private static final class CellKeys implements CryptoKeyReader {
    private static final long serialVersionUID = 1;
    private final transient JsonObject keys;
    final transient Map<String, Map<String, String>> metadataSeen = new LinkedHashMap<>();

    CellKeys(JsonObject keys) {
      this.keys = keys;
    }

    @Override
    public EncryptionKeyInfo getPublicKey(String name, Map<String, String> metadata) {
      Map<String, String> sent = new LinkedHashMap<>();
      keys.getAsJsonObject(name).getAsJsonObject("metadata").asMap().forEach((key, value) -> sent.put(key, value.getAsString()));
      return new EncryptionKeyInfo(read(name), sent);
    }

    @Override
    public EncryptionKeyInfo getPrivateKey(String name, Map<String, String> metadata) {
      if (!keys.has(name)) {
        return null;
      }
      metadataSeen.put(name, metadata);
      return new EncryptionKeyInfo(read(name), metadata);
    }

    private byte[] read(String name) {
      try {
        return Files.readAllBytes(Path.of(keys.getAsJsonObject(name).get("file").getAsString()));
      } catch (java.io.IOException error) {
        throw new UncheckedIOException(error);
      }
    }
  }

  private static JsonObject encrypt(JsonObject request) throws Exception {
    Set<String> to = new LinkedHashSet<>();
    request.getAsJsonArray("to").forEach(name -> to.add(name.getAsString()));
    CellKeys keys = new CellKeys(request.getAsJsonObject("keys"));
    MessageCryptoBc crypto = new MessageCryptoBc("cells", true);
    crypto.addPublicKeyCipher(to, keys);
    int sequenceId = 0;
    for (JsonElement element : request.getAsJsonArray("messages")) {
      if (sequenceId == request.get("rotate_before").getAsInt()) {
        crypto.addPublicKeyCipher(to, keys); // as the producer does every four hours
      }
      JsonObject message = element.getAsJsonObject();
      byte[] plaintext = Files.readAllBytes(Path.of(message.get("in").getAsString()));
      MessageMetadata metadata = new MessageMetadata().setProducerName("cells").setSequenceId(sequenceId++)
          .setPublishTime(1700000000000L).setUncompressedSize(plaintext.length);
      ByteBuffer out = ByteBuffer.allocate(crypto.getMaxOutputSize(plaintext.length));
      crypto.encrypt(to, keys, () -> metadata, ByteBuffer.wrap(plaintext), out);
      write(message.get("out").getAsString(), out);
      Files.write(Path.of(message.get("out").getAsString() + ".metadata"), metadata.toByteArray());
    }
    return new JsonObject();
  }

  private static JsonObject decrypt(JsonObject request) throws Exception {
    CellKeys keys = new CellKeys(request.getAsJsonObject("keys"));
    MessageCryptoBc crypto = new MessageCryptoBc("cells", false);
    JsonArray errors = new JsonArray();
    for (JsonElement element : request.getAsJsonArray("messages")) {
      JsonObject message = element.getAsJsonObject();
      MessageMetadata metadata = new MessageMetadata();
      metadata.parseFrom(Files.readAllBytes(Path.of(message.get("in").getAsString() + ".metadata")));
      byte[] payload = Files.readAllBytes(Path.of(message.get("in").getAsString()));
      ByteBuffer out = ByteBuffer.allocate(crypto.getMaxOutputSize(payload.length));
      String error = decryptOne(crypto, keys, metadata, payload, out);
      if (error.isEmpty()) {
        write(message.get("out").getAsString(), out);
      }
      errors.add(error);
    }
    JsonObject answer = new JsonObject();
    answer.add("errors", errors);
    answer.add("key_metadata", GSON.toJsonTree(keys.metadataSeen));
    return answer;
  }

  /** The client says only in its log why it can't decrypt. */
  private static String decryptOne(MessageCryptoBc crypto, CellKeys keys, MessageMetadata metadata, byte[] payload,
      ByteBuffer out) {
    ByteArrayOutputStream log = new ByteArrayOutputStream();
    PrintStream standardError = System.err;
    System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
    try {
      return crypto.decrypt(() -> metadata, ByteBuffer.wrap(payload), out, keys)
          ? "" : "decrypt returned false: " + log.toString(StandardCharsets.UTF_8);
    } finally {
      System.setErr(standardError);
    }
  }

  private static void write(String path, ByteBuffer bytes) throws Exception {
    byte[] copy = new byte[bytes.remaining()];
    bytes.get(copy);
    Files.write(Path.of(path), copy);
  }

  private static JsonObject answer(JsonObject request) throws Exception {
    switch (request.get("op").getAsString()) {
      case "encrypt":
        return encrypt(request);
      case "decrypt":
        return decrypt(request);
      default:
        JsonObject version = new JsonObject();
        version.addProperty("version", "pulsar-client (Java) " + PulsarVersion.getVersion());
        return version;
    }
  }

  public static void main(String[] arguments) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line; (line = in.readLine()) != null;) {
      JsonObject answer;
      try {
        answer = answer(JsonParser.parseString(line).getAsJsonObject());
      } catch (Exception error) {
        answer = new JsonObject();
        answer.addProperty("error", error.toString());
      }
      out.println(answer);
    }
  }

  private CryptoCells() {}
}
