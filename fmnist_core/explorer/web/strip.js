/* The matching examples as a strip of pictures, a page at a time; the way in for keyboards. */

const ON_PAGE = 30;

function makeStrip(filters, focus) {
  const place = document.getElementById("strip");
  const title = make("h2"), tiles = make("div", { className: "tiles", id: "matches" });
  const back = make("button", { type: "button", "aria-label": "Earlier examples" }, "‹");
  const next = make("button", { type: "button", "aria-label": "Further examples" }, "›");
  const order = make("select", { "aria-label": "Order" },
    ...[["file", "file order"], ["high", "highest score first"], ["low", "lowest score first"]].map(([value, text]) =>
      make("option", { value }, text)));
  place.append(make("div", { className: "bar" }, title, ...(score ? [order] : []), back, next), tiles);
  let groups = [], page = 0;

  /* Pairs of the chosen list stay together; everything else is alone. */
  function grouped(ids) {
    const pairs = filters.list()?.pairs ?? [];
    if (!pairs.length) return Array.from(ids, (id) => [id]);
    const matching = new Set(ids);
    return pairs.filter((pair) => pair.every((id) => matching.has(id)));
  }

  function draw() {
    const first = page * ON_PAGE, last = Math.min(groups.length, first + ON_PAGE);
    const unit = filters.list()?.pairs.length ? "pair" : "example";
    title.textContent = groups.length
      ? `${number(first + 1)} to ${number(last)} of ${counted(groups.length, unit)}`
      : "No example matches these filters";
    back.disabled = page === 0;
    next.disabled = last >= groups.length;
    tiles.replaceChildren(...groups.slice(first, last).map((ids) => {
      const group = ids.map((id) => tileOf(id, (chosen) => focus(chosen, true), score && !Number.isNaN(score[id]) ? score[id].toPrecision(3) : ""));
      return ids.length > 1 ? make("span", { className: "together" }, ...group) : group[0];
    }));
  }

  function show(ids) {
    groups = grouped(ids);
    if (score && order.value !== "file") {
      const way = order.value === "high" ? -1 : 1;
      const value = ([id]) => (Number.isNaN(score[id]) ? Infinity : way * score[id]);
      groups.sort((a, b) => value(a) - value(b) || a[0] - b[0]);
    }
    page = 0;
    draw();
  }
  const turn = (by) => { page += by; draw(); tiles.scrollLeft = 0; };
  back.addEventListener("click", () => turn(-1));
  next.addEventListener("click", () => turn(1));
  order.addEventListener("change", () => show(filters.matches()));

  /* The matching example before or after another, in the order of the strip. */
  function beside(id, by) {
    const ids = groups.flat(), at = ids.indexOf(id);
    return ids.length ? ids[at < 0 ? (by > 0 ? 0 : ids.length - 1) : (at + by + ids.length) % ids.length] : -1;
  }
  return { show, draw, beside };
}
