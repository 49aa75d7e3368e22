/* cc -O2 -o reader reader.c && ./reader IMAGES LABELS SEED EPOCH   (unpacked IDX files) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void fail(const char *what, const char *path) {
    fprintf(stderr, "%s: %s\n", path, what);
    exit(1);
}

/* Return the bytes of a uint8 IDX file, and its sizes; sizes[0] is the number of examples. */
static uint8_t *read_idx(const char *path, int rank, uint32_t sizes[]) {
    FILE *file = fopen(path, "rb");
    uint8_t head[16];
    size_t count = 1;
    if (!file) fail("cannot be opened", path);
    if (fread(head, 1, 4 + 4 * rank, file) != 4u + 4 * rank || head[0] || head[1] ||
        head[2] != 8 || head[3] != rank)
        fail("no IDX file of bytes with that many axes (unpack .gz first)", path);
    for (int i = 0; i < rank; i++) {
        const uint8_t *b = head + 4 + 4 * i;
        sizes[i] = (uint32_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
        if (sizes[i] && count > SIZE_MAX / sizes[i]) fail("too large", path);
        count *= sizes[i];
    }
    uint8_t *data = malloc(count ? count : 1);
    if (!data || fread(data, 1, count, file) != count) fail("truncated", path);
    fclose(file);
    return data;
}

static uint32_t fmix32(uint32_t x) {
    x = (x ^ x >> 16) * 0x85ebca6bu;
    x = (x ^ x >> 13) * 0xc2b2ae35u;
    return x ^ x >> 16;
}

static uint32_t rol(uint32_t x, int by, int w) {
    by %= w;
    return (x << by | x >> (w - by)) & ((1u << w) - 1);
}

static uint32_t f(uint32_t x, int w) { return (rol(x, 1, w) & rol(x, 8, w)) ^ rol(x, 2, w); }

/* Return the example at a position of an epoch's order of n examples. */
static uint64_t index_shuffle(uint64_t index, uint64_t n, uint64_t seed, uint32_t epoch) {
    int bits = 16, w;
    uint32_t r[8], mask;
    if (n == 1) return 0;
    while ((n - 1) >> bits) bits += 2;
    w = bits / 2;
    mask = (1u << w) - 1;
    for (int j = 0; j < 8; j++) {
        if (j < 3)
            r[j] = fmix32(epoch ^ fmix32((uint32_t)(seed >> 32) ^
                                         fmix32((uint32_t)seed + (j + 1) * 0x9e3779b9u)));
        else
            r[j] = 0xfffffffcu ^ (0x7369f885192c0ef5u >> (j - 3) & 1) ^ r[j - 3] ^
                   rol(r[j - 1], w - 3, w) ^ rol(r[j - 1], w - 4, w);
        r[j] &= mask;
    }
    do {
        uint32_t left = (uint32_t)(index >> w), right = (uint32_t)index & mask;
        for (int i = 0; i < 8; i += 2) {
            left ^= f(right, w) ^ r[i];
            right ^= f(left, w) ^ r[i + 1];
        }
        index = (uint64_t)left << w | right;
    } while (index >= n);
    return index;
}

int main(int argc, char **argv) {
    uint32_t size[3], count[1], a = 1, b = 0;
    uint64_t sum = 0;
    if (argc != 5) fail("expected IMAGES LABELS SEED EPOCH", argv[0]);
    uint8_t *images = read_idx(argv[1], 3, size), *labels = read_idx(argv[2], 1, count);
    if (size[0] != count[0]) fail("another number of labels than of images", argv[2]);
    for (size_t i = 0; i < count[0]; i++) sum += labels[i];
    for (size_t i = 0; i < (size_t)size[0] * size[1] * size[2]; i++) {
        a = (a + images[i]) % 65521;
        b = (b + a) % 65521;
    }
    printf("count %" PRIu32 "\nlabels %" PRIu64 "\nadler32 %08" PRIx32 "\norder", count[0], sum,
           b << 16 | a);
    for (uint32_t i = 0; i < 10 && i < count[0]; i++)
        printf(" %" PRIu64, index_shuffle(i, count[0], strtoull(argv[3], NULL, 10),
                                          (uint32_t)strtoul(argv[4], NULL, 10)));
    printf("\n");
    return 0;
}
