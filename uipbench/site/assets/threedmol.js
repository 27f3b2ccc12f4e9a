// Structures in 3Dmol.
(function () {
  "use strict";
  const { plots } = window.uipbench;
  const library = document.currentScript.dataset.library;
  const LONGEST = 1.25; // of the sum of the covalent radii, for a bond of a metal to a nonmetal
  const LONGEST_ALIKE = 1.15; // between two nonmetals
  let viewer = null;
  let shownCell = "";

  const point = ([x, y, z]) => ({ x, y, z });

  function addAtoms(places, elements) {
    const model = viewer.addModel();
    const atoms = places.map(([elem, x, y, z], serial) => ({ elem, x, y, z, serial, bonds: [], bondOrder: [] }));
    join(atoms, elements);
    model.addAtoms(atoms);
    const size = Object.values(elements).every(({ metal }) => metal) ? 0.8 : 0.55;
    Object.entries(elements).forEach(([elem, { colour, radius }]) => {
      model.setStyle({ elem }, { sphere: { radius: size * radius, color: colour }, stick: { radius: 0.1, color: colour } });
    });
    return model;
  }

  // Bonds of anions to metals and between nonmetals; lines between metal atoms would say nothing.
  function join(atoms, elements) {
    atoms.forEach((a, i) => {
      for (let j = i + 1; j < atoms.length; j += 1) {
        const b = atoms[j];
        const [one, other] = [elements[a.elem], elements[b.elem]];
        const longest = one.metal === other.metal ? LONGEST_ALIKE : LONGEST;
        const near = Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z) < longest * (one.radius + other.radius);
        if (near && !(one.metal && other.metal)) {
          [[a, j], [b, i]].forEach(([atom, partner]) => { atom.bonds.push(partner); atom.bondOrder.push(1); });
        }
      }
    });
  }

  function addCell({ cell }) {
    const ends = corners(cell);
    [0, 1, 2, 3, 4, 5, 6, 7].forEach((from) => [1, 2, 4].filter((bit) => !(from & bit)).forEach((bit) => {
      viewer.addCylinder({ start: ends[from], end: ends[from | bit], radius: 0.035, color: plots.palette.muted, fromCap: 1, toCap: 1 });
    }));
  }

  function addPath(model, { structure, elements, path, moving }) {
    if (structure.moving === null) return;
    const { radius } = elements[structure.symbols[structure.moving]];
    model.setStyle({ serial: structure.moving }, { sphere: { radius: 0.6 * radius, color: moving } });
    viewer.addCurve({ points: path.map(point), radius: 0.08, color: moving, smooth: 8 });
    path.forEach((r) => viewer.addSphere({ center: point(r), radius: 0.2, color: moving, opacity: 0.75 }));
  }

  function addNames(model) {
    model.setHoverable({}, true, (atom) => {
      const look = { position: atom, fontSize: 13, fontColor: plots.palette.ink, backgroundColor: plots.palette.surface, backgroundOpacity: 0.85 };
      atom.label = atom.label || viewer.addLabel(atom.elem, look);
    }, (atom) => {
      if (atom.label) viewer.removeLabel(atom.label);
      delete atom.label;
    });
  }

  // Seen from the side, z upwards, a little from above and turned; a hop goes across the view.
  function lookFromTheSide(view, { moving }, path) {
    const hop = moving === null ? [1, 0] : [0, 1].map((k) => path[path.length - 1][k] - path[0][k]);
    viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]);
    viewer.rotate(-78, "x");
    viewer.rotate(18 - (Math.atan2(hop[1], hop[0]) * 180) / Math.PI, "z");
    viewer.zoomTo();
    // The vacuum of a slab may lie outside.
    viewer.zoom(room(view, viewer.selectedAtoms({})));
  }

  const corners = (cell) => [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => point([0, 1, 2].map((k) => cell.reduce((sum, vector, i) => sum + ((bits >> i) & 1) * vector[k], 0))));

  // How much larger everything could be drawn in the view.
  function room(view, points) {
    const seen = viewer.modelToScreen(points);
    const box = view.getBoundingClientRect();
    const middle = [box.left + window.scrollX + box.width / 2, box.top + window.scrollY + box.height / 2];
    const [wide, high] = ["x", "y"].map((k, i) => Math.max(...seen.map((p) => Math.abs(p[k] - middle[i]))));
    return Math.min(2.5, 0.44 * box.width / wide, 0.44 * box.height / high);
  }

  function draw(view, scene) {
    if (!viewer) viewer = window.$3Dmol.createViewer(view, { backgroundAlpha: 0, orthographic: true, disableFog: true });
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.removeAllLabels();
    const model = addAtoms(scene.atoms, scene.elements);
    addCell(scene.structure);
    addPath(model, scene);
    addNames(model);
    const cell = scene.structure.cell.join();
    if (cell !== shownCell) lookFromTheSide(view, scene.structure, scene.path);
    shownCell = cell;
    viewer.render();
  }

  window.uipbench.drawing = {
    draw, library,
    ready: () => window.$3Dmol,
    turn: (degrees, axis) => viewer.rotate(degrees, axis),
    zoom: (factor) => viewer.zoom(factor),
    image: () => viewer.pngURI(),
  };
})();
