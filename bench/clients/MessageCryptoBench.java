// SPDX-License-Identifier: Apache-2.0
package pulseal;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.pulsar.client.api.CryptoKeyReader;
import org.apache.pulsar.client.api.EncryptionKeyInfo;
import org.apache.pulsar.client.impl.crypto.MessageCryptoBc;
import org.apache.pulsar.common.api.proto.MessageMetadata;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * The Java client's encryption called directly, for clients.py: one RSA-2048 recipient, the data key known, buffers reused.
 * Metadata is neither serialised nor parsed. The property pulseal.keys is a folder with bench.public.pem and bench.private.pem.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class MessageCryptoBench {
  private static final Set<String> NAMES = Set.of("bench");

  // Short messages, so that the cipher is compiled soon: with long ones alone it would take a minute.
  private static final int WARM_UP_SIZE = 256;
  private static final int WARM_UP_MESSAGES = 50_000;

  @Param({"256", "1024", "65536"})
  int size;

  private final CryptoKeyReader keys = new KeyFiles();
  private final MessageMetadata received = new MessageMetadata();
  private MessageCryptoBc producer;
  private MessageCryptoBc consumer;
  private ByteBuffer plaintext;
  private ByteBuffer sealed;
  private ByteBuffer out;

  private static final class KeyFiles implements CryptoKeyReader {
    private static final long serialVersionUID = 1;

    @Override
    public EncryptionKeyInfo getPublicKey(String name, Map<String, String> metadata) {
      return read(name + ".public.pem");
    }

    @Override
    public EncryptionKeyInfo getPrivateKey(String name, Map<String, String> metadata) {
      return read(name + ".private.pem");
    }

    private static EncryptionKeyInfo read(String file) {
      try {
        return new EncryptionKeyInfo(Files.readAllBytes(Path.of(System.getProperty("pulseal.keys"), file)), Map.of());
      } catch (IOException error) {
        throw new IllegalStateException(error);
      }
    }
  }

  @Setup
  public void makeMessage() throws Exception {
    producer = new MessageCryptoBc("bench", true);
    producer.addPublicKeyCipher(NAMES, keys);
    consumer = new MessageCryptoBc("bench", false);
    prepare(WARM_UP_SIZE);
    for (int i = 0; i < WARM_UP_MESSAGES; i++) {
      encrypt();
      decrypt();
    }
    prepare(size);
  }

  private void prepare(int messageSize) throws Exception {
    received.clear();
    plaintext = ByteBuffer.allocate(messageSize);
    out = ByteBuffer.allocate(producer.getMaxOutputSize(messageSize));
    sealed = ByteBuffer.allocate(producer.getMaxOutputSize(messageSize));
    producer.encrypt(NAMES, keys, () -> received, plaintext.duplicate(), sealed);
    if (!decrypt()) {
      throw new IllegalStateException("the message does not decrypt");
    }
  }

  @Benchmark
  public MessageMetadata encrypt() throws Exception {
    MessageMetadata metadata = new MessageMetadata();
    out.clear();
    producer.encrypt(NAMES, keys, () -> metadata, plaintext.duplicate(), out);
    return metadata;
  }

  @Benchmark
  public boolean decrypt() {
    out.clear();
    return consumer.decrypt(() -> received, sealed.duplicate(), out, keys);
  }
}
