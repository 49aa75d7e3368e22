/* Which part of the map is seen: the centre, and pixels to a unit of the map. */

const MOST_PIXELS = 2 ** 20; // to a unit; float32 coordinates are exact to a pixel until there

function makeCamera(changed) {
  const camera = { x: 0, y: 0, scale: 100, width: 1, height: 1, fitted: 100 };
  let flight = 0;

  camera.zoom = () => Math.log2(camera.scale);
  camera.depth = () => Math.log2(camera.scale / camera.fitted);
  camera.toScreen = (x, y) => [
    (x - camera.x) * camera.scale + camera.width / 2,
    (camera.y - y) * camera.scale + camera.height / 2,
  ];
  camera.toMap = (left, top) => [
    (left - camera.width / 2) / camera.scale + camera.x,
    camera.y - (top - camera.height / 2) / camera.scale,
  ];

  const bounded = (scale) => Math.min(MOST_PIXELS, Math.max(camera.fitted / 2, scale));
  const stop = () => { cancelAnimationFrame(flight); flight = 0; };

  camera.pan = (right, down) => {
    stop();
    camera.x -= right / camera.scale;
    camera.y += down / camera.scale;
    changed();
  };

  /* Zoom so that what lies under a point of the screen stays there. */
  camera.zoomAt = (factor, left = camera.width / 2, top = camera.height / 2) => {
    stop();
    const [x, y] = camera.toMap(left, top);
    camera.scale = bounded(camera.scale * factor);
    camera.x = x - (left - camera.width / 2) / camera.scale;
    camera.y = y + (top - camera.height / 2) / camera.scale;
    changed();
  };

  camera.place = (x, y, scale) => {
    stop();
    Object.assign(camera, { x, y, scale: bounded(scale) });
    changed();
  };

  /* Go there, so that the eye can follow unless its owner asked for less motion. */
  camera.fly = (x, y, scale, milliseconds = 450) => {
    stop();
    if (stillScheme.matches) return camera.place(x, y, scale);
    const from = { x: camera.x, y: camera.y, zoom: camera.zoom() };
    const zoom = Math.log2(bounded(scale)), began = performance.now();
    const step = (now) => {
      const t = Math.min(1, Math.max(0, (now - began) / milliseconds)), s = t * t * (3 - 2 * t);
      camera.scale = t < 1 ? 2 ** (from.zoom + (zoom - from.zoom) * s) : bounded(scale);
      // In pixels of the moment, so that a long way is not covered at once.
      const way = zoom === from.zoom ? s : (1 - 2 ** ((from.zoom - zoom) * s)) / (1 - 2 ** (from.zoom - zoom));
      camera.x = from.x + (x - from.x) * way;
      camera.y = from.y + (y - from.y) * way;
      flight = t < 1 ? requestAnimationFrame(step) : 0;
      changed();
    };
    flight = requestAnimationFrame(step);
  };

  /* Know the size of the screen and the bounds of the map: left, bottom, right, top. */
  camera.frame = (width, height, bounds) => {
    const margin = Math.min(36, width / 16);
    const [left, bottom, right, top] = bounds;
    Object.assign(camera, { width, height, home: [(left + right) / 2, (bottom + top) / 2] });
    camera.fitted = Math.min(
      (width - 2 * margin) / Math.max(right - left, 1e-6),
      (height - 2 * margin) / Math.max(top - bottom, 1e-6));
  };
  /* Show all of it. Not a flight where the examples glide: one that is stopped would end in the void. */
  camera.fit = (animated = true) => (animated ? camera.fly : camera.place)(...camera.home, camera.fitted);
  return camera;
}
