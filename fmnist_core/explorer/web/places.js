/* Finds examples by where they lie, in a grid of cells. */

const CELLS = 256;

function makePlaces(ids, xy, bounds) {
  const [left, bottom, right, top] = bounds;
  const wide = Math.max(right - left, 1e-9) / CELLS, high = Math.max(top - bottom, 1e-9) / CELLS;
  const bound = (value) => Math.min(CELLS - 1, Math.max(0, Math.floor(value)));
  const cellOf = (id) => bound((xy[2 * id + 1] - bottom) / high) * CELLS + bound((xy[2 * id] - left) / wide);
  const starts = new Uint32Array(CELLS * CELLS + 1), members = new Uint32Array(ids.length);
  for (const id of ids) starts[cellOf(id) + 1]++;
  for (let k = 0; k < CELLS * CELLS; k++) starts[k + 1] += starts[k];
  const next = starts.slice();
  for (const id of ids) members[next[cellOf(id)]++] = id;

  /* The nearest example within reach for which `distance` is not Infinity, or -1. */
  return function nearest(x, y, reach, distance) {
    let best = -1, least = Infinity;
    for (let row = bound((y - reach - bottom) / high); row <= bound((y + reach - bottom) / high); row++) {
      const first = row * CELLS + bound((x - reach - left) / wide);
      const last = row * CELLS + bound((x + reach - left) / wide);
      for (let k = starts[first]; k < starts[last + 1]; k++) {
        const id = members[k], found = distance(id, xy[2 * id] - x, xy[2 * id + 1] - y);
        if (found < least) [best, least] = [id, found];
      }
    }
    return best;
  };
}

/* Whether points are inside a closed line of [x, y], by the rule of even and odd crossings. */
function insideOf(line) {
  return (x, y) => {
    let inside = false;
    for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
      const [xi, yi] = line[i], [xj, yj] = line[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
    return inside;
  };
}
