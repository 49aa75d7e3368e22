"""A second implementation of the written order, from docs/order.md, in plain Python integers."""


def plain_shuffle(index: int, n: int, seed: int, epoch: int) -> int:
    """Return what `index_shuffle` must return."""

    def fmix32(x: int) -> int:
        x = (x ^ x >> 16) * 0x85EBCA6B % 2**32
        x = (x ^ x >> 13) * 0xC2B2AE35 % 2**32
        return x ^ x >> 16

    def rol(x: int, by: int) -> int:
        by %= w
        return (x << by | x >> (w - by)) % 2**w

    def f(x: int) -> int:
        return rol(x, 1) & rol(x, 8) ^ rol(x, 2)

    if n == 1:
        return 0
    b = max(16, (n - 1).bit_length() + (n - 1).bit_length() % 2)
    w = b // 2
    r = []
    for j in range(8):
        if j < 3:
            low = fmix32((seed % 2**32 + (j + 1) * 0x9E3779B9) % 2**32)
            r.append(fmix32(epoch ^ fmix32(seed >> 32 ^ low)) % 2**w)
        else:
            z = 0x7369F885192C0EF5 >> (j - 3) & 1
            r.append(0xFFFFFFFC % 2**w ^ z ^ r[j - 3] ^ rol(r[j - 1], w - 3) ^ rol(r[j - 1], w - 4))
    while True:
        left, right = index >> w, index % 2**w
        for i in (0, 2, 4, 6):
            left ^= f(right) ^ r[i]
            right ^= f(left) ^ r[i + 1]
        index = left << w | right
        if index < n:
            return index
