// mcs Reader.cs && mono Reader.exe IMAGES LABELS SEED EPOCH   (or dotnet)
using System;
using System.IO;
using System.IO.Compression;
using System.Linq;
using System.Security.Cryptography;

static class Reader
{
    /// <summary>Return the bytes of a uint8 IDX file, raw or .gz, and its sizes.</summary>
    static byte[] ReadIdx(string path, out int[] shape)
    {
        byte[] bytes = File.ReadAllBytes(path);
        if (bytes.Length > 1 && bytes[0] == 0x1f && bytes[1] == 0x8b)
        {
            var unpacked = new MemoryStream();
            using (var gzip = new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress))
                gzip.CopyTo(unpacked);
            bytes = unpacked.ToArray();
        }
        if (bytes.Length < 4 || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != 8)
            throw new InvalidDataException(path + ": no IDX file of bytes");
        int head = 4 + 4 * bytes[3];
        shape = Enumerable.Range(0, bytes[3]).Select(axis => 4 + 4 * axis).Select(i =>
            bytes[i] << 24 | bytes[i + 1] << 16 | bytes[i + 2] << 8 | bytes[i + 3]).ToArray();
        if (shape.Aggregate(1L, (a, b) => checked(a * (uint)b)) != bytes.Length - head)
            throw new InvalidDataException(path + ": of another length");
        return bytes.Skip(head).ToArray();
    }

    static uint Fmix32(uint x)
    {
        x = unchecked((x ^ x >> 16) * 0x85ebca6b);
        x = unchecked((x ^ x >> 13) * 0xc2b2ae35);
        return x ^ x >> 16;
    }

    static uint Rol(uint x, int by, int w)
    {
        by %= w;
        return (x << by | x >> (w - by)) & ((1u << w) - 1);
    }

    static uint F(uint x, int w)
    {
        return (Rol(x, 1, w) & Rol(x, 8, w)) ^ Rol(x, 2, w);
    }

    /// <summary>Return the example at a position of an epoch's order of n examples.</summary>
    static ulong IndexShuffle(ulong index, ulong n, ulong seed, uint epoch)
    {
        if (n == 1) return 0;
        int w = 8;
        while ((n - 1) >> 2 * w != 0) w++;
        uint mask = (1u << w) - 1;
        var r = new uint[8];
        for (int j = 0; j < 8; j++)
        {
            if (j < 3)
            {
                uint low = Fmix32(unchecked((uint)seed + (uint)(j + 1) * 0x9e3779b9));
                r[j] = Fmix32(epoch ^ Fmix32((uint)(seed >> 32) ^ low)) & mask;
            }
            else
            {
                uint z = (uint)(0x7369f885192c0ef5 >> (j - 3) & 1);
                uint rotated = Rol(r[j - 1], w - 3, w) ^ Rol(r[j - 1], w - 4, w);
                r[j] = (0xfffffffc ^ z ^ r[j - 3] ^ rotated) & mask;
            }
        }
        do
        {
            uint left = (uint)(index >> w), right = (uint)index & mask;
            for (int i = 0; i < 8; i += 2)
            {
                left ^= F(right, w) ^ r[i];
                right ^= F(left, w) ^ r[i + 1];
            }
            index = (ulong)left << w | right;
        } while (index >= n);
        return index;
    }

    static void Main(string[] args)
    {
        int[] shape, counts;
        byte[] pixels = ReadIdx(args[0], out shape), labels = ReadIdx(args[1], out counts);
        int count = counts[0];
        if (shape[0] != count) throw new InvalidDataException("another number of labels");
        string hex = BitConverter.ToString(SHA256.Create().ComputeHash(pixels));
        Console.WriteLine("count " + count + "\nlabels " + labels.Sum(label => (long)label));
        Console.WriteLine("sha256 " + hex.Replace("-", "").ToLowerInvariant());
        ulong seed = ulong.Parse(args[2]);
        uint epoch = uint.Parse(args[3]);
        var first = Enumerable.Range(0, Math.Min(count, 10)).Select(i =>
            IndexShuffle((ulong)i, (ulong)count, seed, epoch));
        Console.WriteLine("order " + string.Join(" ", first));
    }
}
