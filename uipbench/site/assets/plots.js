// The plots of a task page: prediction against DFT, and the errors of each model.
(function () {
  "use strict";
  const parity = document.getElementById("parity-plot");
  const errors = document.getElementById("error-plot");
  const legend = document.getElementById("plot-legend");
  if (!parity || !errors || !window.Plotly) return;
  const source = JSON.parse(document.getElementById(parity.dataset.source).textContent);
  // Okabe and Ito's colours, which people with any colour vision can tell apart; symbols help.
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c"];
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "pentagon", "star", "x"];
  const GLYPHS = ["●", "■", "◆", "▲", "✚", "⬟", "★", "✖"];
  const CONFIG = { displaylogo: false, responsive: true, modeBarButtons: [["toImage"]] };
  // Colours belong to models, not to places in the table, so that the protocols agree.
  const ids = Array.from(new Set(Object.values(source.protocols).flat().map((t) => t.id))).sort();
  const hidden = new Set();
  const palette = {};

  // Custom properties are not resolved by getComputedStyle; the colour of an element is.
  function readPalette() {
    const probe = document.createElement("span");
    parity.after(probe);
    ["ink", "muted", "line", "surface", "band"].forEach((name) => {
      probe.className = `probe-${name}`;
      palette[name] = window.getComputedStyle(probe).color;
    });
    probe.remove();
  }

  function shownTraces() {
    const checked = document.querySelector("input[name=protocol]:checked");
    return source.protocols[checked ? checked.value : "relaxed"];
  }

  function visibleTraces() {
    return shownTraces().filter((trace) => !hidden.has(trace.id));
  }

  // One checkbox a model; a legend of Plotly's could not be reached with the keyboard.
  function drawLegend() {
    const items = shownTraces().map((trace) => {
      const index = ids.indexOf(trace.id);
      const label = document.createElement("label");
      const box = document.createElement("input");
      const glyph = document.createElement("span");
      box.type = "checkbox";
      box.checked = !hidden.has(trace.id);
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(trace.id);
        else hidden.add(trace.id);
        drawPlots();
      });
      glyph.textContent = GLYPHS[index % GLYPHS.length];
      glyph.style.color = COLOURS[index % COLOURS.length];
      glyph.setAttribute("aria-hidden", "true");
      label.append(box, glyph, ` ${trace.label}`);
      return label;
    });
    legend.replaceChildren(...items);
  }

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
    const index = ids.indexOf(trace.id);
    return {
      x, y, name: trace.name, text: trace.case, customdata: trace.page, mode: "markers",
      type: "scatter",
      marker: {
        color: COLOURS[index % COLOURS.length], symbol: SYMBOLS[index % SYMBOLS.length], size: 9,
        line: { color: palette.surface, width: 1 },
      },
      hovertemplate: `<b>%{text}</b><br>${hover} ${source.unit}`,
    };
  }

  function axis(title, extra) {
    const line = { gridcolor: palette.line, linecolor: palette.line, tickcolor: palette.line };
    return { title: { text: title }, zeroline: false, ticks: "outside", ...line, ...extra };
  }

  function layout(height, axes) {
    return {
      autosize: true, height, showlegend: false, dragmode: false, paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 60, r: 12, t: 8, b: 52 },
      font: { family: window.getComputedStyle(document.body).fontFamily, color: palette.ink, size: 13 },
      hoverlabel: { bgcolor: palette.surface, font: { color: palette.ink } }, ...axes,
    };
  }

  function drawParity() {
    const limits = range();
    const traces = visibleTraces().map((t) => points(t, t.x, t.y, "DFT %{x:.3f}<br>model %{y:.3f}"));
    const axes = {
      xaxis: axis(`DFT ${source.quantity}, ${source.unit}`, { range: limits, constrain: "domain", constraintoward: "left" }),
      yaxis: axis(`Predicted, ${source.unit}`, { range: limits, scaleanchor: "x", constraintoward: "top" }),
    };
    const height = Math.min(parity.clientWidth, 560);
    window.Plotly.react(parity, [...guides(limits), ...traces], layout(height, axes), CONFIG);
  }

  function drawErrors() {
    const shown = visibleTraces();
    const traces = shown.map((trace, row) => {
      const error = trace.y.map((value, i) => value - trace.x[i]);
      return points(trace, error, error.map(() => row), "error %{x:+.3f}");
    });
    const rows = { tickvals: shown.map((_, row) => row), ticktext: shown.map((t) => t.short) };
    const axes = {
      xaxis: axis(`Model − DFT, ${source.unit}`, { zeroline: true, zerolinecolor: palette.muted }),
      yaxis: axis("", { ...rows, range: [shown.length - 0.5, -0.5], automargin: true, ticks: "" }),
    };
    const height = Math.max(200, Math.min(560, 90 + 64 * shown.length));
    window.Plotly.react(errors, traces, layout(height, axes), CONFIG);
  }

  function drawPlots() {
    drawParity();
    drawErrors();
  }

  function draw() {
    readPalette();
    drawLegend();
    drawPlots();
  }

  function openCase(event) {
    const page = event.points[0].customdata;
    if (page) window.location.href = page;
  }

  parity.replaceChildren();
  draw();
  [parity, errors].forEach((plot) => plot.on("plotly_click", openCase));
  document.addEventListener("uipbench:protocol", draw);
  document.addEventListener("uipbench:theme", draw);
})();
