/* Puts the page together: first the points, then, as they are unpacked, the pictures. */

const HELP = [
  ["Drag", "move the map"],
  ["Wheel, pinch, double click", "zoom"],
  ["Point, click", "see an example, keep it at the side"],
  ["Shift and drag, or Lasso", "draw around examples to add them to the selection"],
  ["Arrow keys, + and −, 0", "move, zoom, show the whole map"],
  [". and ,", "next and previous matching example"],
  ["Enter", "go to the example that is kept, or keep the one in the middle"],
  ["s", "add it to the selection, or take it away"],
  ["Escape", "forget it"],
];

const progress = document.getElementById("progress");

function say(text) {
  progress.textContent = text;
  progress.hidden = !text;
}

function explainStill(text) {
  document.getElementById("still").hidden = false;
  document.getElementById("why").textContent = text;
}

async function readArrays() {
  const bytes = (array) => new Uint8Array(array.buffer, 0, array.byteLength);
  await readPart("labels", bytes(labels));
  if (!about.splits.every((split) => split.whole)) await readPart("places", bytes(places));
  const coordinates = [];
  for (const _ of about.layouts) {
    const xy = new Float32Array(2 * count);
    await readPart("coordinates", bytes(xy));
    coordinates.push(xy);
  }
  if (predicted) await readPart("predicted", bytes(predicted));
  if (score) await readPart("score", bytes(score));
  return coordinates;
}

async function readPixels(map) {
  let shown = performance.now();
  const told = (done) => {
    pixelsRead = Math.floor(done / area);
    map?.receive(done);
    // Not at each piece: where there is no graphics card, a frame costs more than a piece.
    if (done < pixels.length && performance.now() < shown + 300) return;
    shown = performance.now();
    say(done < pixels.length ? `Unpacking pictures: ${Math.round((100 * done) / pixels.length)} %` : "");
    map?.request();
  };
  if (about.greys === 256) return readPart("pixels", pixels, told);
  const packed = new Uint8Array(Math.ceil(pixels.length / 2));
  let from = 0;
  return readPart("pixels", packed, (done) => {
    const end = Math.min(pixels.length, 2 * done);
    spread(packed.subarray(from / 2, done), pixels.subarray(from, end));
    from = end;
    told(end);
  });
}

/* Compare what was unpacked with what the dataset's record says was published. */
async function verify(line) {
  const digests = [];
  if (!globalThis.crypto?.subtle) {
    line(digests, "Their digests are not computed: browsers do so only for pages from a file, from https or from this machine.");
    return digests;
  }
  const shapeOf = (split) => (about.transposed
    ? [split.count, about.width, about.height] : [split.count, about.height, about.width]);
  for (const split of about.splits) {
    if (about.greys < 256) continue;
    const bytes = pixels.subarray(split.first * area, (split.first + split.count) * area);
    const digest = await payloadDigest(bytes, shapeOf(split));
    digests.push({ split: split.name, digest, published: split.images ?? null });
  }
  line(digests);
  return digests;
}

