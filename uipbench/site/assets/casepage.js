// The figures of a case page: curves of DFT and all models, the cases of the material, structures.
(function () {
  "use strict";
  const { element, plots } = window.uipbench;
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

  // ---- structures ------------------------------------------------------------------------------
  const view = document.getElementById("structure-view");
  const choice = document.getElementById("structure-choice");
  const { elements, structures } = source.viewer;
  let current = source.viewer.first;

  // A sphere of triangles: an icosahedron, each face cut in four, twice.
  function sphere() {
    const t = (1 + Math.sqrt(5)) / 2;
    const unit = (v) => { const n = Math.hypot(...v); return v.map((x) => x / n); };
    let points = [[-1, t, 0], [1, t, 0], [-1, -t, 0], [1, -t, 0], [0, -1, t], [0, 1, t], [0, -1, -t], [0, 1, -t], [t, 0, -1], [t, 0, 1], [-t, 0, -1], [-t, 0, 1]].map(unit);
    let faces = [[0, 11, 5], [0, 5, 1], [0, 1, 7], [0, 7, 10], [0, 10, 11], [1, 5, 9], [5, 11, 4], [11, 10, 2], [10, 7, 6], [7, 1, 8], [3, 9, 4], [3, 4, 2], [3, 2, 6], [3, 6, 8], [3, 8, 9], [4, 9, 5], [2, 4, 11], [6, 2, 10], [8, 6, 7], [9, 8, 1]];
    for (let round = 0; round < 2; round += 1) {
      const middles = new Map();
      const middle = (a, b) => {
        const key = a < b ? `${a},${b}` : `${b},${a}`;
        if (!middles.has(key)) { points = [...points, unit(points[a].map((x, i) => x + points[b][i]))]; middles.set(key, points.length - 1); }
        return middles.get(key);
      };
      faces = faces.flatMap(([a, b, c]) => {
        const [d, e, f] = [middle(a, b), middle(b, c), middle(c, a)];
        return [[a, d, f], [d, b, e], [f, e, c], [d, e, f]];
      });
    }
    return { points, faces };
  }
  const ball = sphere();

  function copies({ positions, symbols, cell, repeats }) {
    const found = [];
    for (let a = 0; a < repeats[0]; a += 1) {
      for (let b = 0; b < repeats[1]; b += 1) {
        positions.forEach((r, i) => found.push({ symbol: symbols[i], r: r.map((x, k) => x + a * cell[0][k] + b * cell[1][k]) }));
      }
    }
    return found;
  }

  function atomsTrace(symbol, atoms) {
    const mesh = { x: [], y: [], z: [], i: [], j: [], k: [] };
    const radius = 0.75 * elements[symbol].radius;
    atoms.forEach(({ r }) => {
      const offset = mesh.x.length;
      ball.points.forEach((p) => { mesh.x.push(r[0] + radius * p[0]); mesh.y.push(r[1] + radius * p[1]); mesh.z.push(r[2] + radius * p[2]); });
      ball.faces.forEach(([i, j, k]) => { mesh.i.push(offset + i); mesh.j.push(offset + j); mesh.k.push(offset + k); });
    });
    return {
      type: "mesh3d", ...mesh, color: elements[symbol].colour, name: symbol, hoverinfo: "name", flatshading: false,
      lighting: { ambient: 0.45, diffuse: 0.75, specular: 0.3, roughness: 0.4, fresnel: 0.1 }, lightposition: { x: 60000, y: 100000, z: -25000 },
    };
  }

  function cellTrace({ cell }) {
    const corner = (a, b, c) => [0, 1, 2].map((k) => a * cell[0][k] + b * cell[1][k] + c * cell[2][k]);
    const path = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1], [0, 0, 1], null, [1, 0, 0], [1, 0, 1], null, [1, 1, 0], [1, 1, 1], null, [0, 1, 0], [0, 1, 1]];
    const corners = path.map((p) => (p ? corner(...p) : [null, null, null]));
    return {
      type: "scatter3d", mode: "lines", hoverinfo: "skip", line: { color: palette.muted, width: 2 },
      x: corners.map((p) => p[0]), y: corners.map((p) => p[1]), z: corners.map((p) => p[2]),
    };
  }

  function drawStructure() {
    const structure = structures[current];
    const bySymbol = new Map();
    copies(structure).forEach((atom) => bySymbol.set(atom.symbol, [...(bySymbol.get(atom.symbol) || []), atom]));
    const traces = Array.from(bySymbol, ([symbol, atoms]) => atomsTrace(symbol, atoms));
    const bare = { visible: false };
    const scene = {
      xaxis: bare, yaxis: bare, zaxis: bare, aspectmode: "data", bgcolor: "rgba(0,0,0,0)", dragmode: "orbit",
      camera: { projection: { type: "orthographic" }, eye: { x: 0.3, y: -1.1, z: 0.18 }, up: { x: 0, y: 0, z: 1 } },
    };
    const shape = { ...plots.layout(460, {}), scene, margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: String(current) };
    plots.react(view, [...traces, cellTrace(structure)], shape);
  }

  if (view && structures.length) {
    choice.replaceChildren(...structures.map((structure, index) => {
      const radio = element("input", { type: "radio", name: "structure", value: index, checked: index === current });
      radio.addEventListener("change", () => { current = index; redrawStructure(); });
      return element("label", {}, radio, element("span", {}, structure.role));
    }));
  }
  const redrawStructure = plots.whenNear(view, drawStructure);
})();
