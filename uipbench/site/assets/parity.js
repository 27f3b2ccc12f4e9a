// The plots of a task page: prediction against DFT, and the errors of each model.
(function () {
  "use strict";
  const { plots } = window.uipbench;
  const { palette, axis } = plots;
  const parity = document.getElementById("parity-plot");
  const errors = document.getElementById("error-plot");
  const legend = document.getElementById("plot-legend");
  const source = plots.json("parity-data");
  // Colours belong to models, not to places in the table, so that the protocols agree.
  const ids = Array.from(new Set(Object.values(source.protocols).flat().map((t) => t.id))).sort();
  const hidden = new Set();
  let clicks = false;

  const shownTraces = () => source.protocols[plots.protocol()];
  const visibleTraces = () => shownTraces().filter((trace) => !hidden.has(trace.id));

  function range() {
    const values = [0];
    Object.values(source.protocols).flat().forEach((trace) => values.push(...trace.x, ...trace.y));
    source.band.forEach(([value, width]) => values.push(value + width));
    const low = Math.min(...values);
    const high = Math.max(...values, low + 0.1);
    const margin = 0.05 * (high - low);
    return [low < 0 ? low - margin : 0, high + margin];
  }

  function guides([low, high]) {
    const line = {
      x: [low, high], y: [low, high], mode: "lines", hoverinfo: "skip", showlegend: false,
      line: { color: palette.muted, width: 1 },
    };
    if (!source.band.length) return [line];
    const upper = source.band.map(([value, width]) => [value, value + width]);
    const lower = source.band.map(([value, width]) => [value, value - width]).reverse();
    const outline = upper.concat(lower);
    const band = {
      x: outline.map((p) => p[0]), y: outline.map((p) => p[1]), mode: "lines", fill: "toself",
      fillcolor: palette.band, line: { width: 0 }, hoverinfo: "skip", name: "DFT ± uncertainty",
    };
    return [band, line];
  }

  function points(trace, x, y, hover) {
    return {
      x, y, name: trace.name, text: trace.case, customdata: trace.page, mode: "markers",
      type: "scatter", marker: plots.marker(ids, trace.id),
      hovertemplate: `<b>%{text}</b><br>${hover} ${source.unit}`,
    };
  }

  function drawParity() {
    const limits = range();
    const traces = visibleTraces().map((t) => points(t, t.x, t.y, "DFT %{x:.3f}<br>model %{y:.3f}"));
    const axes = {
      xaxis: axis(`DFT ${source.quantity}, ${source.unit}`, { range: limits, constrain: "domain", constraintoward: "left" }),
      yaxis: axis(`Predicted, ${source.unit}`, { range: limits, scaleanchor: "x", constrain: "domain", constraintoward: "top" }),
    };
    plots.react(parity, [...guides(limits), ...traces], plots.layout(Math.min(parity.clientWidth, 560), axes));
  }

  // The points and, in the same row, where half of them lie.
  function drawErrors() {
    const shown = visibleTraces();
    const traces = shown.flatMap((trace, row) => {
      const error = trace.y.map((value, i) => value - trace.x[i]);
      const box = {
        type: "box", x: error, y: error.map(() => row), orientation: "h", width: 0.5, boxpoints: false, hoverinfo: "skip",
        line: { color: plots.style(ids, trace.id).colour, width: 1 }, fillcolor: "rgba(0,0,0,0)", showlegend: false,
      };
      return [box, points(trace, error, error.map(() => row), "error %{x:+.3f}")];
    });
    const rows = { tickvals: shown.map((_, row) => row), ticktext: shown.map((t) => t.short) };
    const axes = {
      xaxis: axis(`Model − DFT, ${source.unit}`, { zeroline: true, zerolinecolor: palette.muted }),
      yaxis: axis("", { ...rows, range: [shown.length - 0.5, -0.5], automargin: true, ticks: "" }),
    };
    plots.react(errors, traces, plots.layout(Math.max(200, 90 + 44 * shown.length), axes));
  }

  function openCase(event) {
    const page = event.points[0].customdata;
    if (page) window.location.href = page;
  }

  function drawLegend() {
    plots.legend(legend, ids, shownTraces(), hidden, redraw);
  }

  function draw() {
    drawLegend();
    drawParity();
    drawErrors();
    if (!clicks) [parity, errors].forEach((plot) => plot.on("plotly_click", openCase));
    clicks = true;
  }

  const redraw = plots.whenNear(parity, draw);
  drawLegend();
})();
