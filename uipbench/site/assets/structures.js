// The structures of a case, one at a time; of a hop also the way of the atom that moves, as a film.
(function () {
  "use strict";
  const { element, plots, drawing } = window.uipbench;
  const view = document.getElementById("structure-view");
  const choice = document.getElementById("structure-choice");
  const save = document.getElementById("structure-image");
  const play = document.getElementById("structure-play");
  const { elements, structures, images, path, first } = plots.json("case-data").viewer;
  const MOVING = "#e69f00"; // Okabe and Ito's orange
  const FRAME_MS = 450;
  const KEYS = {
    ArrowLeft: () => drawing.turn(-15, "vy"), ArrowRight: () => drawing.turn(15, "vy"),
    ArrowUp: () => drawing.turn(-15, "vx"), ArrowDown: () => drawing.turn(15, "vx"),
    "+": () => drawing.zoom(1.2), "=": () => drawing.zoom(1.2), "-": () => drawing.zoom(1 / 1.2),
  };
  let current = first;
  let film = null;
  if (!structures.length) return;

  // Copies of the cell along its three vectors; the atoms of the first copy come first.
  function copies({ positions, symbols, cell, repeats }) {
    const found = [];
    for (let a = 0; a < repeats[0]; a += 1) {
      for (let b = 0; b < repeats[1]; b += 1) {
        for (let c = 0; c < repeats[2]; c += 1) {
          positions.forEach((r, i) => found.push([symbols[i], ...r.map((x, k) => x + a * cell[0][k] + b * cell[1][k] + c * cell[2][k])]));
        }
      }
    }
    return found;
  }

  const redraw = plots.whenNear(view, () => {
    const structure = structures[current];
    drawing.draw(view, { structure, atoms: copies(structure), elements, path, moving: MOVING });
    view.setAttribute("aria-label", `Structure in three dimensions: ${structure.role}, ${structure.formula} in the cell`);
    view.dataset.shown = structure.role;
    save.hidden = !drawing.image;
    play.hidden = images.length < 2;
  }, drawing.library, drawing.ready);

  function show(index) {
    current = index;
    radios[index].checked = true;
    redraw();
  }

  function stop() {
    window.clearInterval(film);
    film = null;
    play.textContent = "Play the hop";
  }

  const radios = structures.map((structure, index) => {
    const radio = element("input", { type: "radio", name: "structure", value: index, checked: index === current });
    radio.addEventListener("change", () => { stop(); show(index); });
    return radio;
  });
  choice.replaceChildren(...radios.map((radio, index) => element("label", {}, radio, element("span", {}, structures[index].role))));

  play.addEventListener("click", () => {
    if (film !== null) { stop(); return; }
    film = window.setInterval(() => show(images[(images.indexOf(current) + 1) % images.length]), FRAME_MS);
    play.textContent = "Stop";
  });
  save.addEventListener("click", () => element("a", { href: drawing.image(), download: "uipbench-structure.png" }).click());

  if (!drawing.turn) return;
  view.tabIndex = 0;
  view.setAttribute("role", "application");
  view.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  // The wheel turns the page until the viewer has been clicked or reached with the keyboard.
  view.addEventListener("pointerdown", () => view.focus({ preventScroll: true }));
  view.addEventListener("wheel", (event) => { if (document.activeElement !== view) event.stopPropagation(); }, { capture: true, passive: true });
})();
