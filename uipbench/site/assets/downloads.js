// Downloads of what is on the screen: CSV, JSON, LaTeX of the table, BibTeX of models and tasks.
(function () {
  "use strict";
  const { format, board } = window.uipbench;
  const data = window.uipbenchData;
  if (!board) return;
  const protect = { "&": "\\&", "%": "\\%", $: "\\$", "#": "\\#", _: "\\_", "{": "\\{", "}": "\\}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\\": "\\textbackslash{}", "<": "\\textless{}", ">": "\\textgreater{}", "±": "$\\pm$", "−": "$-$", "–": "--", "≠": "$\\neq$", "²": "$^2$", "Å": "\\AA{}", "\u202f": "\\," };
  const tex = (text) => Array.from(String(text), (c) => protect[c] || c).join("");
  const csvCell = (value) => {
    const text = value === null || value === undefined || Number.isNaN(value) ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };

  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // The value of a column in a row: a number, a text or null.
  function value(row, column) {
    if (column.kind === "model") return row.model.title;
    if (column.kind === "task") return format.isNumber(row.task_skills[column.task]) ? row.task_skills[column.task] : null;
    if (column.kind === "moved") return row.rank_moved_low === null ? null : `${row.rank_moved_low}–${row.rank_moved_high}`;
    const found = column.key in row ? row[column.key] : row.model[column.key];
    return typeof found === "number" && !Number.isFinite(found) ? null : (found ?? null);
  }

  function unit(column) {
    const { board: shown } = board.current();
    const task = data.tasks.find((one) => one.name === shown.tasks[0]);
    return column.unit === "@" ? task.unit : column.unit || "";
  }

  function description() {
    const { view } = board.current();
    const { selection } = view;
    const used = Object.entries(selection).filter(([, chosen]) => chosen === true || chosen.length);
    return { protocol: view.protocol, task: view.task || "all", weights: view.weights, cases: Object.fromEntries(used) };
  }

  function csv() {
    const { shown, order } = board.current();
    const head = ["name", ...shown.map((column) => [column.title, unit(column)].filter(Boolean).join(" / "))];
    return [head, ...order.map((row) => [row.model.name, ...shown.map((column) => value(row, column))])]
      .map((cells) => cells.map(csvCell).join(",")).join("\n").concat("\n");
  }

  function json() {
    const { order } = board.current();
    const rows = order.map(({ model, ...numbers }) => ({ model: model.name, title: model.title, own: model.own, licence: model.licence, xc: model.xc, ...numbers }));
    const clean = (_, found) => (typeof found === "number" && !Number.isFinite(found) ? null : found);
    return `${JSON.stringify({ uipbench: data.version, view: description(), rows }, clean, 1)}\n`;
  }

  const SHORT = { number: (v, c) => format.number(v, c.digits), signed: (v) => format.signed(v), skill: (v) => format.number(v), task: (v) => format.number(v), coverage: format.percent, amount: format.amount, parameters: format.amount, group: format.letter };

  function latexCell(row, column) {
    const found = value(row, column);
    if (found === null) return "--";
    const text = typeof found === "number" ? (SHORT[column.kind] || String)(found, column) : found;
    const range = column.kind === "skill" && format.isNumber(row.skill_low) ? ` [${format.number(row.skill_low, 2)}, ${format.number(row.skill_high, 2)}]` : "";
    return tex(text + range);
  }

  function latex() {
    const { shown, order, view } = board.current();
    const align = shown.map((column) => (["model", "xc", "text"].includes(column.kind) ? "l" : "r")).join("");
    const head = shown.map((column) => tex([column.title, unit(column)].filter(Boolean).join(", "))).join(" & ");
    const lines = order.map((row) => `${shown.map((column) => latexCell(row, column)).join(" & ")} \\\\`);
    const task = data.tasks.find((one) => one.name === view.task);
    return [
      "% needs \\usepackage{booktabs}", "\\begin{table}", "\\centering",
      `\\caption{${tex(task ? task.title : "All tasks")}, ${view.protocol}; skill with 95\\,\\% bootstrap interval over materials. uipbench ${tex(data.version)}.}`,
      `\\begin{tabular}{${align}}`, "\\toprule", `${head} \\\\`, "\\midrule", ...lines, "\\bottomrule", "\\end{tabular}", "\\end{table}", "",
    ].join("\n");
  }

  function entry(key, title, fields) {
    const lines = Object.entries(fields).filter(([, text]) => text).map(([name, text]) => `  ${name} = {${text}},`);
    return `@misc{${key.replace(/[^A-Za-z0-9:_-]/g, "-")},\n  title = {{${tex(title)}}},\n${lines.join("\n")}\n}\n`;
  }

  function bibtex() {
    const { order, board: shown } = board.current();
    const tasks = data.tasks.filter((task) => shown.tasks.includes(task.name));
    return [
      entry("uipbench", `uipbench ${data.version}`, { author: "{The uipbench developers}" }),
      ...tasks.map((task) => entry(`task:${task.name}`, `${task.title}: definition of the task`, { note: tex(task.citation), doi: task.doi })),
      ...order.map(({ model }) => entry(`model:${model.name}`, model.title, { note: tex(model.citation), doi: model.doi, howpublished: model.url && `\\url{${model.url.replace(/[{}\\]/g, "")}}` })),
    ].join("\n");
  }

  const KINDS = { csv: ["text/csv", csv], json: ["application/json", json], tex: ["text/x-tex", latex], bib: ["text/x-bibtex", bibtex] };
  document.querySelectorAll("button[data-download]").forEach((button) => {
    const [type, make] = KINDS[button.dataset.download];
    button.addEventListener("click", () => save(`uipbench-board.${button.dataset.download}`, `${type};charset=utf-8`, make()));
  });
})();
