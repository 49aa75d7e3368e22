/* The example that is looked at: enlarged, what is known of it, its code and its neighbours. */

function makeInspector(focus, selection) {
  const panel = document.getElementById("inspector");
  const place = make("section", { id: "example" });
  panel.prepend(place);
  let shown = -1;

  const figure = (id, caption) => {
    const it = make("figure", {}, pictureOf(id), make("figcaption", {}, ...caption));
    it.style.setProperty("--class", colours.css[labels[id]]);
    return it;
  };

  function facts(id) {
    const rows = [
      ["Label", `${labels[id]} ${className(labels[id])}`],
      ["Split", splitName(id)],
      ["Index", number(places[id])],
    ];
    if (predicted && predicted[id] >= 0) {
      rows.push(["Predicted", `${predicted[id]} ${className(predicted[id])}${isWrong(id) ? " (wrong)" : ""}`]);
      if (score) rows.push(["Score", String(Number(score[id].toPrecision(4)))]);
    }
    const lists = about.lists.filter((list) => list.examples.includes(id)).map((list) => list.name);
    if (lists.length) rows.push(["Listed as", lists.join(", ")]);
    return make("dl", {}, ...rows.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  }

  /* Those that a list pairs with it, side by side. */
  function twins(id) {
    const others = about.lists.flatMap((list) => list.pairs).filter((pair) => pair.includes(id))
      .map(([one, other]) => (one === id ? other : one));
    return [...new Set(others)];
  }

  async function neighbours(id, list) {
    const found = await neighboursOf(id);
    if (!found || shown !== id) return;
    list.replaceChildren(...found.map(({ id: other, distance }) => tileOf(other, (chosen) => focus(chosen, true), distance.toFixed(1))));
    panel.dispatchEvent(new CustomEvent("neighbours", { detail: found.map((one) => one.id) }));
  }

  function show(id) {
    shown = id;
    if (id < 0) {
      place.replaceChildren(make("h2", {}, "Example"), make("p", { className: "note" },
        "Point at the map to see an example, click to keep it here. Zoom in until the points become pictures."));
      return;
    }
    const code = codeOf(id);
    const copy = make("button", { type: "button" }, "Copy");
    copy.addEventListener("click", () => copyText(code, copy));
    const add = make("button", { type: "button" });
    add.addEventListener("click", () => selection.toggle(id));
    const list = make("div", { className: "tiles", id: "neighbours" }, make("p", { className: "note" }, "Comparing …"));
    const others = twins(id);
    const pair = others.map((other) => figure(other, [
      `${codeOf(other)}, ${greyLevels(squaredDistance(id, other)).toFixed(1)} grey levels apart`]));
    place.replaceChildren(
      make("h2", {}, "Example"),
      make("div", { className: others.length ? "figures pair" : "figures" }, figure(id, [code]), ...pair),
      facts(id),
      make("div", { className: "code" }, make("code", {}, code), copy, add),
      make("h2", {}, "Nearest neighbours"),
      list,
      make("p", { className: "note" }, `Root-mean-square difference in grey levels of 255, over all pixels` +
        `${about.greys < 256 ? ", of the 16 greys of this page" : ""}.`));
    mark();
    if (pixelsRead === count) neighbours(id, list);
  }

  /* The selection changed. */
  function mark() {
    const button = place.querySelector(".code button:last-child");
    if (!button) return;
    button.setAttribute("aria-pressed", selection.has(shown));
    button.textContent = selection.has(shown) ? "Selected" : "Select";
  }

  show(-1);
  return { show, panel, mark, again: () => show(shown) };
}
