// c++ -std=c++17 -O2 -o reader reader.cpp && ./reader IMAGES LABELS SEED EPOCH   (unpacked IDX files)
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

struct Idx {
    std::vector<std::uint32_t> shape;  // the first is the number of examples
    std::vector<std::uint8_t> data;    // row-major
};

Idx read_idx(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.size() < 4 || bytes[0] || bytes[1] || bytes[2] != 8 || bytes.size() < 4u + 4 * bytes[3])
        throw std::runtime_error(path + ": no IDX file of bytes (unpack .gz first)");
    Idx idx;
    std::size_t head = 4 + 4 * bytes[3];
    std::uint64_t count = 1;
    for (std::size_t i = 4; i < head; i += 4) {
        idx.shape.push_back(std::uint32_t(bytes[i]) << 24 | bytes[i + 1] << 16 | bytes[i + 2] << 8 |
                            bytes[i + 3]);
        if (idx.shape.back() && count > bytes.size() / idx.shape.back())
            throw std::runtime_error(path + ": truncated");
        count *= idx.shape.back();
    }
    if (bytes.size() != head + count) throw std::runtime_error(path + ": of another length");
    idx.data.assign(bytes.begin() + head, bytes.end());
    return idx;
}

std::uint32_t fmix32(std::uint32_t x) {
    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return x ^ x >> 16;
}

// The order of n examples in one epoch; order(i) is the example at position i.
class Order {
public:
    Order(std::uint64_t n, std::uint64_t seed, std::uint32_t epoch) : n(n) {
        int bits = 16;
        while (n > 1 && (n - 1) >> bits) bits += 2;
        w = bits / 2;
        for (int j = 0; j < 8; j++) {
            if (j < 3)
                r[j] = fmix32(epoch ^ fmix32(std::uint32_t(seed >> 32) ^
                                             fmix32(std::uint32_t(seed) + (j + 1) * 0x9e3779b9u)));
            else
                r[j] = 0xfffffffcu ^ (0x7369f885192c0ef5u >> (j - 3) & 1) ^ r[j - 3] ^
                       rol(r[j - 1], w - 3) ^ rol(r[j - 1], w - 4);
            r[j] &= mask();
        }
    }

    std::uint64_t operator()(std::uint64_t index) const {
        if (n == 1) return 0;
        do {
            std::uint32_t left = std::uint32_t(index >> w), right = std::uint32_t(index) & mask();
            for (int i = 0; i < 8; i += 2) {
                left ^= f(right) ^ r[i];
                right ^= f(left) ^ r[i + 1];
            }
            index = std::uint64_t(left) << w | right;
        } while (index >= n);
        return index;
    }

private:
    std::uint64_t n;
    int w;
    std::uint32_t r[8];
    std::uint32_t mask() const { return (1u << w) - 1; }
    std::uint32_t rol(std::uint32_t x, int by) const {
        by %= w;
        return (x << by | x >> (w - by)) & mask();
    }
    std::uint32_t f(std::uint32_t x) const { return (rol(x, 1) & rol(x, 8)) ^ rol(x, 2); }
};

int main(int argc, char **argv) try {
    if (argc != 5) throw std::runtime_error("expected IMAGES LABELS SEED EPOCH");
    Idx images = read_idx(argv[1]), labels = read_idx(argv[2]);
    if (images.shape.at(0) != labels.shape.at(0))
        throw std::runtime_error("another number of labels than of images");
    std::uint64_t count = labels.shape[0], sum = 0;
    std::uint32_t a = 1, b = 0;
    for (std::uint8_t label : labels.data) sum += label;
    for (std::uint8_t pixel : images.data) {
        a = (a + pixel) % 65521;
        b = (b + a) % 65521;
    }
    std::cout << "count " << count << "\nlabels " << sum << "\nadler32 " << std::hex
              << std::setw(8) << std::setfill('0') << (b << 16 | a) << std::dec << "\norder";
    Order order(count, std::stoull(argv[3]), std::uint32_t(std::stoul(argv[4])));
    for (std::uint64_t i = 0; i < 10 && i < count; i++) std::cout << ' ' << order(i);
    std::cout << '\n';
} catch (const std::exception &error) {
    std::cerr << error.what() << '\n';
    return 1;
}
