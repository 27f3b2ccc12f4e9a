// Two models in the cases for which both have a number; as uipbench/stability.py.
(function () {
  "use strict";
  const { countedTasks, materialsOf, sizeOf } = window.uipbench;
  const { drawnSums, interval } = window.uipbench.resampling;
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const mean = (values) => (values.length ? sum(values) / values.length : NaN);

  function twoSided(draws) {
    const below = draws.filter((value) => value <= 0).length;
    const above = draws.filter((value) => value >= 0).length;
    return Math.min(1, (2 * (1 + Math.min(below, above))) / (draws.length + 1));
  }

  // Paired bootstrap over materials in the cases for which both models have a number.
  function comparePair(data, view, first, second) {
    const counted = countedTasks(data, view, view.protocol, [first, second]);
    return counted.map((one) => {
      const size = (m) => (c) => sizeOf(one.found[m], c);
      const keep = one.keep.filter((c) => size(first)(c) !== null && size(second)(c) !== null);
      const common = { ...one, keep };
      const gap = (c) => size(first)(c) - size(second)(c);
      const materials = materialsOf([common]).size;
      const found = {
        task: one.task, cases: keep.map((c) => one.cases[c]),
        errors: [first, second].map((m) => keep.map((c) => one.found[m].error[c])),
        sizes: [first, second].map((m) => keep.map(size(m))),
        nCases: keep.length, nMaterials: materials,
        firstBetter: keep.filter((c) => gap(c) < 0).length,
        secondBetter: keep.filter((c) => gap(c) > 0).length,
        maeFirst: mean(keep.map(size(first))), maeSecond: mean(keep.map(size(second))),
        difference: mean(keep.map(gap)), interval: null, pValue: null,
      };
      if (materials >= data.leastMaterials) {
        const counts = drawnSums(data, common, () => 1);
        const draws = drawnSums(data, common, gap).map((total, b) => total / counts[b]);
        found.interval = interval(draws, data.level);
        found.pValue = twoSided(draws.filter((value) => !Number.isNaN(value)));
      }
      return found;
    }).filter((found) => found.nCases);
  }

  window.uipbench.comparePair = comparePair;
})();
