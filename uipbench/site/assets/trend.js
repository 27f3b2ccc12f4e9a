// The chosen number of every model night by night, with the first points of new levels.
(function () {
  "use strict";
  const { element, plots, url } = window.uipbench;
  const { palette, axis } = plots;
  const form = document.getElementById("trend-choice");
  if (!form) return;
  const { days, models, series } = plots.json("trend-data");
  const target = document.getElementById("trend-plot");
  const legend = document.getElementById("plot-legend");
  const hidden = new Set();
  const shown = () => series.filter((one) => one.metric === form.elements.metric.value && one.place === form.elements.place.value);

  function offer(name, key) {
    const values = Array.from(new Set(series.map((one) => one[key])));
    const select = form.elements[name];
    select.replaceChildren(...values.map((value) => element("option", { value }, value)));
    if (values.includes(url.get(name))) select.value = url.get(name);
  }

  function traces(one) {
    const look = plots.style(models, one.model);
    const x = one.at.map((night) => plots.plain(days[night]));
    const line = {
      x, y: one.values, name: plots.plain(one.title), type: "scatter", mode: "lines+markers",
      line: { color: look.colour, width: 1.4 }, marker: { ...plots.marker(models, one.model), size: 6 },
      hovertemplate: "%{fullData.name}<br>%{x}: %{y:.4~f}<extra></extra>",
    };
    const rings = {
      x: one.steps.map((k) => x[k]), y: one.steps.map((k) => one.values[k]), type: "scatter", mode: "markers", hoverinfo: "skip",
      marker: { symbol: "circle-open", size: 16, color: palette.ink, line: { width: 1.5 } },
    };
    return [line, rings];
  }

  function draw() {
    const found = shown();
    const [first] = found;
    const title = first ? `${first.metric}${first.unit ? `, ${first.unit}` : ""}` : "";
    const visible = found.filter((one) => !hidden.has(one.model));
    const axes = { xaxis: axis("", { type: "date", tickformat: "%-d %b %Y", nticks: Math.max(2, Math.floor(target.clientWidth / 160)) }), yaxis: axis(title) };
    plots.react(target, visible.flatMap(traces), plots.layout(400, axes));
  }

  const redraw = plots.whenNear(target, draw);

  function update() {
    url.set("metric", form.elements.metric.value);
    url.set("place", form.elements.place.value);
    plots.legend(legend, models, shown().map((one) => ({ id: one.model, label: one.title })), hidden, redraw);
    redraw();
  }

  offer("metric", "metric");
  offer("place", "place");
  form.addEventListener("change", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  plots.legend(legend, models, shown().map((one) => ({ id: one.model, label: one.title })), hidden, redraw);
})();
