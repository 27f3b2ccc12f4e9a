// Skill against time per case, with the front of each hardware.
(function () {
  "use strict";
  const { plots } = window.uipbench;
  const { palette, axis } = plots;
  const target = document.getElementById("cost-plot");
  const { models } = plots.json("cost-data");
  const kinds = Array.from(new Set(models.map((model) => model.hardware)));
  const HEIGHT = 460;
  let clicks = false;

  function front(hardware) {
    const leading = models.filter((model) => model.hardware === hardware && model.leading).sort((a, b) => a.x - b.x);
    return { x: leading.map((m) => m.x), y: leading.map((m) => m.y), mode: "lines", hoverinfo: "skip", line: { color: palette.muted, width: 1, shape: "hv", dash: "dot" } };
  }

  // On a phone there is room for the names of the leading models alone, shortened.
  function label(model) {
    if (target.clientWidth >= 640) return model.name;
    return model.leading ? (model.name.length > 18 ? `${model.name.slice(0, 17)}…` : model.name) : "";
  }

  // Names keep off points and off each other: the first free one of four places, leading models
  // first; a name for which there is none is in the table and on the point itself.
  const PLACES = { "top right": [1, -1], "bottom right": [1, 1], "top left": [-1, -1], "bottom left": [-1, 1] };
  const LETTER = 7.4;
  const HIGH = 16;
  const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

  function placeLabels(xRange, yRange) {
    const [wide, high] = [target.clientWidth - 76, HEIGHT - 60];
    const at = (m) => [wide * (Math.log10(m.x) - xRange[0]) / (xRange[1] - xRange[0]), high * (yRange[1] - m.y) / (yRange[1] - yRange[0])];
    const taken = models.map((m) => { const [x, y] = at(m); return [x - 6, y - 6, x + 6, y + 6]; });
    const placed = new Map();
    [...models].sort((a, b) => Number(b.leading) - Number(a.leading) || b.y - a.y).forEach((m) => {
      const [x, y] = at(m);
      const width = LETTER * label(m).length;
      const box = ([right, down]) => {
        const [left, top] = [right > 0 ? x + 7 : x - 7 - width, down > 0 ? y + 5 : y - 5 - HIGH];
        return [left, top, left + width, top + HIGH];
      };
      const free = (b) => b[0] >= 0 && b[2] <= wide && b[1] >= 0 && b[3] <= high && !taken.some((other) => overlap(b, other));
      const place = Object.keys(PLACES).find((name) => free(box(PLACES[name])));
      if (place && width) taken.push(box(PLACES[place]));
      placed.set(m, place ? { text: plots.plain(label(m)), place } : { text: "", place: "top right" });
    });
    return placed;
  }

  function points(hardware, labels) {
    const shown = models.filter((model) => model.hardware === hardware);
    const { colour, symbol } = plots.style(kinds, hardware);
    return {
      x: shown.map((m) => m.x), y: shown.map((m) => m.y), text: shown.map((m) => labels.get(m).text), hovertext: shown.map((m) => plots.plain(m.name)), customdata: shown.map((m) => m.page),
      name: plots.plain(hardware), mode: "markers+text", textposition: shown.map((m) => labels.get(m).place), type: "scatter",
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
    const digits = most - least > 0.7 ? [1, 2, 5] : [1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9];
    const ticks = [-3, -2, -1, 0, 1, 2, 3, 4].flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)));
    const [xRange, yRange] = [[least - 0.06, most + 0.22], [0, Math.min(1.02, top + 0.12)]];
    const labels = placeLabels(xRange, yRange);
    const axes = {
      xaxis: axis("Time per case, s", { type: "log", tickvals: ticks, ticktext: ticks.map((tick) => tick.toLocaleString("en", { maximumFractionDigits: 3 })), range: xRange }),
      yaxis: axis("Skill", { range: yRange }),
    };
    plots.react(target, [...kinds.map(front), ...kinds.map((kind) => points(kind, labels))], plots.layout(HEIGHT, axes));
    if (!clicks) target.on("plotly_click", (event) => { window.location.href = event.points[0].customdata; });
    clicks = true;
  }

  plots.whenNear(target, draw);
})();
