// Conveniences: the switch of colours, tables that can be sorted and filtered, and, on paper, all
// of it unfolded. Without this script the page can be read all the same.
"use strict";
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  const remembered = () => {
    try { return localStorage.getItem("synthtab-theme"); } catch { return null; }
  };
  const remember = (name) => {
    try { localStorage.setItem("synthtab-theme", name); } catch { /* a page without a memory */ }
  };
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const button = document.getElementById("theme");
  const show = () => button.setAttribute("aria-pressed", String(dark()));
  const chosen = remembered();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    remember(root.dataset.theme);
    show();
  });
  system.addEventListener("change", show);
  show();

  const rank = (row, at) => {
    const cell = row.cells[at];
    return "sort" in cell.dataset ? Number(cell.dataset.sort) : cell.textContent.trim();
  };
  // Numbers before words; what is missing comes last whichever way the others go.
  const compare = (one, other, sign) => {
    const numbers = [one, other].map((value) => typeof value === "number");
    if (numbers[0] && numbers[1]) return sign * (one - other);
    if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
    return sign * one.localeCompare(other, "en", { numeric: true });
  };
  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      if ("plain" in head.dataset) return;
      const press = document.createElement("button");
      press.type = "button";
      press.append(...head.childNodes);
      head.append(press);
      press.addEventListener("click", () => {
        const down = head.classList.contains("number")
          ? head.ariaSort !== "descending" : head.ariaSort === "ascending";
        heads.forEach((other) => { other.ariaSort = null; });
        head.ariaSort = down ? "descending" : "ascending";
        const body = table.tBodies[0];
        const keyed = [...body.rows].map((row) => [rank(row, at), row]);
        keyed.sort((a, b) => compare(a[0], b[0], down ? -1 : 1));
        body.append(...keyed.map((pair) => pair[1]));
      });
    });
  };
  const filterable = (table) => {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 8) return;
    const label = document.createElement("label");
    const input = document.createElement("input");
    const count = document.createElement("span");
    input.type = "search";
    input.id = `${table.id}-filter`;
    label.htmlFor = input.id;
    label.textContent = "Show rows with";
    count.role = "status";
    count.className = "quiet";
    const box = document.createElement("div");
    box.className = "filter";
    box.append(label, input, count);
    table.parentElement.before(box);
    const words = rows.map((row) => row.textContent.toLowerCase());
    input.addEventListener("input", () => {
      const sought = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      rows.forEach((row, at) => {
        row.hidden = !sought.every((word) => words[at].includes(word));
        left += row.hidden ? 0 : 1;
      });
      count.textContent = sought.length ? `${left} of ${rows.length}` : "";
    });
  };
  document.querySelectorAll("table[data-tools]").forEach((table) => {
    filterable(table);
    sortable(table);
  });

  // Paper has no folds, but for what is there to be looked up.
  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    unfolded = [...document.querySelectorAll("details:not([open]):not(.bulk)")];
    unfolded.forEach((fold) => { fold.open = true; });
  });
  window.addEventListener("afterprint", () => {
    unfolded.forEach((fold) => { fold.open = false; });
  });
})();
