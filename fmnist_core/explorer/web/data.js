/* What the file holds: a description, and arrays that are deflated and written as base64. */

const about = JSON.parse(document.getElementById("about").textContent);

function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

const inflated = (text) => new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));

/* Fill `whole` with the pieces of one name; each element is dropped once it is read. */
async function readPart(name, whole, done = () => {}) {
  let at = 0;
  for (const element of [...document.querySelectorAll(`script[data-part="${name}"]`)]) {
    if (at >= whole.length) break;
    try {
      const reader = inflated(element.textContent).getReader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        whole.set(piece.value, at);
        at += piece.value.length;
      }
    } catch (error) {
      throw new Error(`This file is damaged: its ${name} cannot be unpacked. Copy or make it again.`, { cause: error });
    }
    element.remove();
    done(at);
  }
  if (at !== whole.length) {
    throw new Error(
      `This file is not whole: expected ${whole.length.toLocaleString("en")} bytes of ${name}, found ` +
      `${at.toLocaleString("en")}. Copy or make it again.`);
  }
  return whole;
}

function spread(packed, pixels) {
  for (let i = 0, k = 0; k < pixels.length; i++) {
    pixels[k++] = (packed[i] >> 4) * 17;
    if (k < pixels.length) pixels[k++] = (packed[i] & 15) * 17;
  }
}

/* SHA-256 of an IDX payload: a header, which is its shape, and the elements. */
async function payloadDigest(elements, shape) {
  const payload = new Uint8Array(4 + 4 * shape.length + elements.length);
  const view = new DataView(payload.buffer);
  view.setUint32(0, 0x0800 + shape.length);
  shape.forEach((axis, k) => view.setUint32(4 + 4 * k, axis));
  payload.set(elements, 4 + 4 * shape.length);
  const digest = await crypto.subtle.digest("SHA-256", payload);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
