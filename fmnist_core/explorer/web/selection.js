/* Examples that were picked out, and the code that selects them. */

function makeSelection(changed, matches) {
  const has = new Uint8Array(count);
  const place = make("section", { id: "selection" });
  document.getElementById("inspector").append(place);
  const title = make("h2"), code = make("textarea", { readOnly: true, rows: 3, "aria-label": "Code of the selection" });
  const button = (text, action) => {
    const it = make("button", { type: "button" }, text);
    it.addEventListener("click", () => action(it));
    return it;
  };
  const copy = button("Copy code", (it) => copyText(code.value, it));
  const addAll = button("Add matching", () => add(matches()));
  const clear = button("Clear", () => { has.fill(0); update(); });
  place.append(title, code, make("div", { className: "choices" }, copy, addAll, clear));

  function text() {
    const parts = about.splits.map((split) => {
      const rows = [];
      for (let id = split.first; id < split.first + split.count; id++) if (has[id]) rows.push(places[id]);
      return rows.length ? `${split.name}.select([${rows.join(", ")}])` : "";
    }).filter(Boolean);
    return parts.length > 1 ? `fm.concat(${parts.join(", ")})` : parts[0] ?? "";
  }

  function update() {
    const chosen = has.reduce((sum, value) => sum + value, 0);
    title.textContent = chosen ? `Selection: ${counted(chosen, "example")}` : "Selection";
    code.value = text();
    code.placeholder = "Press Lasso, or hold Shift, and draw around examples.";
    copy.disabled = clear.disabled = !chosen;
    changed();
  }
  function add(ids) {
    for (const id of ids) has[id] = 1;
    update();
  }
  const toggle = (id) => { has[id] = 1 - has[id]; update(); };
  return { has: (id) => has[id] === 1, add, toggle, update, text };
}
