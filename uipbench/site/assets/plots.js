// What all plots share: libraries loaded when a plot comes near the screen, colours of the theme,
// axes, a legend that the keyboard reaches, PNG and SVG.
(function () {
  "use strict";
  const { element } = window.uipbench;
  const library = document.currentScript.dataset.library;
  // Okabe and Ito's colours, which people with any colour vision can tell apart; symbols help.
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c"];
  const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "pentagon", "star", "x"];
  const GLYPHS = ["●", "■", "◆", "▲", "✚", "⬟", "★", "✖"];
  const palette = {};
  const loading = new Map();

  // The library of the structures takes Plotly's style sheet, found by its id, out of the document.
  const keepStyles = () => document.querySelectorAll("style[id^='plotly.js-style']").forEach((style) => style.removeAttribute("id"));

  function load(address) {
    if (!loading.has(address)) {
      loading.set(address, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = address;
        script.addEventListener("load", () => { keepStyles(); resolve(); });
        script.addEventListener("error", reject);
        document.head.append(script);
      }));
    }
    return loading.get(address);
  }

  // Plots have a width in pixels; on paper they are scaled to that of a page.
  const PAPER = 680;
  const drawnPlots = () => document.querySelectorAll(".js-plotly-plot");
  window.addEventListener("beforeprint", () => drawnPlots().forEach((plot) => { plot.style.zoom = Math.min(1, PAPER / plot.clientWidth); }));
  window.addEventListener("afterprint", () => drawnPlots().forEach((plot) => { plot.style.zoom = ""; }));

  // Draws once the target is near the screen, and again when the theme or the protocol changes.
  function whenNear(target, draw, address = library, ready = () => window.Plotly) {
    let drawn = false;
    const redraw = () => { if (drawn) { readPalette(target); draw(); } };
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      load(address).then(() => {
        if (!ready()) return;
        drawn = true;
        target.replaceChildren();
        redraw();
      }).catch(() => {
        target.replaceChildren(element("p", { class: "quiet plot-note" }, "The plot could not be loaded; the tables have the same numbers."));
      });
    }, { rootMargin: "300px" });
    watcher.observe(target);
    document.addEventListener("uipbench:theme", redraw);
    document.addEventListener("uipbench:protocol", redraw);
    return redraw;
  }

  // Custom properties are not resolved by getComputedStyle; the colour of an element is.
  function readPalette(target) {
    const probe = element("span");
    target.after(probe);
    ["ink", "muted", "line", "surface", "band"].forEach((name) => {
      probe.className = `probe-${name}`;
      palette[name] = window.getComputedStyle(probe).color;
    });
    probe.remove();
  }

  // The same model has the same colour and symbol on a page, whatever is shown of it.
  const style = (ids, id) => {
    const index = ids.indexOf(id);
    return { colour: COLOURS[index % COLOURS.length], symbol: SYMBOLS[index % SYMBOLS.length], glyph: GLYPHS[index % GLYPHS.length] };
  };

  function marker(ids, id) {
    const { colour, symbol } = style(ids, id);
    return { color: colour, symbol, size: 9, line: { color: palette.surface, width: 1 } };
  }

  function axis(title, extra) {
    const line = { gridcolor: palette.line, linecolor: palette.line, tickcolor: palette.line };
    return { title: { text: title }, zeroline: false, ticks: "outside", ...line, ...extra };
  }

  function layout(height, axes) {
    return {
      autosize: true, height, showlegend: false, dragmode: false, paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 64, r: 12, t: 8, b: 52 },
      font: { family: window.getComputedStyle(document.body).fontFamily, color: palette.ink, size: 13 },
      hoverlabel: { bgcolor: palette.surface, font: { color: palette.ink } }, ...axes,
    };
  }

  function config() {
    const svg = {
      name: "Download plot as an SVG", icon: window.Plotly.Icons.disk,
      click: (plot) => window.Plotly.downloadImage(plot, { format: "svg", filename: "uipbench-plot" }),
    };
    return { displaylogo: false, responsive: true, modeBarButtons: [["toImage", svg]], toImageButtonOptions: { scale: 2, filename: "uipbench-plot" } };
  }

  // One checkbox a series; a legend of Plotly's could not be reached with the keyboard.
  function legend(target, ids, items, hidden, redraw) {
    target.replaceChildren(...items.map(({ id, label }) => {
      const box = element("input", { type: "checkbox", checked: !hidden.has(id) });
      const { glyph, colour } = style(ids, id);
      const mark = element("span", { "aria-hidden": "true" }, glyph);
      mark.style.color = colour;
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(id);
        else hidden.add(id);
        redraw();
      });
      return element("label", {}, box, mark, ` ${label}`);
    }));
  }

  // Texts of records are markup to Plotly.
  const plain = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
  const json = (id) => JSON.parse(document.getElementById(id).textContent);
  const react = (target, traces, shape) => window.Plotly.react(target, traces, shape, config());
  const protocol = () => {
    const checked = document.querySelector("input[name=protocol]:checked");
    return checked ? checked.value : "relaxed";
  };

  window.uipbench.plots = { palette, whenNear, style, marker, axis, layout, legend, plain, json, react, protocol };
})();
