/* Nearest neighbours, exact, over the pixels; in short turns, so that the page stays lively. */

const NEIGHBOURS = 12, TURN = 8; // milliseconds

/* Sum of squared differences of two images, or more than `limit` as soon as that is certain. */
function squaredDistance(one, other, limit = Infinity) {
  let sum = 0, a = one * area, b = other * area;
  for (const end = a + area; a < end; ) {
    const row = Math.min(end, a + 56);
    for (; a < row; a++, b++) {
      const difference = pixels[a] - pixels[b];
      sum += difference * difference;
    }
    if (sum > limit) return sum;
  }
  return sum;
}

const greyLevels = (squares) => Math.sqrt(squares / area);

let search = 0;

/* The nearest others, nearest first: {id, distance}, or null if another search has begun. */
async function neighboursOf(id) {
  const mine = ++search;
  const best = [];
  let limit = Infinity, pause = performance.now() + TURN;
  for (let other = 0; other < count; other++) {
    if (other === id) continue;
    const squares = squaredDistance(id, other, limit);
    if (squares < limit) {
      const at = best.findIndex((found) => squares < found.squares);
      best.splice(at < 0 ? best.length : at, 0, { id: other, squares });
      best.length = Math.min(best.length, NEIGHBOURS);
      if (best.length === NEIGHBOURS) limit = best[NEIGHBOURS - 1].squares;
    }
    if ((other & 255) === 0 && performance.now() > pause) {
      await new Promise((resume) => setTimeout(resume));
      if (mine !== search) return null;
      pause = performance.now() + TURN;
    }
  }
  return best.map((found) => ({ id: found.id, distance: greyLevels(found.squares) }));
}
