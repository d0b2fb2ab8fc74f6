// Makes every header of a sortable table a button. Totals stay at the end of their group only in the original order,
// so they are put last when the table is sorted.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const original = [...body.rows];
  if (original.length < 3) continue;
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const order = head.getAttribute("aria-sort");
      const next = order === "ascending" ? "descending" : order === "descending" ? null : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      let rows = original.slice();
      if (next) {
        head.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        const key = (row) => row.cells[column];
        rows.sort((a, b) => {
          const total = a.classList.contains("total") - b.classList.contains("total");
          if (total) return total;
          const x = key(a), y = key(b);
          const missing = x.classList.contains("missing") - y.classList.contains("missing");
          if (missing) return missing;
          if (x.dataset.sort !== undefined && y.dataset.sort !== undefined) return sign * (x.dataset.sort - y.dataset.sort);
          return sign * x.textContent.localeCompare(y.textContent, "en", { numeric: true });
        });
      }
      table.classList.toggle("sorted", Boolean(next));
      body.append(...rows);
    });
  });
}

// A link to a folded part unfolds it.
function unfold() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener("hashchange", unfold);
unfold();
