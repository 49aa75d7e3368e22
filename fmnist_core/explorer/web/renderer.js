/* Draws the map with WebGL2: all pixels in one texture, points far out and pictures near. */

const SIDE = 2048; // of a layer of the texture: every WebGL2 has that, and 256 layers
const LAYER = SIDE * SIDE;
const RECORD = 28; // bytes of an example: where it was, where it goes, zoom, number, colour

const POINTS_VERTEX = `#version 300 es
layout(location = 0) in vec4 way;
layout(location = 3) in vec4 colour;
uniform vec2 centre, scale;
uniform float part, size;
out vec4 tint;
flat out float wide;
void main() {
  bool chosen = colour.a > 0.9;
  wide = chosen ? size * 1.5 + 1.0 : size;
  tint = colour;
  gl_Position = vec4((mix(way.xy, way.zw, part) - centre) * scale, 0.0, 1.0);
  gl_PointSize = wide;
}`;

const POINTS_FRAGMENT = `#version 300 es
precision highp float;
in vec4 tint;
flat in float wide;
uniform float opacity, square;
out vec4 result;
void main() {
  float away = length(gl_PointCoord - 0.5) * wide;
  float cover = square > 0.5 ? 1.0 : clamp(wide * 0.5 - away + 0.5, 0.0, 1.0);
  result = vec4(tint.rgb, cover * opacity);
}`;

const PICTURES_VERTEX = `#version 300 es
layout(location = 0) in vec4 way;
layout(location = 1) in float appears;
layout(location = 2) in uint number;
layout(location = 3) in vec4 colour;
uniform vec2 centre, scale, screen, shape;
uniform float part, size, border, zoom;
uniform int area, known;
uniform bool isWall;
out vec2 place;
flat out vec4 tint;
flat out int start;
flat out vec2 extent, frame;
void main() {
  float grown = mix(0.3, 1.0, clamp((zoom - appears) * 3.0, 0.0, 1.0));
  extent = isWall ? shape * size : max(floor(shape * size * grown + 0.5), 1.0);
  float wide = colour.a > 0.9 ? border + 3.0 : border;
  vec2 whole = extent + 2.0 * wide;
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  vec2 middle = (mix(way.xy, way.zw, part) - centre) * scale * screen * 0.5;
  if (!isWall) middle = floor(middle - whole * 0.5 + 0.5) + whole * 0.5;
  place = (corner - 0.5) * whole / extent + 0.5;
  frame = vec2(wide) / extent;
  tint = colour;
  start = int(number) * area;
  vec2 at = (middle + (corner - 0.5) * vec2(1.0, -1.0) * whole) * 2.0 / screen;
  gl_Position = int(number) < known ? vec4(at, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
}`;

