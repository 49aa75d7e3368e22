/* Which examples match: by class, split, list and prediction; and the panel to choose that. */

function makeFilters(changed) {
  const chosen = {
    classes: new Uint8Array(about.classes.length).fill(1),
    splits: new Uint8Array(about.splits.length).fill(1),
    list: "",
    outcome: "all",
    cell: null, // [label, prediction] of the confusion matrix
  };
  const filters = { chosen };
  const totals = new Uint32Array(about.classes.length);
  for (const label of labels) totals[label]++;

  filters.list = () => about.lists.find((list) => list.name === chosen.list);

  filters.matches = () => {
    const list = filters.list(), found = [];
    const candidates = list ? list.examples : { length: count };
    for (let k = 0; k < candidates.length; k++) {
      const id = list ? candidates[k] : k;
      if (!chosen.classes[labels[id]] || !chosen.splits[splitOf[id]]) continue;
      if (chosen.outcome !== "all" && (predicted[id] < 0 || isWrong(id) !== (chosen.outcome === "wrong"))) continue;
      if (chosen.cell && (labels[id] !== chosen.cell[0] || predicted[id] !== chosen.cell[1])) continue;
      found.push(id);
    }
    return Uint32Array.from(found);
  };

  const panel = document.getElementById("filters");
  const update = () => { changed(); mark(); };
  const boxes = { classes: [], splits: [] };
  const marks = [];
  filters.whenMarked = (action) => marks.push(action);

  function mark() {
    boxes.classes.forEach(([label, box]) => { box.checked = Boolean(chosen.classes[label]); });
    boxes.splits.forEach(([split, box]) => { box.checked = Boolean(chosen.splits[split]); });
    marks.forEach((action) => action());
  }

  filters.set = (change) => { Object.assign(chosen, change); update(); };
  filters.clear = () => {
    chosen.classes.fill(1);
    chosen.splits.fill(1);
    filters.set({ list: "", outcome: "all", cell: null });
  };
  filters.isClear = () => !chosen.list && chosen.outcome === "all" && !chosen.cell &&
    chosen.classes.every(Boolean) && chosen.splits.every(Boolean);

  function row(kind, index, name, total, swatch) {
    const box = make("input", { type: "checkbox", checked: true });
    box.addEventListener("change", () => { chosen[kind][index] = box.checked ? 1 : 0; update(); });
    const only = make("button", { type: "button", className: "only", "aria-label": `Only ${name}` }, "only");
    only.addEventListener("click", () => { chosen[kind].fill(0); chosen[kind][index] = 1; update(); });
    boxes[kind].push([index, box]);
    const label = make("label", {}, box, ...(swatch ? [swatch] : []), make("span", {}, name));
    return make("li", {}, label, only, make("data", {}, number(total)));
  }

  function swatch(label) {
    const mark = make("i", { className: "swatch" });
    mark.style.setProperty("--class", colours.css[label]);
    return mark;
  }
  filters.recolour = () => panel.querySelectorAll(".swatch").forEach((mark) => {
    mark.style.setProperty("--class", colours.css[mark.dataset.label]);
  });

  const clear = make("button", { type: "button", className: "quiet", id: "clear" }, "Show all");
  clear.addEventListener("click", filters.clear);
  filters.whenMarked(() => { clear.disabled = filters.isClear(); });

  const present = about.classes.map((_, label) => label).filter((label) => totals[label]);
  const classRows = present.map((label) => {
    const mark = swatch(label);
    mark.dataset.label = label;
    return row("classes", label, className(label), totals[label], mark);
  });
  const splitRows = about.splits.map((split, k) => row("splits", k, split.name, split.count));
  panel.append(
    make("h2", {}, "Classes", clear), make("ul", { id: "classes" }, ...classRows),
    make("h2", {}, "Splits"), make("ul", { id: "splits" }, ...splitRows));
  if (about.lists.length) panel.append(make("h2", {}, "Reported examples"), listButtons(filters));
  return Object.assign(filters, { panel, mark });
}

function listButtons(filters) {
  const note = make("p", { className: "note" });
  const buttons = about.lists.map((list) => {
    const size = list.pairs.length ? counted(list.pairs.length, "pair") : number(list.examples.length);
    const button = make("button", { type: "button", className: "choice" }, list.name, make("data", {}, size));
    button.addEventListener("click", () => {
      filters.set({ list: filters.chosen.list === list.name ? "" : list.name });
    });
    return [list, button];
  });
  filters.whenMarked(() => {
    buttons.forEach(([list, button]) => button.setAttribute("aria-pressed", list.name === filters.chosen.list));
    const list = filters.list();
    note.textContent = list ? `${list.pairs.length ? "Both images of each pair are here. The list: " : ""}${list.note} Source: ${list.source}.` : "";
  });
  return make("div", { id: "lists" }, ...buttons.map(([, button]) => button), note);
}
