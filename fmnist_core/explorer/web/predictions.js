/* One's own predictions: how many are right, and a confusion matrix that filters. */

function makePredictions(filters) {
  if (!about.scores) return;
  const classes = about.classes.length;
  const matrix = new Uint32Array(classes * classes);
  let all = 0, right = 0;
  for (let id = 0; id < count; id++) {
    if (predicted[id] < 0) continue;
    all++;
    right += isWrong(id) ? 0 : 1;
    matrix[labels[id] * classes + predicted[id]]++;
  }
  const share = ((100 * right) / all).toFixed(2);
  const used = Array.from({ length: classes }, (_, label) => label).filter((label) =>
    matrix.subarray(label * classes, (label + 1) * classes).some(Boolean) ||
    matrix.some((value, k) => value && k % classes === label));

  const outcomes = [["all", "All"], ["wrong", "Wrong only"], ["right", "Right only"]].map(([value, text]) => {
    const button = make("button", { type: "button", className: "choice" }, text);
    button.addEventListener("click", () => filters.set({ outcome: value, cell: null }));
    return [value, button];
  });
  const cells = [];
  const head = make("tr", {}, make("td", {}, ""), ...used.map((label) =>
    make("th", { scope: "col", title: className(label) }, make("span", {}, className(label)))));
  const rows = used.map((label) => {
    const most = Math.max(1, ...used.filter((other) => other !== label).map((other) => matrix[label * classes + other]));
    return make("tr", {}, make("th", { scope: "row", title: className(label) }, className(label)), ...used.map((guess) => {
      const value = matrix[label * classes + guess];
      if (!value) return make("td", {}, "");
      const title = `${counted(value, "example")} of ${className(label)} predicted as ${className(guess)}`;
      const button = make("button", { type: "button", title, "aria-label": title }, String(value));
      button.classList.toggle("diagonal", label === guess);
      button.style.setProperty("--share", label === guess ? 0 : 0.08 + 0.34 * (value / most));
      button.addEventListener("click", () => {
        const same = filters.chosen.cell?.[0] === label && filters.chosen.cell[1] === guess;
        filters.set({ cell: same ? null : [label, guess], outcome: "all" });
      });
      cells.push([label, guess, button]);
      return make("td", {}, button);
    }));
  });
  filters.whenMarked(() => {
    const { outcome, cell } = filters.chosen;
    outcomes.forEach(([value, button]) => button.setAttribute("aria-pressed", value === outcome && !cell));
    cells.forEach(([label, guess, button]) =>
      button.setAttribute("aria-pressed", cell !== null && cell[0] === label && cell[1] === guess));
  });
  filters.panel.prepend(
    make("h2", {}, "Predictions"),
    make("p", { className: "note", id: "accuracy" }, `${number(right)} of ${number(all)} right, ${share} %`),
    make("div", { className: "choices" }, ...outcomes.map(([, button]) => button)),
    make("div", { className: "wide" }, make("table", { id: "matrix" },
      make("caption", {}, "A row for each label, a column for each prediction"),
      make("thead", {}, head), make("tbody", {}, ...rows))));
}