/* A picture that is smaller than its pixels is the mean of up to 16 of them. */
const PICTURES_FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
precision highp sampler2DArray;
in vec2 place;
flat in vec4 tint;
flat in int start;
flat in vec2 extent, frame;
uniform sampler2DArray pixels;
uniform ivec2 side, stride;
uniform float toned;
uniform vec3 paper;
out vec4 result;
float grey(ivec2 at) {
  at = clamp(at, ivec2(0), side - 1);
  int k = start + at.x * stride.x + at.y * stride.y;
  return texelFetch(pixels, ivec3(k & 2047, (k >> 11) & 2047, k >> 22), 0).r;
}
void main() {
  if (any(lessThan(place, vec2(0.0))) || any(greaterThan(place, vec2(1.0)))) {
    vec2 away = max(-place, place - 1.0) * extent;
    bool isGap = tint.a > 0.9 && max(away.x, away.y) < frame.x * extent.x * 0.4;
    result = vec4(isGap ? paper : tint.rgb, 1.0);
    return;
  }
  vec2 step = vec2(side) / extent;
  int taps = int(clamp(ceil(max(step.x, step.y) - 0.01), 1.0, 4.0));
  float sum = 0.0;
  for (int i = 0; i < taps; i++) {
    for (int j = 0; j < taps; j++) {
      vec2 off = (vec2(i, j) + 0.5) / float(taps) - 0.5;
      sum += grey(ivec2(floor(place * vec2(side) + off * step)));
    }
  }
  result = vec4(sum / float(taps * taps) * mix(vec3(1.0), tint.rgb, toned), 1.0);
}`;

/* Nothing here waits for the device, which makes itself ready while the page reads its arrays. */
function makeRenderer(canvas) {
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false });
  if (!gl) return null;
  const points = program(gl, POINTS_VERTEX, POINTS_FRAGMENT);
  const pictures = program(gl, PICTURES_VERTEX, PICTURES_FRAGMENT);
  const records = gl.createBuffer();
  const single = attributes(gl, records, 0), instanced = attributes(gl, records, 1);
  const layers = Math.ceil((count * area) / LAYER);
  gl.bindTexture(gl.TEXTURE_2D_ARRAY, gl.createTexture());
  gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.R8, SIDE, SIDE, layers);
  gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
  let sent = 0; // bytes of pixels on the device, whole rows of the texture

  /* Send what has been read, up to so many bytes: whole layers, and the last one when it ends. */
  function send(bytes) {
    const end = bytes === count * area ? bytes : Math.floor(bytes / LAYER) * LAYER;
    for (; sent < end; sent += LAYER) {
      const rows = Math.ceil(Math.min(LAYER, end - sent) / SIDE);
      const part = new Uint8Array(pixels.buffer, sent, Math.min(rows * SIDE, pixels.buffer.byteLength - sent));
      gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, sent / LAYER, SIDE, rows, 1, gl.RED, gl.UNSIGNED_BYTE, part);
    }
  }

  function load(bytes) {
    gl.bindBuffer(gl.ARRAY_BUFFER, records);
    gl.bufferData(gl.ARRAY_BUFFER, bytes, gl.DYNAMIC_DRAW);
  }

  /* Draw a view: the camera, what is shown, and sizes in pixels of the device. */
  function draw(view) {
    const { camera, ratio } = view;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(...colours.paper.map((value) => value / 255), 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const shared = (of) => {
      gl.useProgram(of.it);
      gl.uniform2f(of.at("centre"), camera.x, camera.y);
      gl.uniform2f(of.at("scale"), (2 * camera.scale) / camera.width, (2 * camera.scale) / camera.height);
      gl.uniform1f(of.at("part"), view.part);
    };
    shared(points);
    gl.bindVertexArray(single);
    gl.uniform1f(points.at("square"), view.isWall ? 1 : 0);
    if (view.others) {
      gl.uniform1f(points.at("opacity"), 0.35);
      gl.uniform1f(points.at("size"), view.otherSize * ratio);
      gl.drawArrays(gl.POINTS, view.shown, view.others);
    }
    gl.uniform1f(points.at("opacity"), view.opacity);
    gl.uniform1f(points.at("size"), view.pointSize * ratio);
    gl.drawArrays(gl.POINTS, 0, view.shown);
    if (!view.pictures) return;
    shared(pictures);
    gl.bindVertexArray(instanced);
    const most = Math.max(about.width, about.height);
    gl.uniform2f(pictures.at("screen"), canvas.width, canvas.height);
    gl.uniform2f(pictures.at("shape"), about.width / most, about.height / most);
    gl.uniform1f(pictures.at("size"), view.size * ratio);
    gl.uniform1f(pictures.at("border"), Math.round(view.border * ratio));
    gl.uniform1f(pictures.at("toned"), view.toned);
    gl.uniform1i(pictures.at("isWall"), view.isWall);
    gl.uniform3f(pictures.at("paper"), ...colours.paper.map((value) => value / 255));
    gl.uniform1f(pictures.at("zoom"), view.zoom);
    gl.uniform1i(pictures.at("area"), area);
    gl.uniform1i(pictures.at("known"), pixelsRead);
    gl.uniform2i(pictures.at("side"), about.width, about.height);
    gl.uniform2i(pictures.at("stride"), stride.x, stride.y);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, view.pictures);
  }

  /* The colour of a pixel of the canvas, counted from its upper left; right after a draw. */
  function colourAt(left, top) {
    const found = new Uint8Array(4);
    gl.readPixels(left, canvas.height - 1 - top, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, found);
    return Array.from(found.subarray(0, 3));
  }

  /* Whether all of that was possible: now the device is waited for. */
  function works() {
    for (const { it } of [points, pictures]) {
      if (!gl.getProgramParameter(it, gl.LINK_STATUS)) return false;
    }
    return gl.getError() === gl.NO_ERROR;
  }
  return { works, send, load, draw, colourAt };
}

function program(gl, vertex, fragment) {
  const it = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(it, shader);
  }
  gl.linkProgram(it);
  const known = new Map();
  const at = (name) => {
    if (!known.has(name)) known.set(name, gl.getUniformLocation(it, name));
    return known.get(name);
  };
  return { it, at };
}

/* One buffer is read in two ways: a vertex for each example, or an instance. */
function attributes(gl, buffer, divisor) {
  const array = gl.createVertexArray();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.vertexAttribPointer(0, 4, gl.FLOAT, false, RECORD, 0);
  gl.vertexAttribPointer(1, 1, gl.FLOAT, false, RECORD, 16);
  gl.vertexAttribIPointer(2, 1, gl.UNSIGNED_INT, RECORD, 20);
  gl.vertexAttribPointer(3, 4, gl.UNSIGNED_BYTE, true, RECORD, 24);
  for (let k = 0; k < 4; k++) {
    gl.enableVertexAttribArray(k);
    gl.vertexAttribDivisor(k, divisor);
  }
  return array;
}
