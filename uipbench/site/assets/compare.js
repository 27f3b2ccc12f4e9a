// Two models in their common cases: paired tests, error against error, the cases that differ most.
(function () {
  "use strict";
  const { format, element, plots, url, comparePair } = window.uipbench;
  const { palette, axis } = plots;
  const data = window.uipbenchData;
  const form = document.getElementById("pair");
  const [first, second] = ["a", "b"].map((name) => form.querySelector(`select[name=${name}]`));
  const area = document.getElementById("pair-plots");
  const MOST = 30;
  const names = data.models.map((model) => model.name);
  let found = [];

  const cell = (text, quiet) => element("td", { class: "n" }, quiet ? element("span", { class: "quiet" }, text) : text);
  const title = (select) => data.models[names.indexOf(select.value)].title;

  function words(one) {
    if (!one.interval) return "too few materials for a test";
    const [low, high] = one.interval;
    if (low > 0) return `${title(second)} is better`;
    if (high < 0) return `${title(first)} is better`;
    return "not told apart";
  }

  function testRow(one) {
    const range = one.interval ? one.interval.map((value) => format.signed(value)).join(" … ") : format.MISSING;
    const p = one.pValue === null ? format.MISSING : one.pValue < 0.005 ? "< 0.005" : format.number(one.pValue, 2);
    return element("tr", {},
      element("th", { scope: "row" }, element("a", { href: `tasks/${one.task.name}.html` }, one.task.title), " ", element("span", { class: "unit" }, one.task.unit)),
      cell(`${one.nCases} in ${one.nMaterials} materials`), cell(format.number(one.maeFirst)), cell(format.number(one.maeSecond)),
      cell(format.signed(one.difference)), cell(range), cell(p), cell(`${one.firstBetter} : ${one.secondBetter}`),
      element("td", {}, element("bdi", {}, words(one))));
  }

  function caseRows() {
    const rows = found.flatMap((one) => {
      const scale = one.cases.reduce((total, item) => total + item.trivial, 0) / one.cases.length || 1;
      return one.cases.map((item, i) => ({ one, item, i, gap: Math.abs(one.sizes[0][i] - one.sizes[1][i]) / scale }));
    });
    rows.sort((x, y) => y.gap - x.gap);
    return rows.slice(0, MOST).map(({ one, item, i }) => element("tr", {},
      element("th", { scope: "row" }, element("a", { href: `cases/${one.task.name}/${item.id}.html` }, element("bdi", {}, item.title))),
      element("td", {}, one.task.title), cell(`${format.number(item.reference)} ${one.task.unit}`),
      cell(format.signed(one.errors[0][i])), cell(format.signed(one.errors[1][i]))));
  }

  function draw(target, one) {
    const sizes = one.sizes.flat();
    const limits = [0, Math.max(...sizes) * 1.05 || 1];
    const points = {
      x: one.sizes[0], y: one.sizes[1], text: one.cases.map((item) => plots.plain(item.title)), mode: "markers", type: "scatter",
      customdata: one.cases.map((item) => `cases/${one.task.name}/${item.id}.html`), marker: plots.marker(["x"], "x"),
      hovertemplate: "<b>%{text}</b><br>first %{x:.3f}<br>second %{y:.3f}<extra></extra>",
    };
    const line = { x: limits, y: limits, mode: "lines", hoverinfo: "skip", line: { color: palette.muted, width: 1 } };
    const axes = {
      xaxis: axis(`${plots.plain(title(first))}: size of the error, ${one.task.unit}`, { range: limits, constrain: "domain", constraintoward: "left" }),
      yaxis: axis(`${plots.plain(title(second))}`, { range: limits, scaleanchor: "x", constraintoward: "top" }),
    };
    plots.react(target, [line, points], plots.layout(Math.min(target.clientWidth, 440), axes));
    if (!target.dataset.clicks) target.on("plotly_click", (event) => { if (event.points[0].customdata) window.location.href = event.points[0].customdata; });
    target.dataset.clicks = "yes";
  }

  function figures() {
    area.replaceChildren(...found.map((one) => {
      const target = element("div", { role: "img", "aria-label": `Errors of both models in ${one.task.title}; below the line the second is better. The largest differences are in the table below.` });
      plots.whenNear(target, () => draw(target, one));
      return element("figure", { class: "plot single" }, element("h3", {}, one.task.title), target,
        element("figcaption", {}, "Below the line the second model is better, above it the first. A point opens its case."));
    }));
  }

  function update() {
    url.set("a", first.value);
    url.set("b", second.value);
    const view = { protocol: plots.protocol(), task: "", weights: {}, selection: {} };
    found = comparePair(data, view, names.indexOf(first.value), names.indexOf(second.value));
    const none = element("tr", {}, element("td", { class: "empty", colspan: 9 }, "No case for which both have a number."));
    document.getElementById("pair-tests").replaceChildren(...(found.length ? found.map(testRow) : [none]));
    document.getElementById("pair-cases").replaceChildren(...caseRows());
    figures();
  }

  if (!names.length) return;
  const wanted = [url.get("a"), url.get("b")];
  first.value = names.includes(wanted[0]) ? wanted[0] : names[0];
  second.value = names.includes(wanted[1]) ? wanted[1] : names[Math.min(1, names.length - 1)];
  form.addEventListener("change", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  update();
})();
