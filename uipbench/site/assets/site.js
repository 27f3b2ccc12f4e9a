// Theme, protocol switch, the state in the URL, and sorting. Pages work without it.
(function () {
  "use strict";
  const root = document.documentElement;
  const state = new URLSearchParams(window.location.search);

  function remember(key, value) {
    const before = state.get(key) || "";
    if (value) state.set(key, value);
    else state.delete(key);
    if ((state.get(key) || "") === before) return;
    const query = state.toString().replace(/%2C/g, ",").replace(/%3A/g, ":");
    try {
      window.history.replaceState(null, "", `${window.location.pathname}${query && `?${query}`}${window.location.hash}`);
    } catch (error) {
      // Some browsers keep file:// addresses as they are; the page itself is right.
    }
  }

  window.uipbench = Object.assign(window.uipbench || {}, { url: { get: (key) => state.get(key) || "", set: remember } });

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

  radios.forEach((radio, index) => {
    radio.checked = state.has("protocol") ? radio.value === state.get("protocol") : index === 0;
    radio.addEventListener("change", () => {
      remember("protocol", index === 0 ? "" : radio.value);
      document.dispatchEvent(new CustomEvent("uipbench:protocol"));
    });
  });
  if (radios.length && !radios.some((radio) => radio.checked)) radios[0].checked = true;

  // ---- tables wider than the screen fade out where there is more ---------------------------------
  const wide = Array.from(document.querySelectorAll(".scroll"));
  const fade = (box) => box.classList.toggle("more", box.scrollWidth - box.clientWidth - box.scrollLeft > 2);
  const watcher = new ResizeObserver((entries) => entries.forEach(({ target }) => fade(target.closest(".scroll"))));
  wide.forEach((box) => {
    box.addEventListener("scroll", () => fade(box), { passive: true });
    [box, ...box.children].forEach((part) => watcher.observe(part));
  });

  // ---- sorting -----------------------------------------------------------------------------
  const tables = Array.from(document.querySelectorAll("table[data-sortable]"));

  function cellKey(row, column) {
    const text = row.cells[column].dataset.sort;
    if (text === undefined) return null;
    const value = Number(text);
    return text.trim() === "" || Number.isNaN(value) ? text.toLowerCase() : value;
  }

  // Rows without a value stay last in both directions; equal ones keep their order.
  function compareKeys(a, b, direction) {
    if (a === null || b === null) return (a === null) - (b === null);
    const sign = direction === "descending" ? -1 : 1;
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b), "en", { numeric: true });
  }

  function markSorted(heads, column, direction) {
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    if (column >= 0) heads[column].setAttribute("aria-sort", direction);
  }

  function sortTable(table, key, direction) {
    const heads = Array.from(table.tHead.rows[0].cells);
    const column = heads.findIndex((head) => head.dataset.key === key);
    if (column < 0) return;
    const body = table.tBodies[0];
    const rows = Array.from(body.rows, (row, index) => ({ row, index, key: cellKey(row, column) }));
    rows.sort((a, b) => compareKeys(a.key, b.key, direction) || a.index - b.index);
    body.append(...rows.map((entry) => entry.row));
    markSorted(heads, column, direction);
  }

  function sortAll(key, direction) {
    tables.forEach((table) => sortTable(table, key, direction));
  }

  // The direction after a click: the column's own first, then the other one.
  function nextDirection(head) {
    const { first } = head.dataset;
    return head.getAttribute("aria-sort") === first ? (first === "ascending" ? "descending" : "ascending") : first;
  }

  function makeButton(head, sort) {
    const label = head.querySelector(".label");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "label";
    button.append(...label.childNodes);
    label.replaceWith(button);
    button.addEventListener("click", () => {
      const { key } = head.dataset;
      const direction = nextDirection(head);
      remember("sort", direction === "descending" ? `-${key}` : key);
      sort(key, direction);
    });
  }

  function wantedSort() {
    const wanted = state.get("sort") || "";
    return { key: wanted.replace(/^-/, ""), direction: wanted.startsWith("-") ? "descending" : "ascending" };
  }

  Object.assign(window.uipbench, { compareKeys, makeButton, markSorted, wantedSort });
  tables.forEach((table) => {
    table.querySelectorAll("th[data-key]").forEach((head) => makeButton(head, sortAll));
  });
  if (state.get("sort")) sortAll(wantedSort().key, wantedSort().direction);
})();
