/* The examples: label, split and place of each, its pixels, and elements that show them. */

const count = about.splits.reduce((sum, split) => sum + split.count, 0);
const area = about.width * about.height;
const stride = about.transposed ? { x: about.height, y: 1 } : { x: 1, y: about.width };
const labels = about.classes.length > 256 ? new Uint16Array(count) : new Uint8Array(count);
const splitOf = new Uint8Array(count);
const places = new Int32Array(count);
// Room for whole rows of the texture, which takes its layers out of this.
const pixels = new Uint8Array(new ArrayBuffer(2048 * Math.ceil((count * area) / 2048)), 0, count * area);
const predicted = about.scores ? new Int32Array(count) : null;
const score = about.scores?.hasScore ? new Float32Array(count) : null;
let pixelsRead = 0; // how many examples have their pixels

{
  let first = 0;
  about.splits.forEach((split, number) => {
    for (let k = 0; k < split.count; k++) places[first + k] = k;
    splitOf.fill(number, first, first + split.count);
    split.first = first;
    first += split.count;
  });
}

const splitName = (id) => about.splits[splitOf[id]].name;
const codeOf = (id) => `${splitName(id)}[${places[id]}]`;
const className = (label) => about.classes[label];
const isWrong = (id) => predicted[id] >= 0 && predicted[id] !== labels[id];
const number = (value) => value.toLocaleString("en");
const counted = (value, word) => `${number(value)} ${word}${value === 1 ? "" : "s"}`;

/* Make an element; `properties` may hold attributes such as aria-label. Texts are never HTML. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/* Draw an example's pixels as they are, one for one; CSS makes them larger. */
function drawExample(canvas, id) {
  const { width, height } = about;
  canvas.width = width;
  canvas.height = height;
  if (id >= pixelsRead) return;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const grey = pixels[id * area + y * stride.y + x * stride.x];
      image.data[at] = image.data[at + 1] = image.data[at + 2] = grey;
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}

function pictureOf(id) {
  const canvas = make("canvas", { className: "picture" });
  drawExample(canvas, id);
  return canvas;
}

function describe(id) {
  let text = `${codeOf(id)}, ${className(labels[id])}`;
  if (predicted && predicted[id] >= 0) text += `, predicted ${className(predicted[id])}`;
  return text;
}

/* A small picture that can be chosen. */
function tileOf(id, choose, caption = "") {
  const tile = make("button", { type: "button", className: "tile", title: describe(id), "aria-label": describe(id) });
  tile.dataset.example = id;
  tile.style.setProperty("--class", colours.css[labels[id]]);
  tile.append(pictureOf(id));
  if (caption) tile.append(make("small", {}, caption));
  tile.addEventListener("click", () => choose(id));
  return tile;
}

async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = make("textarea", { value: text, className: "away" });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = before; }, 1200);
}
