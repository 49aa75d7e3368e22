// scala Reader.scala IMAGES LABELS SEED EPOCH
import java.io.{ByteArrayInputStream, IOException}
import java.nio.ByteBuffer
import java.nio.file.{Files, Paths}
import java.security.MessageDigest
import java.util.zip.GZIPInputStream

object Reader {
  /** The sizes of a uint8 IDX file, raw or .gz, and its bytes, row-major. */
  def readIdx(path: String): (Seq[Int], Array[Byte]) = {
    var bytes = Files.readAllBytes(Paths.get(path))
    if (bytes.length > 1 && bytes(0) == 0x1f && bytes(1) == 0x8b.toByte)
      bytes = new GZIPInputStream(new ByteArrayInputStream(bytes)).readAllBytes()
    if (bytes.length < 4 || !bytes.startsWith(Array[Byte](0, 0, 8)))
      throw new IOException(s"$path: no IDX file of bytes")
    val rest = ByteBuffer.wrap(bytes, 4, bytes.length - 4)
    val shape = Seq.fill(bytes(3).toInt)(rest.getInt())
    if (shape.map(BigInt(_)).product != rest.remaining)
      throw new IOException(s"$path: of another length")
    val data = new Array[Byte](rest.remaining)
    rest.get(data)
    (shape, data)
  }

  def fmix32(value: Int): Int = {
    var x = (value ^ value >>> 16) * 0x85ebca6b
    x = (x ^ x >>> 13) * 0xc2b2ae35
    x ^ x >>> 16
  }

  /** The example at a position of an epoch's order; the seed's 64 bits are a Long's. */
  def indexShuffle(position: Long, n: Long, seed: Long, epoch: Int): Long = {
    var w = 8
    while (n > 1 && (n - 1) >>> 2 * w != 0) w += 1
    val mask = (1 << w) - 1
    def rol(x: Int, by: Int) = (x << by % w | x >>> (w - by % w)) & mask
    def f(x: Int) = (rol(x, 1) & rol(x, 8)) ^ rol(x, 2)
    val r = new Array[Int](8)
    for (j <- 0 until 8)
      r(j) = mask & (if (j < 3) {
        val low = fmix32(seed.toInt + (j + 1) * 0x9e3779b9)
        fmix32(epoch ^ fmix32((seed >>> 32).toInt ^ low))
      } else {
        val z = (0x7369f885192c0ef5L >>> (j - 3) & 1).toInt
        0xfffffffc ^ z ^ r(j - 3) ^ rol(r(j - 1), w - 3) ^ rol(r(j - 1), w - 4)
      })
    var index = position
    do {
      var left = (index >>> w).toInt
      var right = index.toInt & mask
      for (i <- 0 until 8 by 2) {
        left ^= f(right) ^ r(i)
        right ^= f(left) ^ r(i + 1)
      }
      index = left.toLong << w | right
    } while (index >= n && n > 1)
    if (n == 1) 0 else index
  }

  def main(args: Array[String]): Unit = {
    val (shape, pixels) = readIdx(args(0))
    val (Seq(count), labels) = readIdx(args(1))
    if (shape.head != count) throw new IOException("another number of labels than of images")
    val sha256 = MessageDigest.getInstance("SHA-256").digest(pixels).map(b => f"$b%02x").mkString
    val (seed, epoch) = (java.lang.Long.parseUnsignedLong(args(2)), args(3).toLong.toInt)
    val first = (0 until math.min(count, 10)).map(indexShuffle(_, count, seed, epoch))
    println(s"count $count\nlabels ${labels.map(_ & 0xff).sum}")
    println(s"sha256 $sha256\norder ${first.mkString(" ")}")
  }
}
