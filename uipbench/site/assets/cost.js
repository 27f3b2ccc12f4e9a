// Skill against time per case, with the front of each hardware.
(function () {
  "use strict";
  const { plots } = window.uipbench;
  const { palette, axis } = plots;
  const target = document.getElementById("cost-plot");
  const { models } = plots.json("cost-data");
  const kinds = Array.from(new Set(models.map((model) => model.hardware)));
  let clicks = false;

  function front(hardware) {
    const leading = models.filter((model) => model.hardware === hardware && model.leading).sort((a, b) => a.x - b.x);
    return { x: leading.map((m) => m.x), y: leading.map((m) => m.y), mode: "lines", hoverinfo: "skip", line: { color: palette.muted, width: 1, shape: "hv", dash: "dot" } };
  }

  // On a phone there is room for the names of the leading models alone, shortened.
  function label(model) {
    if (target.clientWidth >= 640) return plots.plain(model.name);
    return model.leading ? plots.plain(model.name.length > 18 ? `${model.name.slice(0, 17)}…` : model.name) : "";
  }

  function points(hardware) {
    const shown = models.filter((model) => model.hardware === hardware);
    const { colour, symbol } = plots.style(kinds, hardware);
    return {
      x: shown.map((m) => m.x), y: shown.map((m) => m.y), text: shown.map(label), hovertext: shown.map((m) => plots.plain(m.name)), customdata: shown.map((m) => m.page),
      name: plots.plain(hardware), mode: models.length > 30 ? "markers" : "markers+text", textposition: "top right", type: "scatter",
      error_y: {
        type: "data", symmetric: false, color: palette.muted, thickness: 1, width: 3,
        array: shown.map((m) => (m.high === null ? 0 : m.high - m.y)), arrayminus: shown.map((m) => (m.low === null ? 0 : m.y - m.low)),
      },
      marker: { size: 10, symbol: shown.map((m) => (m.leading ? symbol : `${symbol}-open`)), color: colour, line: { width: 1.5, color: colour } },
      hovertemplate: "<b>%{hovertext}</b><br>%{x:.2f} s, skill %{y:.3f}<extra></extra>",
    };
  }

  function draw() {
    const [least, most] = [Math.min, Math.max].map((end) => Math.log10(end(...models.map((m) => m.x))));
    const top = Math.max(...models.map((m) => m.high ?? m.y));
    // Plotly labels the ticks between decades by their first digit alone.
    const ticks = [-3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => [1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
    const axes = {
      xaxis: axis("Time per case, s", { type: "log", tickvals: ticks, ticktext: ticks.map((tick) => tick.toLocaleString("en", { maximumFractionDigits: 3 })), range: [least - 0.06, most + 0.22] }),
      yaxis: axis("Skill", { range: [0, Math.min(1.02, top + 0.12)] }),
    };
    plots.react(target, [...kinds.map(front), ...kinds.map(points)], plots.layout(460, axes));
    if (!clicks) target.on("plotly_click", (event) => { window.location.href = event.points[0].customdata; });
    clicks = true;
  }

  plots.whenNear(target, draw);
})();
