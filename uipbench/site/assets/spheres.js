// Structures as spheres of Plotly's: what a site has that was built without the package of 3Dmol.
(function () {
  "use strict";
  const { plots } = window.uipbench;

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

  function atomsTrace(name, colour, radius, places) {
    const mesh = { x: [], y: [], z: [], i: [], j: [], k: [] };
    places.forEach((r) => {
      const offset = mesh.x.length;
      ball.points.forEach((p) => { mesh.x.push(r[0] + radius * p[0]); mesh.y.push(r[1] + radius * p[1]); mesh.z.push(r[2] + radius * p[2]); });
      ball.faces.forEach(([i, j, k]) => { mesh.i.push(offset + i); mesh.j.push(offset + j); mesh.k.push(offset + k); });
    });
    return {
      type: "mesh3d", ...mesh, color: colour, name, hoverinfo: "name", flatshading: false,
      lighting: { ambient: 0.45, diffuse: 0.75, specular: 0.3, roughness: 0.4, fresnel: 0.1 }, lightposition: { x: 60000, y: 100000, z: -25000 },
    };
  }

  function linesTrace(points, colour, width) {
    const [x, y, z] = [0, 1, 2].map((k) => points.map((p) => (p ? p[k] : null)));
    return { type: "scatter3d", mode: "lines", hoverinfo: "skip", line: { color: colour, width }, x, y, z };
  }

  const EDGES = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1], [0, 0, 1], null, [1, 0, 0], [1, 0, 1], null, [1, 1, 0], [1, 1, 1], null, [0, 1, 0], [0, 1, 1]];
  const inCell = (cell, p) => p && [0, 1, 2].map((k) => p[0] * cell[0][k] + p[1] * cell[1][k] + p[2] * cell[2][k]);

  function draw(view, { structure, atoms, elements, path, moving }) {
    const bySymbol = new Map();
    atoms.forEach(([symbol, ...r], index) => {
      if (index !== structure.moving) bySymbol.set(symbol, [...(bySymbol.get(symbol) || []), r]);
    });
    const traces = Array.from(bySymbol, ([symbol, places]) => atomsTrace(symbol, elements[symbol].colour, 0.75 * elements[symbol].radius, places));
    if (structure.moving !== null) {
      const [symbol, ...r] = atoms[structure.moving];
      traces.push(atomsTrace(symbol, moving, 0.8 * elements[symbol].radius, [r]), linesTrace(path, moving, 6));
    }
    traces.push(linesTrace(EDGES.map((p) => inCell(structure.cell, p)), plots.palette.muted, 2));
    const bare = { visible: false };
    const scene = {
      xaxis: bare, yaxis: bare, zaxis: bare, aspectmode: "data", bgcolor: "rgba(0,0,0,0)", dragmode: "orbit",
      camera: { projection: { type: "orthographic" }, eye: { x: 0.3, y: -1.1, z: 0.18 }, up: { x: 0, y: 0, z: 1 } },
    };
    plots.react(view, traces, { ...plots.layout(view.clientHeight, {}), scene, margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: structure.cell.join() });
  }

  window.uipbench.drawing = { draw };
})();
