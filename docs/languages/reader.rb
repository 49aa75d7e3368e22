# ruby reader.rb IMAGES LABELS SEED EPOCH
require "digest"
require "zlib"

# Return the sizes of a uint8 IDX file, raw or .gz, and its bytes, row-major.
def read_idx(path)
  bytes = File.binread(path)
  bytes = Zlib.gunzip(bytes) if bytes.start_with?("\x1f\x8b".b)
  raise "#{path}: no IDX file of bytes" unless bytes.start_with?("\0\0\x08".b) && bytes.size > 3
  shape = bytes[4, 4 * bytes.getbyte(3)].unpack("N*")
  data = bytes[4 + 4 * bytes.getbyte(3)..] || ""
  raise "#{path}: of another length" unless data.size == shape.inject(:*)
  [shape, data]
end

def fmix32(x)
  x = ((x ^ x >> 16) * 0x85ebca6b) % 2**32
  x = ((x ^ x >> 13) * 0xc2b2ae35) % 2**32
  x ^ x >> 16
end

# Return the example at a position of an epoch's order of n examples.
def index_shuffle(index, n, seed, epoch)
  return 0 if n == 1
  w = [((n - 1).bit_length + 1) / 2, 8].max
  rol = ->(x, by) { (x << by % w | x >> w - by % w) % 2**w }
  f = ->(x) { (rol[x, 1] & rol[x, 8]) ^ rol[x, 2] }
  r = []
  8.times do |j|
    r << if j < 3
      fmix32(epoch ^ fmix32(seed >> 32 ^ fmix32((seed + (j + 1) * 0x9e3779b9) % 2**32))) % 2**w
    else
      z = 0x7369f885192c0ef5 >> j - 3 & 1
      0xfffffffc % 2**w ^ z ^ r[j - 3] ^ rol[r[j - 1], w - 3] ^ rol[r[j - 1], w - 4]
    end
  end
  loop do
    left, right = index.divmod(2**w)
    [0, 2, 4, 6].each do |i|
      left ^= f[right] ^ r[i]
      right ^= f[left] ^ r[i + 1]
    end
    index = left << w | right
    return index if index < n
  end
end

shape, pixels = read_idx(ARGV[0])
(count,), labels = read_idx(ARGV[1])
raise "another number of labels than of images" unless shape[0] == count
seed, epoch = ARGV[2].to_i, ARGV[3].to_i
first = (0...[count, 10].min).map { |position| index_shuffle(position, count, seed, epoch) }
puts "count #{count}", "labels #{labels.bytes.sum}"
puts "sha256 #{Digest::SHA256.hexdigest(pixels)}", "order #{first.join(" ")}"
