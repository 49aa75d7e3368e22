/* The map: what is drawn where, at what size, and what lies under the pointer. */

const WALL_PICTURE = 6; // pixels of a cell from which the wall shows pictures
const SPARE = [0.75, -0.35]; // octaves by which pictures are held back: at home, and four octaves nearer

function makeMap(canvas, renderer, coordinates, selection) {
  const names = document.getElementById("names"), overlay = document.getElementById("overlay");
  const camera = makeCamera(request);
  const mixed = mixedOrder(), everyone = Uint32Array.from({ length: count }, (_, id) => id);
  const maps = coordinates.map((xy) => ({ xy, cell: 0, bounds: boundsOf(xy, everyone) }));
  const shown = new Float32Array(2 * count); // where each example is seen, between two layouts
  const appears = new Float32Array(count); // the zoom at which it becomes a picture
  const isMatch = new Uint8Array(count);
  const records = new ArrayBuffer(RECORD * count);
  const map = { canvas, camera, density: 0, bias: 0, lasso: [], neighbours: [], focused: -1 };
  let chosenLayout = 0, layout = maps[0], order = { ids: new Uint32Array(0), zooms: new Float32Array(0) };
  let others = 0, nearest = () => -1, labelsAt = [], moving = 0, part = 1, waiting = 0;

  const ratio = () => Math.min(3, window.devicePixelRatio || 1);
  const pictureZoom = () => {
    const near = Math.min(1, Math.max(0, camera.depth() / 4));
    return camera.zoom() + map.density - SPARE[0] - near * (SPARE[1] - SPARE[0]);
  };
  const cellPixels = () => layout.cell * camera.scale;
  const isWallOfPictures = () => layout.cell > 0 && cellPixels() >= WALL_PICTURE;
  const isPicture = (id) => id < pixelsRead && (layout.cell ? isWallOfPictures() : appears[id] <= pictureZoom());
  const pictureWidth = () => (layout.cell ? Math.max(1, cellPixels() * (cellPixels() > 24 ? 0.92 : 1)) : pictureSize(camera.zoom()));
  const pointSize = (among = order.ids.length) => {
    if (layout.cell) return Math.max(1, cellPixels());
    const few = (70000 / Math.max(100, among)) ** 0.16;
    return Math.min(8, 2.3 * few + 0.7 * Math.max(0, camera.depth()));
  };

  function request() {
    if (!waiting) waiting = requestAnimationFrame(draw);
  }

  function draw() {
    waiting = 0;
    if (canvas.width === 0) return;
    const zoom = layout.cell ? LAST_ZOOM + 1 : pictureZoom();
    const pictures = layout.cell ? (isWallOfPictures() ? order.ids.length : 0) : countUntil(order.zooms, zoom);
    renderer.draw({
      camera, part, zoom, ratio: ratio(), isWall: layout.cell > 0,
      shown: order.ids.length, others: layout.cell ? 0 : others,
      pictures: pixelsRead ? pictures : 0,
      size: pictureWidth(), pointSize: pointSize(), otherSize: pointSize(count),
      opacity: layout.cell ? 1 : 0.85,
      border: layout.cell ? (cellPixels() > 24 ? 1 : 0) : 1.5,
      toned: layout.cell ? Math.min(0.75, Math.max(0, (26 - cellPixels()) / 14)) : 0,
    });
    drawOverlay();
  }

  const isPlaced = (id) => id >= 0 && (!layout.cell || isMatch[id] === 1);

  function drawOverlay() {
    const box = (id, name) => {
      if (!isPlaced(id)) return "";
      const [x, y] = map.screenOf(id), size = map.sizeOf(id) + 8;
      return `<rect class="${name}" x="${x - size / 2}" y="${y - size / 2}" width="${size}" height="${size}" rx="3"/>`;
    };
    const line = map.lasso.map(([x, y]) => camera.toScreen(x, y).map(Math.round).join(" ")).join("L");
    overlay.innerHTML = [
      ...map.neighbours.map((id) => box(id, "near")),
      box(map.focused, "focus"),
      line && `<path class="lasso" d="M${line}Z"/>`,
    ].join("");
    const visible = (layout.cell || camera.depth() < 2.5) && part === 1;
    names.classList.toggle("away", !visible);
    if (visible) placeNames();
  }

  /* The names of classes, each where there is room; those with more examples go first. */
  function placeNames() {
    const taken = [];
    for (const it of labelsAt) {
      const { element, width } = it, [left, top] = it.band ? bandName(it) : camera.toScreen(it.x, it.y);
      const box = [left - width / 2, top - 12, left + width / 2, top + 12];
      const free = Number.isFinite(top) && taken.every((other) => box[2] < other[0] || box[0] > other[2] || box[3] < other[1] || box[1] > other[3]);
      element.hidden = !free;
      if (!free) continue;
      taken.push(box);
      element.style.transform = `translate(${Math.round(box[0])}px, ${Math.round(box[1])}px)`;
    }
  }

  /* Where the name of a band goes: at its left, as much in the middle as it is seen. */
  function bandName({ band, width }) {
    const [left, top] = camera.toScreen(-1, band.top), [, bottom] = camera.toScreen(-1, band.bottom);
    const low = Math.max(top, 0), high = Math.min(bottom, camera.height);
    return [Math.max(left, 0) + 6 + width / 2, high - low > 14 ? (low + high) / 2 : NaN];
  }

  function makeNames() {
    const members = about.classes.map(() => []);
    for (const id of order.ids) members[labels[id]].push(id);
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    labelsAt = members.map((ids, label) => ({ ids, label })).filter(({ ids }) => ids.length)
      .sort((a, b) => b.ids.length - a.ids.length).slice(0, 60).map(({ ids, label }) => {
        const some = ids.slice(0, 2001);
        const mark = make("i", { className: "swatch" });
        mark.style.setProperty("--class", colours.css[label]);
        const element = make("span", {}, mark, className(label));
        const band = layout.bands?.find((one) => one.label === label);
        return { element, band, x: middle(some.map((id) => layout.xy[2 * id])), y: middle(some.map((id) => layout.xy[2 * id + 1])) };
      });
    names.replaceChildren(...labelsAt.map(({ element }) => element));
    for (const it of labelsAt) it.width = it.element.offsetWidth + 4;
  }

  /* Write a record for each example: those that match, the first to appear first, then the others. */
  function write() {
    const floats = new Float32Array(records), numbers = new Uint32Array(records), bytes = new Uint8Array(records);
    let at = 0;
    const put = (id, zoom, rgb, state) => {
      const k = (at++ * RECORD) / 4;
      floats[k] = shown[2 * id];
      floats[k + 1] = shown[2 * id + 1];
      floats[k + 2] = layout.xy[2 * id];
      floats[k + 3] = layout.xy[2 * id + 1];
      floats[k + 4] = zoom;
      numbers[k + 5] = id;
      bytes.set(rgb, 4 * k + 24);
      bytes[4 * k + 27] = state;
    };
    order.ids.forEach((id, k) => {
      const chosen = selection.has(id);
      put(id, layout.cell ? 0 : order.zooms[k], chosen ? colours.ink : colours.rgb[labels[id]], chosen ? 255 : 128);
    });
    if (!layout.cell) for (const id of mixed) if (!isMatch[id]) put(id, LAST_ZOOM + 1, colours.faint, 0);
    others = at - order.ids.length;
    renderer.load(new Uint8Array(records, 0, at * RECORD));
    request();
  }

  /* Lay out again, after another choice of layout or of matches. */
  function arrange(animated) {
    const ids = mixed.filter((id) => isMatch[id]);
    layout = maps[chosenLayout] ?? wallOf(ids, camera.width / camera.height);
    order = layout.cell ? { ids, zooms: new Float32Array(ids.length) } : appearances(ids, layout.xy);
    appears.fill(Infinity);
    order.ids.forEach((id, k) => { appears[id] = order.zooms[k]; });
    nearest = makePlaces(order.ids, layout.xy, layout.bounds);
    camera.frame(camera.width, camera.height, layout.bounds);
    makeNames();
    write();
    move(animated);
  }

  /* Let the examples glide from where they are seen to where they belong. */
  function move(animated) {
    cancelAnimationFrame(moving);
    const began = performance.now(), from = shown.slice();
    const step = (now) => {
      const t = animated && !stillScheme.matches ? Math.min(1, Math.max(0, now - began) / 600) : 1;
      part = t * t * (3 - 2 * t);
      for (let k = 0; k < shown.length; k++) shown[k] = from[k] + (layout.xy[k] - from[k]) * part;
      moving = t < 1 ? requestAnimationFrame(step) : 0;
      request();
    };
    step(began);
  }

  map.setMatches = (ids) => {
    isMatch.fill(0);
    for (const id of ids) isMatch[id] = 1;
    const wasWall = layout.cell > 0;
    arrange(wasWall);
    if (wasWall) camera.fit(false);
  };
  map.setLayout = (value) => {
    chosenLayout = value;
    arrange(true);
    camera.fit(false);
  };
  map.resize = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    const size = [Math.round(width * ratio()), Math.round(height * ratio())];
    if (canvas.width === size[0] && canvas.height === size[1] && camera.width === width) return;
    [canvas.width, canvas.height] = size;
    const first = camera.width === 1, atHome = Math.abs(camera.depth()) < 0.01;
    camera.frame(width, height, layout.bounds);
    if (first || atHome) camera.fit(false);
    request();
  };
  map.receive = (bytes) => renderer.send(bytes);
  map.isPicture = isPicture;
  map.redraw = write;
  map.request = request;
  map.screenOf = (id) => camera.toScreen(layout.xy[2 * id], layout.xy[2 * id + 1]);
  map.sizeOf = (id) => (isPicture(id) ? pictureWidth() : pointSize());
  map.colourAt = (left, top) => {
    cancelAnimationFrame(waiting);
    draw();
    return renderer.colourAt(Math.floor(left * ratio()), Math.floor(top * ratio()));
  };

  /* What lies at a place of the screen: a picture there, or else the nearest point close by. */
  map.pick = (left, top) => {
    const [x, y] = camera.toMap(left, top);
    const half = (pictureWidth() / 2 + 2) / camera.scale, close = 10 / camera.scale;
    const picture = nearest(x, y, half, (id, dx, dy) =>
      (isPicture(id) && Math.max(Math.abs(dx), Math.abs(dy)) <= half ? dx * dx + dy * dy : Infinity));
    if (picture >= 0 || layout.cell) return layout.cell && picture < 0
      ? nearest(x, y, layout.cell, (id, dx, dy) => (Math.max(Math.abs(dx), Math.abs(dy)) <= layout.cell / 2 ? 0 : Infinity))
      : picture;
    return nearest(x, y, close, (id, dx, dy) => (dx * dx + dy * dy <= close * close ? dx * dx + dy * dy : Infinity));
  };
  map.inside = (line) => {
    const inside = insideOf(line);
    return order.ids.filter((id) => inside(layout.xy[2 * id], layout.xy[2 * id + 1]));
  };

  /* Mark an example, and bring it into view if it is not. */
  map.focus = (id, seek) => {
    map.focused = id;
    map.neighbours = [];
    request();
    if (!seek || !isPlaced(id)) return;
    const [left, top] = map.screenOf(id), margin = 40;
    const isNear = left > margin && left < camera.width - margin && top > margin && top < camera.height - margin;
    const needed = layout.cell ? 32 / layout.cell : 2 ** Math.min(appears[id] + 0.5, LAST_ZOOM);
    const scale = Number.isFinite(needed) ? Math.max(camera.scale, needed) : camera.scale;
    if (!isNear || scale > camera.scale) camera.fly(layout.xy[2 * id], layout.xy[2 * id + 1], scale);
  };

  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    renderer = makeRenderer(canvas);
    renderer.send(pixelsRead * area);
    write();
  });
  return map;
}
