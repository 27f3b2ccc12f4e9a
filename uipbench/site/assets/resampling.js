// The bootstrap over materials, intervals, ranks and tie groups. Pure functions; the definitions are
// those of uipbench/resampling.py and ranking.py.
(function () {
  "use strict";
  const TOLERANCE = 1e-9;

  // ---- draws -------------------------------------------------------------------------------------
  const decoded = new WeakMap();

  // The digits that a table of texts has under a name, one a draw.
  function drawsOf(table, name) {
    if (!decoded.has(table)) decoded.set(table, new Map());
    const known = decoded.get(table);
    if (!known.has(name)) known.set(name, Uint8Array.from(table[name], Number));
    return known.get(name);
  }

  // Sums of a quantity over the drawn cases, one a replicate; `value` gives it for a case.
  function drawnSums(data, counted, value) {
    const byMaterial = new Map();
    counted.keep.forEach((c) => {
      const name = counted.cases[c].material;
      byMaterial.set(name, (byMaterial.get(name) || 0) + value(c));
    });
    const sums = new Float64Array(data.replicates);
    byMaterial.forEach((total, name) => {
      const draws = drawsOf(data.materials, name);
      for (let b = 0; b < sums.length; b += 1) sums[b] += draws[b] * total;
    });
    return sums;
  }

  function orderIndex(share, count) {
    return Math.min(Math.max(Math.ceil(share * count - TOLERANCE) - 1, 0), count - 1);
  }

  function interval(draws, level) {
    const known = Float64Array.from(draws).filter((value) => !Number.isNaN(value)).sort();
    if (!known.length) return [NaN, NaN];
    return [(1 - level) / 2, (1 + level) / 2].map((share) => known[orderIndex(share, known.length)]);
  }

  function difference(one, two) {
    return one.map((value, b) => value - two[b]);
  }

  function differs(draws, level) {
    const [low, high] = interval(draws, level);
    return low > TOLERANCE || high < -TOLERANCE;
  }

  // ---- ranks -------------------------------------------------------------------------------------
  // 1 + number of better scores; scores closer than the tolerance are equal.
  function competitionRanks(scores) {
    const worse = Float64Array.from(scores, (score) => -Math.round(score / TOLERANCE));
    const ordered = worse.slice().sort();
    return Array.from(worse, (value) => (Number.isNaN(value) ? NaN : 1 + placeIn(ordered, value)));
  }

  // Index of the first of a value in sorted values, by bisection; NaN are sorted last.
  function placeIn(ordered, value) {
    let [low, high] = [0, ordered.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ordered[middle] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function drawnRanks(skills) {
    const ranks = skills.map((draws) => new Float64Array(draws.length));
    const column = new Float64Array(skills.length);
    for (let b = 0; b < (skills.length ? skills[0].length : 0); b += 1) {
      for (let m = 0; m < column.length; m += 1) column[m] = skills[m][b];
      competitionRanks(column).forEach((rank, m) => {
        ranks[m][b] = rank;
      });
    }
    return ranks;
  }

  function tieGroups(scores, draws, level) {
    const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
    const groups = new Array(scores.length).fill(0);
    let leader = -1;
    let group = 0;
    order.forEach((model) => {
      if (leader < 0 || differs(difference(draws[leader], draws[model]), level)) {
        leader = model;
        group += 1;
      }
      groups[model] = group;
    });
    return groups;
  }

  window.uipbench = Object.assign(window.uipbench || {}, {
    resampling: { drawsOf, drawnSums, interval, competitionRanks, drawnRanks, tieGroups },
  });
})();
