// The figures of a case page: curves of DFT and all models, the cases of the material.
(function () {
  "use strict";
  const { plots } = window.uipbench;
  const { palette, axis } = plots;
  const source = plots.json("case-data");
  const ids = source.models;
  const hidden = new Set();
  const redraws = [];
  const legend = document.getElementById("plot-legend");

  const shown = (series) => series.filter((one) => one.id && one.protocol === plots.protocol() && !hidden.has(one.id));

  function drawLegend() {
    const used = new Set([...source.figures, ...(source.material ? [source.material] : [])].flatMap((figure) => figure.series.map((one) => one.id)));
    const items = ids.filter((id) => used.has(id)).map((id) => ({ id, label: source.titles[ids.indexOf(id)] }));
    plots.legend(legend, ids, items, hidden, () => redraws.forEach((redraw) => redraw()));
  }

  function line(figure, series, look) {
    return {
      x: series.x, y: series.y, name: plots.plain(series.name), type: "scatter", mode: figure.steps ? "lines" : "lines+markers",
      line: { color: look.colour, width: look.width, shape: figure.steps ? "linear" : "spline", smoothing: 0.6 },
      marker: { color: look.colour, symbol: look.symbol, size: 8, line: { color: palette.surface, width: 1 } },
      hovertemplate: "%{fullData.name}<br>%{x:.3~f}: %{y:.3f}<extra></extra>",
    };
  }

  function drawFigure(target, figure) {
    const dft = figure.series.filter((one) => !one.id).map((one) => line(figure, one, { colour: palette.ink, width: 3, symbol: "circle" }));
    const models = shown(figure.series).map((one) => line(figure, one, { ...plots.style(ids, one.id), width: 1.6 }));
    const axes = { xaxis: axis(figure.x), yaxis: axis(figure.y, { zeroline: true, zerolinecolor: palette.line }) };
    plots.react(target, [...models, ...dft], plots.layout(380, axes));
  }

  function drawMaterial(target) {
    const { cases, reference, uncertainty, series, y } = source.material;
    const dft = {
      x: cases, y: reference, name: "DFT", mode: "lines+markers", type: "scatter",
      error_y: { type: "data", array: uncertainty, color: palette.muted, thickness: 1 },
      line: { color: palette.ink, width: 3 }, marker: { color: palette.ink, size: 8 },
    };
    const models = shown(series).map((one) => ({
      x: cases, y: one.y, name: plots.plain(one.name), mode: "lines+markers", type: "scatter", connectgaps: false,
      line: { color: plots.style(ids, one.id).colour, width: 1.2 }, marker: plots.marker(ids, one.id),
    }));
    const traces = [...models, dft].map((trace) => ({ ...trace, customdata: source.material.pages, hovertemplate: "%{fullData.name}<br>%{x}: %{y:.3f}<extra></extra>" }));
    plots.react(target, traces, plots.layout(380, { xaxis: axis("", { type: "category" }), yaxis: axis(y) }));
    if (!target.dataset.clicks) target.on("plotly_click", (event) => { window.location.href = event.points[0].customdata; });
    target.dataset.clicks = "yes";
  }

  source.figures.forEach((figure, index) => {
    const target = document.getElementById(`figure-${index}`);
    redraws.push(plots.whenNear(target, () => drawFigure(target, figure)));
  });
  if (source.material) {
    const target = document.getElementById("material-plot");
    redraws.push(plots.whenNear(target, () => drawMaterial(target)));
  }
  if (legend) drawLegend();
})();
