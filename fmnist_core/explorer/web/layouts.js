/* Where each example lies: maps that the file brings, and a wall, sorted by class. */

const SPACING = 1.05; // of pictures, in their own sizes
const FIRST_ZOOM = 6, LAST_ZOOM = 19, STEP = 0.5;

/* Size of a picture on the screen, which grows a little as one comes nearer. */
const pictureSize = (zoom) => Math.min(64, 28 * 2 ** (Math.max(0, zoom - 9.5) * 0.3));

/* A mixed order of all examples that is the same each time, so that no class hides another. */
function mixedOrder() {
  const keys = new Float64Array(count);
  for (let id = 0; id < count; id++) keys[id] = (Math.imul(id + 1, 0x9e3779b1) >>> 0) * 2 ** 21 + id;
  return Uint32Array.from(keys.sort(), (key) => key % 2 ** 21);
}

function boundsOf(xy, ids) {
  const bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (const id of ids) {
    const x = xy[2 * id], y = xy[2 * id + 1];
    if (x < bounds[0]) bounds[0] = x;
    if (y < bounds[1]) bounds[1] = y;
    if (x > bounds[2]) bounds[2] = x;
    if (y > bounds[3]) bounds[3] = y;
  }
  return ids.length ? bounds : [-1, -1, 1, 1];
}

/* A wall of examples, a band for each class; `cell` is the width of one example. */
function wallOf(ids, aspect) {
  const members = about.classes.map(() => []);
  for (const id of Uint32Array.from(ids).sort()) members[labels[id]].push(id);
  const columns = Math.max(1, Math.ceil(Math.sqrt(ids.length * aspect * (about.height / about.width))));
  const cell = 2 / columns, tall = cell * (about.height / about.width), gap = Math.max(tall, 0.012);
  const xy = new Float32Array(2 * count), bands = [];
  let top = 0;
  members.forEach((own, label) => {
    if (!own.length) return;
    own.forEach((id, place) => {
      xy[2 * id] = -1 + cell * (place % columns + 0.5);
      xy[2 * id + 1] = top - tall * (Math.floor(place / columns) + 0.5);
    });
    const bottom = top - tall * Math.ceil(own.length / columns);
    bands.push({ label, top, bottom });
    top = bottom - gap;
  });
  return { xy, cell, bands, bounds: [-1, Math.min(top + gap, -tall), 1, 0] };
}

/* At which zoom each example becomes a picture, so that no two pictures overlap: as names on a
   map, an example that has appeared stays when one comes nearer. Returns ids and zooms, the first
   to appear first. */
function appearances(order, xy) {
  const ids = new Uint32Array(order.length), zooms = new Float32Array(order.length);
  const cellX = new Int32Array(order.length), cellY = new Int32Array(order.length);
  const table = new Int32Array(2 ** Math.ceil(Math.log2(2 * order.length + 2)));
  let taken = 0, waiting = Uint32Array.from(order), left = waiting.length;

  const slotOf = (x, y) => (Math.imul(x, 73856093) ^ Math.imul(y, 19349663)) & (table.length - 1);
  const find = (x, y) => {
    let slot = slotOf(x, y);
    while (table[slot] >= 0 && (cellX[table[slot]] !== x || cellY[table[slot]] !== y)) {
      slot = (slot + 1) & (table.length - 1);
    }
    return slot;
  };

  for (let zoom = FIRST_ZOOM; left && zoom < LAST_ZOOM; zoom += STEP) {
    const first = taken, reach = (SPACING * pictureSize(zoom)) / 2 ** zoom;
    table.fill(-1);
    const put = (k, id) => {
      cellX[k] = Math.floor(xy[2 * id] / reach);
      cellY[k] = Math.floor(xy[2 * id + 1] / reach);
      table[find(cellX[k], cellY[k])] = k;
    };
    for (let k = 0; k < taken; k++) put(k, ids[k]);
    const isFree = (id) => {
      const x = xy[2 * id], y = xy[2 * id + 1];
      const column = Math.floor(x / reach), row = Math.floor(y / reach);
      if (table[find(column, row)] >= 0) return false;
      for (let cx = column - 1; cx <= column + 1; cx++) {
        for (let cy = row - 1; cy <= row + 1; cy++) {
          const other = ids[table[find(cx, cy)]];
          if (other !== undefined && Math.abs(xy[2 * other] - x) < reach && Math.abs(xy[2 * other + 1] - y) < reach) return false;
        }
      }
      return true;
    };
    let kept = 0;
    for (let k = 0; k < left; k++) {
      const id = waiting[k];
      if (isFree(id)) {
        ids[taken] = id;
        put(taken++, id);
      } else waiting[kept++] = id;
    }
    left = kept;
    // One after another until the next zoom, as all at once would be too sudden.
    for (let k = first; k < taken; k++) zooms[k] = zoom + (STEP * (k - first)) / (taken - first);
  }
  ids.set(waiting.subarray(0, left), taken);
  zooms.fill(LAST_ZOOM, taken);
  return { ids, zooms };
}

/* How many of ascending zooms are at most `zoom`. */
function countUntil(zooms, zoom) {
  let low = 0, high = zooms.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (zooms[middle] <= zoom) low = middle + 1;
    else high = middle;
  }
  return low;
}