function dataFacts() {
  const facts = make("dl", {}, ...[
    ["Dataset", `${about.title}${about.released ? `, ${about.released}` : ""}`],
    ["Licence", about.licence],
    ["Pixels", about.greys === 256 ? "exactly as published" : "16 greys; the exact values need a page made with --exact"],
    ["Made by", `fmnist ${about.version}`],
  ].flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  const digests = make("div", { id: "digests" });
  const show = (found, note = "") => digests.replaceChildren(...found.map(({ split, digest, published }) => {
    const verdict = published === digest ? "equals the published digest"
      : published ? `differs from the published ${published}` : "nothing was published to compare it with";
    return make("p", { className: published && published !== digest ? "bad" : "" },
      `SHA-256 of the images of ${split}: `, make("code", {}, digest), `, ${verdict}.`);
  }), ...(note ? [make("p", {}, note)] : []));
  const place = make("details", { id: "data" }, make("summary", {}, "About the data"), facts, digests);
  document.getElementById("filters").append(place);
  return show;
}

function makeLayouts(map) {
  const field = document.getElementById("layouts");
  [...about.layouts, "Class"].forEach((name, k) => {
    const radio = make("input", { type: "radio", name: "layout", value: String(k), checked: k === 0 });
    radio.addEventListener("change", () => map.setLayout(k));
    field.append(make("label", {}, radio, make("span", {}, name)));
  });
  field.hidden = false;
}

function makeHelp() {
  const dialog = document.getElementById("keys");
  const close = make("button", { type: "button" }, "Close");
  close.addEventListener("click", () => dialog.close());
  dialog.append(make("h2", {}, "Mouse, touch and keys"),
    make("dl", {}, ...HELP.flatMap(([what, does]) => [make("dt", {}, what), make("dd", {}, does)])),
    make("p", { className: "note" }, "The keys work when the map has the focus: click it, or reach it with Tab."), close);
  const button = document.getElementById("help");
  button.addEventListener("click", () => dialog.showModal());
  button.hidden = false;
}

function makeHover(map) {
  const place = document.getElementById("hover"), [canvas, text] = place.children;
  return (id, left = 0, top = 0) => {
    map.canvas.style.cursor = id >= 0 ? "pointer" : "";
    place.hidden = id < 0;
    if (id < 0) return;
    drawExample(canvas, id);
    text.textContent = describe(id);
    place.style.setProperty("--class", colours.css[labels[id]]);
    const width = place.offsetWidth, height = place.offsetHeight;
    const x = left + 18 + width > map.camera.width ? left - 18 - width : left + 18;
    const y = Math.min(map.camera.height - height - 6, Math.max(6, top - height / 2));
    place.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  };
}

function connect(map, filters, strip, inspector, selection, focus) {
  const lasso = document.getElementById("lasso");
  const isLasso = () => lasso.getAttribute("aria-pressed") === "true";
  lasso.addEventListener("click", () => lasso.setAttribute("aria-pressed", !isLasso()));
  const density = document.getElementById("density");
  density.querySelector("input").addEventListener("input", (event) => {
    map.density = Number(event.target.value);
    map.request();
  });
  const zoom = document.getElementById("zoom");
  zoom.addEventListener("click", (event) => {
    const kind = event.target.dataset.zoom;
    if (kind) kind === "fit" ? map.camera.fit() : map.camera.zoomAt(kind === "in" ? 1.6 : 1 / 1.6);
  });
  for (const element of [lasso, density, zoom]) element.hidden = false;
  makeLayouts(map);
  map.beside = (by) => strip.beside(map.focused, by);
  inspector.panel.addEventListener("neighbours", (event) => {
    map.neighbours = event.detail;
    map.request();
  });
  listenTo(map, { focus, isLasso, hover: makeHover(map), lassoed: selection.add, toggle: selection.toggle });
  new ResizeObserver(map.resize).observe(map.canvas);
  darkScheme.addEventListener("change", () => {
    readColours();
    filters.recolour();
    map.setMatches(filters.matches());
    strip.draw();
    inspector.again();
  });
  map.resize();
}

async function start() {
  document.getElementById("still").hidden = true;
  if (typeof DecompressionStream === "undefined") {
    say("");
    return explainStill("This page needs a browser of 2023 or newer to unpack its pictures. These are the first examples of each class.");
  }
  const canvas = document.querySelector("#map > canvas"), renderer = makeRenderer(canvas);
  const coordinates = await readArrays();
  readColours();
  let map = null, inspector = null, strip = null;
  const filters = makeFilters(() => showMatches());
  const focus = (id, seek) => {
    inspector.show(id);
    map?.focus(id, seek);
  };
  const selection = makeSelection(() => {
    inspector?.mark();
    map?.redraw();
  }, filters.matches);
  if (renderer) map = makeMap(canvas, renderer, coordinates, selection);
  inspector = makeInspector(focus, selection);
  makePredictions(filters);
  const showDigests = dataFacts();
  strip = makeStrip(filters, focus);
  makeHelp();

  function showMatches() {
    const ids = filters.matches();
    document.getElementById("matching").textContent =
      ids.length === count ? counted(count, "example") : `${number(ids.length)} of ${counted(count, "example")}`;
    strip.show(ids);
    map?.setMatches(ids);
  }

  for (const id of ["strip", "filters", "inspector"]) document.getElementById(id).hidden = false;
  selection.update();
  if (map) connect(map, filters, strip, inspector, selection, focus);
  else explainStill("This browser has no WebGL2, so the map is not drawn. These are the first examples of each class; filters, examples and neighbours work.");
  showMatches();
  filters.mark();
  if (renderer && !renderer.works()) explainStill("This browser's WebGL2 cannot hold the pictures. These are the first examples of each class; filters, examples and neighbours work.");
  await new Promise(requestAnimationFrame);
  performance.mark("points");

  if (document.readyState === "loading") {
    await new Promise((resume) => document.addEventListener("DOMContentLoaded", resume, { once: true }));
  }
  await readPixels(map);
  strip.draw();
  inspector.again();
  await new Promise(requestAnimationFrame);
  performance.mark("pictures");
  const digests = await verify(showDigests);
  return { map, filters, selection, focus, digests };
}

/* For tests and for the console: what the page knows, once all is there. */
window.explorer = { about, labels, predicted, score, codeOf, neighboursOf, ready: start() };
window.explorer.ready.catch((error) => {
  say("");
  explainStill(`${error.message} These are the first examples of each class.`);
});
