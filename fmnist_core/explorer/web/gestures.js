/* Mouse, touch and keys on the map. */

const STILL = 5; // pixels that a pointer may move during a click

function listenTo(map, { focus, hover, lassoed, isLasso, toggle }) {
  const { canvas, camera } = map;
  const pointers = new Map();
  let mode = "", began = [0, 0], moved = false;

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const spread = () => {
    const [[ax, ay], [bx, by]] = [...pointers.values()];
    return { left: (ax + bx) / 2, top: (ay + by) / 2, apart: Math.hypot(ax - bx, ay - by) };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    hover(-1);
    if (pointers.size === 1) {
      began = at(event);
      moved = false;
      mode = event.shiftKey || isLasso() ? "lasso" : "pan";
      map.lasso = mode === "lasso" ? [camera.toMap(...began)] : [];
    } else {
      mode = "pinch";
      moved = true;
      map.lasso = [];
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    const here = at(event), before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") hover(map.pick(...here), ...here);
      return;
    }
    moved ||= Math.hypot(here[0] - began[0], here[1] - began[1]) > STILL;
    if (mode === "pinch" && pointers.size === 2) {
      const old = spread();
      pointers.set(event.pointerId, here);
      const now = spread();
      camera.pan(now.left - old.left, now.top - old.top);
      if (old.apart > 0) camera.zoomAt(now.apart / old.apart, now.left, now.top);
      return;
    }
    pointers.set(event.pointerId, here);
    if (!moved) return;
    if (mode === "pan") camera.pan(here[0] - before[0], here[1] - before[1]);
    if (mode === "lasso") {
      map.lasso.push(camera.toMap(...here));
      map.request();
    }
  });

  const end = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (mode === "lasso" && map.lasso.length > 2) lassoed(map.inside(map.lasso));
    else if (!moved && event.type === "pointerup") {
      const id = map.pick(...at(event));
      focus(id, false);
      if (event.pointerType !== "mouse") hover(id, ...at(event));
    }
    map.lasso = [];
    mode = pointers.size ? "pan" : "";
    map.request();
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hover(-1));
  canvas.addEventListener("dblclick", (event) => camera.zoomAt(2, ...at(event)));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const lines = [1, 16, 400][event.deltaMode], speed = event.ctrlKey ? 60 : 220;
    camera.zoomAt(2 ** (-(event.deltaY * lines) / speed), ...at(event));
    hover(-1);
  }, { passive: false });

  const keys = {
    ArrowLeft: () => camera.pan(80, 0),
    ArrowRight: () => camera.pan(-80, 0),
    ArrowUp: () => camera.pan(0, 80),
    ArrowDown: () => camera.pan(0, -80),
    "+": () => camera.zoomAt(1.5),
    "=": () => camera.zoomAt(1.5),
    "-": () => camera.zoomAt(1 / 1.5),
    0: () => camera.fit(),
    ".": () => focus(map.beside(1), true),
    ",": () => focus(map.beside(-1), true),
    Enter: () => focus(map.focused >= 0 ? map.focused : map.pick(camera.width / 2, camera.height / 2), true),
    s: () => map.focused >= 0 && toggle(map.focused),
    Escape: () => { map.lasso = []; mode = ""; focus(-1, false); },
  };
  canvas.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
}
