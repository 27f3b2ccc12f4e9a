// Theme, protocol switch and sorting; the last two live in the URL. Pages work without it.
(function () {
  "use strict";
  const root = document.documentElement;
  const state = new URLSearchParams(window.location.search);

  function remember(key, value) {
    if (value) state.set(key, value);
    else state.delete(key);
    const query = state.toString();
    try {
      window.history.replaceState(null, "", `${window.location.pathname}${query && `?${query}`}${window.location.hash}`);
    } catch (error) {
      // Some browsers keep file:// addresses as they are; the page itself is right.
    }
  }

  // ---- theme -------------------------------------------------------------------------------
  const toggle = document.querySelector("[data-theme-toggle]");
  const darkSystem = window.matchMedia("(prefers-color-scheme: dark)");

  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : darkSystem.matches;
  }

  function themeChanged() {
    toggle.textContent = isDark() ? "Light" : "Dark";
    toggle.setAttribute("aria-label", `Use ${isDark() ? "light" : "dark"} colours`);
    document.dispatchEvent(new CustomEvent("uipbench:theme"));
  }

  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      window.localStorage.setItem("uipbench-theme", root.dataset.theme);
    } catch (error) {
      // Not stored: the choice holds for this page.
    }
    themeChanged();
  });
  darkSystem.addEventListener("change", themeChanged);
  themeChanged();

  // ---- protocol ----------------------------------------------------------------------------
  const radios = Array.from(document.querySelectorAll("input[name=protocol]"));

  function protocolChanged() {
    document.dispatchEvent(new CustomEvent("uipbench:protocol"));
  }

  radios.forEach((radio, index) => {
    radio.checked = state.has("protocol") ? radio.value === state.get("protocol") : index === 0;
    radio.addEventListener("change", () => {
      remember("protocol", index === 0 ? "" : radio.value);
      protocolChanged();
    });
  });
  if (radios.length && !radios.some((radio) => radio.checked)) radios[0].checked = true;

  // ---- sorting -----------------------------------------------------------------------------
  const tables = Array.from(document.querySelectorAll("table[data-sortable]"));

  function cellKey(row, column) {
    const text = row.cells[column].dataset.sort;
    if (text === undefined) return null;
    const value = Number(text);
    return text.trim() === "" || Number.isNaN(value) ? text.toLowerCase() : value;
  }

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), "en", { numeric: true });
  }

  // Rows without a value stay last in both directions; equal ones keep their order.
  function sortTable(table, key, direction) {
    const heads = Array.from(table.tHead.rows[0].cells);
    const column = heads.findIndex((head) => head.dataset.key === key);
    if (column < 0) return;
    const sign = direction === "descending" ? -1 : 1;
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row, index) => ({ row, index, key: cellKey(row, column) }));
    rows.sort((a, b) => {
      if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.index - b.index;
      return sign * compare(a.key, b.key) || a.index - b.index;
    });
    body.append(...rows.map((entry) => entry.row));
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].setAttribute("aria-sort", direction);
  }

  function sortAll(key, direction) {
    tables.forEach((table) => sortTable(table, key, direction));
  }

  function makeButton(head) {
    const label = head.querySelector(".label");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "label";
    button.append(...label.childNodes);
    label.replaceWith(button);
    button.addEventListener("click", () => {
      const { key, first } = head.dataset;
      const other = first === "ascending" ? "descending" : "ascending";
      const direction = head.getAttribute("aria-sort") === first ? other : first;
      sortAll(key, direction);
      remember("sort", direction === "descending" ? `-${key}` : key);
    });
  }

  tables.forEach((table) => {
    table.querySelectorAll("th[data-key]").forEach(makeButton);
  });
  const wanted = state.get("sort");
  if (wanted) sortAll(wanted.replace(/^-/, ""), wanted.startsWith("-") ? "descending" : "ascending");
})();
