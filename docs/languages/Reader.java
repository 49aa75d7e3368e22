// java Reader.java IMAGES LABELS SEED EPOCH
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.zip.GZIPInputStream;

public class Reader {
    /** The header's sizes, the first being the number of examples, and the bytes, row-major. */
    record Idx(int[] shape, byte[] data) {}

    /** Read a uint8 IDX file, raw or .gz. */
    static Idx read(Path path) throws IOException {
        byte[] bytes = Files.readAllBytes(path);
        if (bytes.length > 1 && bytes[0] == 0x1f && bytes[1] == (byte) 0x8b)
            bytes = new GZIPInputStream(new ByteArrayInputStream(bytes)).readAllBytes();
        if (bytes.length < 4 || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8)
            throw new IOException(path + ": no IDX file of bytes");
        ByteBuffer rest = ByteBuffer.wrap(bytes).position(4);
        int[] shape = new int[bytes[3]];
        long count = 1;
        for (int axis = 0; axis < shape.length; axis++)
            count = Math.multiplyExact(count, Integer.toUnsignedLong(shape[axis] = rest.getInt()));
        if (rest.remaining() != count) throw new IOException(path + ": of another length");
        byte[] data = new byte[rest.remaining()];
        rest.get(data);
        return new Idx(shape, data);
    }

    static int fmix32(int x) {
        x = (x ^ x >>> 16) * 0x85ebca6b;
        x = (x ^ x >>> 13) * 0xc2b2ae35;
        return x ^ x >>> 16;
    }

    static int rol(int x, int by, int w) {
        by %= w;
        return (x << by | x >>> (w - by)) & ((1 << w) - 1);
    }

    static int f(int x, int w) {
        return (rol(x, 1, w) & rol(x, 8, w)) ^ rol(x, 2, w);
    }

    /** Return the example at a position of an epoch's order; the seed's 64 bits are a long's. */
    static long indexShuffle(long index, long n, long seed, int epoch) {
        if (n == 1) return 0;
        int bits = 16;
        while ((n - 1) >>> bits != 0) bits += 2;
        int w = bits / 2, mask = (1 << w) - 1;
        int[] r = new int[8];
        for (int j = 0; j < 8; j++) {
            if (j < 3) {
                int low = fmix32((int) seed + (j + 1) * 0x9e3779b9);
                r[j] = fmix32(epoch ^ fmix32((int) (seed >>> 32) ^ low)) & mask;
            } else {
                int z = (int) (0x7369f885192c0ef5L >>> (j - 3) & 1);
                int rotated = rol(r[j - 1], w - 3, w) ^ rol(r[j - 1], w - 4, w);
                r[j] = (0xfffffffc ^ z ^ r[j - 3] ^ rotated) & mask;
            }
        }
        do {
            int left = (int) (index >>> w), right = (int) index & mask;
            for (int i = 0; i < 8; i += 2) {
                left ^= f(right, w) ^ r[i];
                right ^= f(left, w) ^ r[i + 1];
            }
            index = (long) left << w | right;
        } while (index >= n);
        return index;
    }

    public static void main(String[] args) throws Exception {
        Idx images = read(Path.of(args[0])), labels = read(Path.of(args[1]));
        int count = labels.shape[0];
        if (images.shape[0] != count) throw new IOException("another number of labels");
        long sum = 0;
        for (byte label : labels.data) sum += label & 0xff;
        byte[] sha256 = MessageDigest.getInstance("SHA-256").digest(images.data);
        System.out.println("count " + count + "\nlabels " + sum);
        System.out.println("sha256 " + HexFormat.of().formatHex(sha256));
        System.out.print("order");
        long seed = Long.parseUnsignedLong(args[2]);
        int epoch = Integer.parseUnsignedInt(args[3]);
        for (int i = 0; i < Math.min(count, 10); i++)
            System.out.print(" " + indexShuffle(i, count, seed, epoch));
        System.out.println();
    }
}
