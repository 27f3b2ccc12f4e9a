// The board: rows computed from the records under what the visitor chose, rendered as one table.
(function () {
  "use strict";
  const { format, element, debounced, state, computeBoard, compareKeys, makeButton, markSorted, wantedSort } = window.uipbench;
  const data = window.uipbenchData;
  const table = document.getElementById("board");
  if (!table || !state || !data) return;
  const { form } = state;
  const columns = JSON.parse(document.getElementById("board-columns").textContent);
  const summary = document.getElementById("board-summary");
  const matches = document.getElementById("case-matches");
  const LIMIT = 60;
  let current = null;

  // ---- cells ---------------------------------------------------------------------------------
  const quiet = (text) => element("span", { class: "quiet" }, text);
  const dash = () => element("td", { class: "n" }, quiet(format.MISSING));

  function numberCell(value, shown, extra = "") {
    if (!format.isNumber(value)) return dash();
    return element("td", { class: `n ${extra}`.trim(), "data-sort": value }, shown);
  }

  function bar(row, limit) {
    const at = (value) => Math.max(0, Math.min(100, 100 * value)).toFixed(1);
    const parts = [
      element("rect", { class: "rail", width: 100, height: 4, y: 3 }),
      element("rect", { class: "fill", width: at(row.skill), height: 4, y: 3 }),
    ];
    if (format.isNumber(row.skill_low)) {
      parts.push(element("line", { class: "whisker", x1: at(row.skill_low), x2: at(row.skill_high), y1: 5, y2: 5 }));
    }
    if (format.isNumber(limit)) {
      parts.push(element("line", { class: "limit", x1: at(limit), x2: at(limit), y1: 0, y2: 10 }));
    }
    return element("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" }, ...parts);
  }

  function skillCell(row) {
    if (!format.isNumber(row.skill)) return dash();
    const range = format.isNumber(row.skill_low)
      ? element("span", { class: "range" }, `${format.number(row.skill_low, 2)}–${format.number(row.skill_high, 2)}`)
      : null;
    const limit = current.view.task ? current.board.limit[current.view.task] : current.board.overallLimit;
    return element("td", { class: "n skill", "data-sort": row.skill }, format.number(row.skill), range ? " " : "", range, bar(row, limit));
  }

  function rankCell(row) {
    if (row.rank === null) return element("td", { class: "n rank" }, format.MISSING);
    const range = row.rank_low !== null && row.rank_low !== row.rank_high
      ? element("span", { class: "range" }, `${row.rank_low}–${row.rank_high}`) : null;
    return element("td", { class: "n rank", "data-sort": row.rank }, String(row.rank), range ? " " : "", range);
  }

  function modelCell(row) {
    const { model } = row;
    const link = element("a", { href: `models/${model.name}.html` }, element("bdi", {}, model.title));
    const own = model.own ? element("span", { class: "tag own" }, "own") : null;
    const check = model.failedChecks.length
      ? element("span", { class: "tag failed", title: `Failed before scoring: ${model.failedChecks.join(", ")}` }, "check failed") : null;
    return element("th", { scope: "row", "data-sort": model.title }, link, own ? " " : "", own, check ? " " : "", check, ...notes(row));
  }

  // What is not as complete as it looks.
  function notes(row) {
    if (!row.ran.length) return [element("span", { class: "tag" }, row.n_stale ? "stale" : "not run")];
    const tags = [];
    if (row.ran.length < current.board.tasks.length) {
      tags.push(element("span", { class: "tag" }, `${row.ran.length} of ${current.board.tasks.length} tasks`));
    }
    return tags;
  }

  function coverageCell(row) {
    if (!row.ran.length) return element("td", { class: "n" }, quiet(`0/${row.n_cases}`));
    const cell = element("td", { class: "n", "data-sort": row.coverage }, format.percent(row.coverage), " ",
      quiet(`${row.n_predicted}/${row.n_cases}`));
    const task = current.view.task || (current.board.tasks.length === 1 ? current.board.tasks[0] : "");
    const anchor = task ? `#failures-${task}` : "";
    if (row.n_failed) cell.append(element("a", { class: "tag failed", href: `models/${row.model.name}.html${anchor}` }, `${row.n_failed} failed`));
    if (row.n_stale) cell.append(element("span", { class: "tag" }, `${row.n_stale} stale`));
    if (row.n_missing) cell.append(element("span", { class: "tag" }, `${row.n_missing} not run`));
    return cell;
  }

  function xcCell({ model }) {
    const found = current.board.tasks.map((task) => model.mismatch[task]).filter(Boolean);
    const other = Array.from(new Set(found.map(([text]) => text))).join(", ");
    const reasons = Array.from(new Set(found.map(([, text]) => text))).join("; ");
    const tag = other ? element("span", { class: "tag mismatch", title: reasons }, `≠ ${other}`) : null;
    return element("td", { class: "t", "data-sort": model.xc }, element("bdi", {}, model.xc), tag ? " " : "", tag);
  }

  function movedCell(row) {
    if (row.rank_moved_low === null) return dash();
    const [low, high] = [row.rank_moved_low, row.rank_moved_high];
    return element("td", { class: "n", "data-sort": low + high }, low === high ? String(low) : `${low}–${high}`);
  }

  const KINDS = {
    rank: rankCell,
    model: modelCell,
    skill: skillCell,
    coverage: coverageCell,
    moved: movedCell,
    xc: xcCell,
    group: (row) => numberCell(row.group, format.letter(row.group), "group"),
    task: (row, column) => numberCell(row.task_skills[column.task], format.number(row.task_skills[column.task])),
    number: (row, column) => numberCell(row[column.key], format.number(row[column.key], column.digits)),
    signed: (row, column) => numberCell(row[column.key], format.signed(row[column.key])),
    amount: (row, column) => (row.ran.length ? numberCell(row[column.key], format.amount(row[column.key])) : dash()),
    parameters: ({ model }) => numberCell(model.parameters, format.amount(model.parameters)),
    text: ({ model }, column) => element("td", { class: `t ${column.key}`, "data-sort": model[column.key] }, element("bdi", {}, model[column.key] || format.MISSING)),
  };

  // ---- columns -------------------------------------------------------------------------------
  // Errors have a unit only in one task; the tasks have a column each only where there are several.
  function shownColumns() {
    const single = current.board.tasks.length === 1;
    return columns.flatMap((column) => {
      if (column.kind === "tasks") {
        const found = data.tasks.filter((task) => current.board.tasks.includes(task.name));
        return single || !current.columns.has(column.key) ? []
          : found.map((task) => ({ key: `skill.${task.name}`, task: task.name, title: task.title, unit: "skill", kind: "task", first: "descending" }));
      }
      const wanted = column.fixed || current.columns.has(column.key);
      return wanted && (single || !column.single) ? [column] : [];
    });
  }

  function heading(column) {
    const task = data.tasks.find((one) => one.name === current.board.tasks[0]);
    const unit = column.unit === "@" ? task && task.unit : column.unit;
    const text = ["model", "xc", "text"].includes(column.kind);
    const head = element("th", { scope: "col", class: text ? "t" : "n", "data-key": column.key, "data-first": column.first },
      element("span", { class: "label" }, column.title), unit ? " " : "", unit ? element("span", { class: "unit" }, unit) : null);
    makeButton(head, render);
    return head;
  }

  // ---- the table -----------------------------------------------------------------------------
  function sortKey(cell) {
    const text = cell.dataset.sort;
    if (text === undefined) return null;
    return text.trim() === "" || Number.isNaN(Number(text)) ? text.toLowerCase() : Number(text);
  }

  function tableRow(row, shown, groupStart) {
    const cells = shown.map((column) => KINDS[column.kind](row, column));
    const names = [row.model.own ? "own-row" : "", row.rank === null ? "unranked" : "", groupStart ? "group-start" : ""];
    return { row, cells, line: element("tr", { class: names.filter(Boolean).join(" ") || null }, ...cells) };
  }

  function sorted(lines, shown) {
    const { key, direction } = wantedSort();
    const found = shown.findIndex((column) => column.key === key);
    const column = found >= 0 ? found : 0;
    const way = found >= 0 ? direction : "ascending";
    const keyed = lines.map((one, index) => ({ ...one, index, key: sortKey(one.cells[column]) }));
    keyed.sort((a, b) => compareKeys(a.key, b.key, way) || (b.row.skill || 0) - (a.row.skill || 0) || a.index - b.index);
    return { keyed, column, way };
  }

  function markGroups(lines) {
    lines.forEach((one, i) => {
      const before = i ? lines[i - 1].row.group : one.row.group;
      if (one.row.group !== before && one.row.group !== null) one.line.classList.add("group-start");
    });
  }

  // Why there are no rows.
  function nothing() {
    if (current.board.tasks.length) return "No model fits these filters.";
    const counts = (task) => task.protocols[current.view.protocol].length >= data.leastCases;
    return current.view.task || data.tasks.some(counts)
      ? "No case fits these filters." : "An overall score needs a task of three cases or more. Each task above has its own numbers.";
  }

  function render() {
    const shown = shownColumns();
    const listed = current.listed.map((m) => tableRow(current.board.rows[m], shown, false));
    const { keyed, column, way } = sorted(listed, shown);
    if (shown[column].key === "rank" && way === "ascending") markGroups(keyed);
    const heads = shown.map(heading);
    markSorted(heads, column, way);
    table.tHead.replaceChildren(element("tr", {}, ...heads));
    const empty = element("tr", {}, element("td", { class: "empty", colspan: shown.length }, nothing()));
    table.tBodies[0].replaceChildren(...(keyed.length && current.board.tasks.length ? keyed.map((one) => one.line) : [empty]));
    current.shown = shown;
    current.order = keyed.map((one) => one.row);
  }

  // ---- around the table ----------------------------------------------------------------------
  function caption() {
    const names = { relaxed: "Relaxed: every structure relaxed by the model itself, what a user would get.", fixed: "Fixed: energies at the DFT structures, nothing moves." };
    document.getElementById("board-caption").textContent = `${names[current.view.protocol]} `;
  }

  function leaders() {
    const ranked = current.listed.map((m) => current.board.rows[m]).filter((row) => row.rank !== null).sort((a, b) => a.rank - b.rank);
    if (ranked.length < 2 || ranked[0].group === null) return [];
    const tied = ranked.filter((row) => row.group === ranked[0].group);
    const [first, second] = ranked;
    const pair = element("a", { href: `compare.html?a=${first.model.name}&b=${second.model.name}${current.view.protocol === "fixed" ? "&protocol=fixed" : ""}` }, "Compare the first two");
    const name = (row) => element("b", {}, element("bdi", {}, row.model.title));
    const text = tied.length > 1
      ? [`Not told apart by these cases: `, ...tied.slice(0, 5).flatMap((row, i) => [i ? ", " : "", name(row)]), tied.length > 5 ? ` and ${tied.length - 5} more` : "", ". "]
      : [name(first), " is ahead of ", name(second), " beyond chance. "];
    return [element("span", {}, ...text, pair, ". "), moved(ranked, name)];
  }

  // How much the order would change if the references moved within their uncertainty.
  function moved(ranked, name) {
    const [first] = ranked;
    const most = Math.max(...ranked.map((row) => Math.max(row.rank - row.rank_moved_low, row.rank_moved_high - row.rank)));
    const places = most ? `by more than ${most} place${most === 1 ? "" : "s"}` : "at all";
    const more = document.querySelector("nav a[href='robustness.html']");
    return element("span", {}, "If every reference moved within its uncertainty, ", name(first), ` would be first in ${format.percent(first.first_moved)} of ${data.moves} draws, and no model would move ${places} in 95 % of them. `,
      more ? element("a", { href: more.getAttribute("href") }, "How firm the order is") : null, more ? "." : "");
  }

  function summarise() {
    const { board, listed, view } = current;
    const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
    const facts = board.tasks.length || state.isFiltered()
      ? `${plural(listed.length, "model")}, ${plural(board.nCases, "case")} in ${plural(board.nMaterials, "material")}. ` : "";
    const part = !view.task && board.tasks.length && board.tasks.length < data.tasks.length
      ? `Three cases or more, and results, in ${board.tasks.length} of ${data.tasks.length} tasks. ` : "";
    const few = view.task && listed.every((m) => board.rows[m].rank === null) && listed.some((m) => board.rows[m].ran.length)
      ? "Fewer than three cases: errors, but no skill and no rank. " : "";
    summary.replaceChildren(element("span", {}, facts + part + few), ...leaders());
    document.getElementById("reset").hidden = !state.isFiltered();
  }

  function listMatches() {
    const { query, view } = current;
    const hits = query.length < 2 ? [] : data.tasks.flatMap((task) => task.protocols[view.protocol]
      .filter((item) => `${item.title} ${item.material} ${item.chemistry}`.toLowerCase().includes(query))
      .map((item) => ({ task, item })));
    const links = hits.slice(0, LIMIT).map(({ task, item }) => element("li", {},
      element("a", { href: `cases/${task.name}/${item.id}.html` }, element("bdi", {}, item.title)), " ", quiet(task.title)));
    matches.replaceChildren(...(links.length ? [element("p", { class: "small quiet" }, "Cases of this name"), element("ul", {}, ...links)] : []));
  }

  function menuCounts() {
    form.querySelectorAll("details.menu").forEach((menu) => {
      const used = menu.querySelectorAll("input[type=checkbox]:checked:not([name=column])").length;
      const count = menu.querySelector(".count");
      if (count) count.textContent = used ? ` ${used}` : "";
    });
    form.querySelectorAll("input[type=range]").forEach((slider) => {
      slider.nextElementSibling.textContent = slider.value;
    });
  }

  function update() {
    const chosen = state.read();
    const tasks = data.tasks.map((task) => task.name).filter((name) => !chosen.view.task || name === chosen.view.task);
    const listed = data.models.map((_, m) => m).filter((m) => state.lists(chosen, data.models[m], tasks) || matchesCase(chosen));
    current = { ...chosen, listed, board: computeBoard(data, chosen.view, listed) };
    state.toUrl();
    caption();
    render();
    summarise();
    listMatches();
    menuCounts();
    document.dispatchEvent(new CustomEvent("uipbench:board"));
  }

  // A search for a case ("LiF") keeps all models: the visitor wants the case, not an empty board.
  function matchesCase({ query, view }) {
    if (query.length < 2) return false;
    const models = data.models.some((model) => `${model.name} ${model.title}`.toLowerCase().includes(query));
    const item = (one) => `${one.title} ${one.material}`.toLowerCase().includes(query);
    return !models && data.tasks.some((task) => task.protocols[view.protocol].some(item));
  }

  const soon = debounced(update);
  form.hidden = false;
  state.fromUrl();
  form.addEventListener("change", update);
  form.addEventListener("input", soon);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("reset").addEventListener("click", () => {
    state.reset();
    update();
  });
  document.addEventListener("keydown", (event) => {
    const open = form.querySelector("details.menu[open]");
    if (event.key === "Escape" && open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });
  document.addEventListener("click", (event) => {
    form.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
  document.addEventListener("uipbench:protocol", update);
  update();
  window.uipbench.board = { current: () => current };
})();
