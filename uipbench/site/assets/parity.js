// The parity plot of a task page.
(function () {
  "use strict";
  const plot = document.getElementById("parity-plot");
  if (!plot || !window.Plotly) return;
  const source = JSON.parse(document.getElementById(plot.dataset.source).textContent);
  // Okabe and Ito's colours, which people with any colour vision can tell apart; symbols help.
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c"];
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "pentagon", "star", "x"];
  let hidden = new Set();

  // Custom properties are not resolved by getComputedStyle; the colour of an element is.
  function colour(name) {
    const probe = document.createElement("span");
    probe.className = `probe-${name}`;
    plot.after(probe);
    const value = window.getComputedStyle(probe).color;
    probe.remove();
    return value;
  }

  function protocol() {
    const checked = document.querySelector("input[name=protocol]:checked");
    return checked ? checked.value : "relaxed";
  }

  function range() {
    const values = [0];
    Object.values(source.protocols).forEach((traces) => {
      traces.forEach((trace) => values.push(...trace.x, ...trace.y));
    });
    source.band.forEach(([value, width]) => values.push(value + width));
    const low = Math.min(...values);
    const high = Math.max(...values, low + 0.1);
    const margin = 0.05 * (high - low);
    return [low < 0 ? low - margin : 0, high + margin];
  }

  function guides([low, high]) {
    const line = {
      x: [low, high], y: [low, high], mode: "lines", hoverinfo: "skip", showlegend: false,
      line: { color: colour("muted"), width: 1 },
    };
    if (!source.band.length) return [line];
    const upper = source.band.map(([value, width]) => [value, value + width]);
    const lower = source.band.map(([value, width]) => [value, value - width]).reverse();
    const outline = upper.concat(lower);
    const band = {
      x: outline.map((p) => p[0]), y: outline.map((p) => p[1]), mode: "lines", fill: "toself",
      fillcolor: colour("band"), line: { width: 0 }, hoverinfo: "skip", name: "DFT ± uncertainty",
    };
    return [band, line];
  }

  function points(trace, index) {
    return {
      x: trace.x, y: trace.y, name: trace.name, text: trace.case, customdata: trace.page,
      mode: "markers", type: "scatter", visible: hidden.has(trace.name) ? "legendonly" : true,
      marker: {
        color: COLOURS[index % COLOURS.length], symbol: SYMBOLS[index % SYMBOLS.length], size: 9,
        line: { color: colour("surface"), width: 1 },
      },
      hovertemplate: `<b>%{text}</b><br>DFT %{x:.3f}<br>model %{y:.3f} ${source.unit}`,
    };
  }

  function axis(title, limits) {
    return {
      title: { text: title }, range: limits, gridcolor: colour("line"), linecolor: colour("line"),
      zeroline: false, ticks: "outside", tickcolor: colour("line"),
    };
  }

  function layout(limits, narrow) {
    return {
      autosize: true, height: narrow ? 560 : 540, dragmode: false,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: window.getComputedStyle(document.body).fontFamily, color: colour("ink"), size: 13 },
      margin: narrow ? { l: 52, r: 8, t: 8, b: 48 } : { l: 64, r: 16, t: 8, b: 56 },
      xaxis: axis(`DFT ${source.quantity}, ${source.unit}`, limits),
      yaxis: Object.assign(axis(`Predicted, ${source.unit}`, limits), { scaleanchor: "x", constrain: "domain" }),
      legend: narrow ? { orientation: "h", y: -0.16 } : { y: 1 },
      hoverlabel: { bgcolor: colour("surface"), font: { color: colour("ink") } },
    };
  }

  function draw() {
    const limits = range();
    const narrow = plot.clientWidth < 560;
    // Colours belong to models, not to places in the table, so that the protocols agree.
    const names = Array.from(new Set(Object.values(source.protocols).flat().map((t) => t.name))).sort();
    const traces = source.protocols[protocol()].map((trace) => points(trace, names.indexOf(trace.name)));
    const config = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"]] };
    window.Plotly.react(plot, [...guides(limits), ...traces], layout(limits, narrow), config);
  }

  plot.replaceChildren();
  draw();
  plot.on("plotly_click", (event) => {
    const page = event.points[0].customdata;
    if (page) window.location.href = page;
  });
  plot.on("plotly_restyle", () => {
    hidden = new Set(plot.data.filter((t) => t.visible === "legendonly").map((t) => t.name));
  });
  document.addEventListener("uipbench:protocol", draw);
  document.addEventListener("uipbench:theme", draw);
})();
