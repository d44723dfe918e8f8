// Sorts a table by the column whose heading is pressed: by its first number, or else as text.
document.addEventListener("DOMContentLoaded", () => {
  const key = (row, k) => row.cells[k].textContent.trim();
  for (const heading of document.querySelectorAll("table.sortable th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const body = heading.closest("table").tBodies[0], k = heading.cellIndex;
      const down = heading.getAttribute("aria-sort") === "ascending";
      heading.parentNode.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [key(a, k), key(b, k)], [p, q] = [parseFloat(x), parseFloat(y)];
        return isNaN(p) || isNaN(q) ? x.localeCompare(y) : p - q;
      });
      body.append(...(down ? rows.reverse() : rows));
    });
  }
});
