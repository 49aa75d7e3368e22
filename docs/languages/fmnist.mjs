// For node (18 or later) and the browser: nothing is imported.

/** Return {shape, data} of a Response or Blob with a uint8 IDX file, raw or .gz. */
export async function readIdx(file) {
  let bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    bytes = new Uint8Array(await new Response(unpacked).arrayBuffer());
  }
  const view = new DataView(bytes.buffer);
  if (bytes.length < 4 || view.getUint16(0) !== 0 || bytes[2] !== 8) {
    throw new Error("no IDX file of bytes");
  }
  const shape = Array.from({ length: bytes[3] }, (_, axis) => view.getUint32(4 + 4 * axis));
  const data = bytes.subarray(4 + 4 * shape.length); // row-major
  if (data.length !== shape.reduce((a, b) => a * b, 1)) throw new Error("of another length");
  return { shape, data };
}

function fmix32(x) {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Return a function from a position to its example, for n up to 2^53; seed is a BigInt. */
export function order(n, seed, epoch) {
  let w = 8;
  while (n > 4 ** w) w++;
  const mask = 2 ** w - 1;
  const rol = (x, by) => ((x << by % w) | (x >>> (w - (by % w)))) & mask;
  const f = (x) => (rol(x, 1) & rol(x, 8)) ^ rol(x, 2);
  const [high, low] = [Number(seed >> 32n), Number(seed & 0xffffffffn)];
  const r = [];
  for (let j = 0; j < 8; j++) {
    if (j < 3) {
      r[j] = fmix32(epoch ^ fmix32(high ^ fmix32((low + (j + 1) * 0x9e3779b9) | 0))) & mask;
    } else {
      const z = Number((0x7369f885192c0ef5n >> BigInt(j - 3)) & 1n);
      const [one, three] = [r[j - 1], r[j - 3]];
      r[j] = (0xfffffffc ^ z ^ three ^ rol(one, w - 3) ^ rol(one, w - 4)) & mask;
    }
  }
  return (index) => {
    do {
      let [left, right] = [Math.floor(index / 2 ** w), index % 2 ** w];
      for (let i = 0; i < 8; i += 2) {
        left ^= f(right) ^ r[i];
        right ^= f(left) ^ r[i + 1];
      }
      index = left * 2 ** w + right;
    } while (index >= n);
    return index;
  };
}

/** Return what the tests compare, as text. */
export async function summary(imagesFile, labelsFile, seed, epoch) {
  const [images, labels] = [await readIdx(imagesFile), await readIdx(labelsFile)];
  const count = labels.shape[0];
  if (images.shape[0] !== count) throw new Error("another number of labels than of images");
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", images.data));
  const hex = Array.from(sha256, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const first = Array.from({ length: Math.min(count, 10) }, (_, position) => position);
  const sum = labels.data.reduce((a, b) => a + b, 0);
  const indices = first.map(order(count, seed, epoch));
  return `count ${count}\nlabels ${sum}\nsha256 ${hex}\norder ${indices.join(" ")}`;
}
