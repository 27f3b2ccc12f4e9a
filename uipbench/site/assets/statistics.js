// Skill, ranks and the rows of the board, computed from the records in the browser. Pure functions;
// the definitions are those of uipbench/ranking.py, sensitivity.py and site/rows.py, and a test holds
// the numbers together.
(function () {
  "use strict";
  const { drawsOf, drawnSums, interval, competitionRanks, drawnRanks, tieGroups } = window.uipbench.resampling;
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const mean = (values) => (values.length ? sum(values) / values.length : NaN);

  // ---- which cases count ---------------------------------------------------------------------
  function holds(selection, item) {
    const elements = selection.elements || [];
    const has = (symbol) => item.elements.includes(symbol);
    const matched = selection.anyElement ? elements.some(has) : elements.every(has);
    const among = (list, value) => !list || !list.length || list.includes(value);
    return (
      (!elements.length || matched) &&
      among(selection.materials, item.material) &&
      among(selection.chemistries, item.chemistry) &&
      (!selection.quick || item.quick)
    );
  }

  function outcomes(model, task, protocol) {
    const found = model.results[task.name];
    return found ? found[protocol] : null;
  }

  const hasRun = (found) => found !== null && /[pf]/.test(found.status);

  function sizeOf(found, index) {
    if (found === null || found.status[index] !== "p") return null;
    if (found.size) return found.size[index];
    return found.error[index] === null ? null : Math.abs(found.error[index]);
  }

  // Tasks of the view with the indices of the cases that count; `among` are the models that a
  // common case must have a number of.
  function countedTasks(data, view, protocol, among) {
    const tasks = data.tasks.filter((task) => !view.task || task.name === view.task);
    return tasks
      .map((task) => {
        const found = data.models.map((model) => outcomes(model, task, protocol));
        const ran = found.map(hasRun);
        const asked = (among || data.models.map((_, m) => m)).filter((m) => ran[m]);
        const cases = task.protocols[protocol];
        const keep = cases.map((_, c) => c).filter((c) => holds(view.selection, cases[c]));
        const common = (c) => asked.every((m) => sizeOf(found[m], c) !== null);
        return { task, cases, found, ran, keep: view.selection.common ? keep.filter(common) : keep };
      })
      .filter((counted) => (view.task || (counted.ran.some(Boolean) && counted.cases.length >= data.leastCases))
        && counted.keep.length);
  }

  // ---- skill -----------------------------------------------------------------------------------
  const charged = (counted, m, c) => sizeOf(counted.found[m], c) ?? counted.cases[c].trivial;

  function ratioSkill(errors, scale) {
    if (scale > 0) return Math.max(0, 1 - errors / scale);
    return errors > 0 ? 0 : 1;
  }

  function taskSkill(counted, m) {
    const errors = sum(counted.keep.map((c) => charged(counted, m, c)));
    return ratioSkill(errors, sum(counted.keep.map((c) => counted.cases[c].trivial)));
  }

  function uncertaintyLimit(counted) {
    const stated = counted.keep.map((c) => counted.cases[c]).filter((item) => item.uncertainty !== null);
    const scale = sum(stated.map((item) => item.trivial));
    return scale ? Math.max(0, 1 - sum(stated.map((item) => item.uncertainty)) / scale) : NaN;
  }

  function weightedMean(values, weights) {
    const total = sum(weights);
    return total > 0 ? sum(values.map((value, i) => (weights[i] > 0 ? value * weights[i] : 0))) / total : NaN;
  }

  // ---- draws of materials, and of references -------------------------------------------------------
  // (models) arrays of the overall skill in every replicate.
  function drawnSkills(data, counted, weights, models) {
    const scales = counted.map((one) => drawnSums(data, one, (c) => one.cases[c].trivial));
    const counts = counted.map((one) => drawnSums(data, one, () => 1));
    const total = sum(weights);
    return models.map((m) => {
      const skills = new Float64Array(data.replicates);
      counted.forEach((one, t) => {
        const errors = drawnSums(data, one, (c) => charged(one, m, c));
        for (let b = 0; b < skills.length; b += 1) {
          const skill = counts[t][b] > 0 ? ratioSkill(errors[b], scales[t][b]) : NaN;
          skills[b] += (skill * weights[t]) / total;
        }
      });
      return skills;
    });
  }

  // (models) arrays of the overall skill in every draw of references that move within their
  // uncertainty: a material's by the same fraction of it.
  function movedSkills(data, counted, weights, models) {
    const total = sum(weights);
    const draws = counted.map((one) => one.keep.map((c) => drawsOf(one.task.moves, one.cases[c].material)));
    return models.map((m) => {
      const skills = new Float64Array(data.moves);
      counted.forEach((one, t) => {
        const errors = new Float64Array(data.moves);
        one.keep.forEach((c, k) => addMoved(data, errors, draws[t][k], one, m, c));
        const scale = sum(one.keep.map((c) => one.cases[c].trivial));
        for (let b = 0; b < skills.length; b += 1) skills[b] += (ratioSkill(errors[b], scale) * weights[t]) / total;
      });
      return skills;
    });
  }

  function addMoved(data, errors, steps, one, m, c) {
    const size = sizeOf(one.found[m], c);
    const spread = one.cases[c].uncertainty || 0;
    const signed = size !== null && one.found[m].error[c] < 0 ? -size : size;
    if (size === null || !spread) {
      const still = charged(one, m, c);
      for (let b = 0; b < errors.length; b += 1) errors[b] += still;
      return;
    }
    const [middle, step] = [signed + spread - spread / data.moveSteps, (2 * spread) / data.moveSteps];
    for (let b = 0; b < errors.length; b += 1) errors[b] += Math.abs(middle - step * steps[b]);
  }

  // ---- the board ---------------------------------------------------------------------------------
  function materialsOf(counted) {
    return new Set(counted.flatMap((one) => one.keep.map((c) => one.cases[c].material)));
  }

  function rank(data, view, counted) {
    const given = counted.map((one) => (view.task ? 1 : (view.weights[one.task.name] ?? 1)));
    const used = counted.filter((one, t) => given[t] > 0 && one.cases.length >= data.leastCases);
    const models = data.models.map((_, m) => m).filter((m) => used.some((one) => one.ran[m]));
    const weights = used.map((one) => given[counted.indexOf(one)]);
    if (!models.length || !used.length) return null;
    const skill = models.map((m) => weightedMean(used.map((one) => taskSkill(one, m)), weights));
    const moved = drawnRanks(movedSkills(data, used, weights, models));
    const found = {
      models, skill, rank: competitionRanks(skill), intervals: null,
      moved: moved.map((ranks) => interval(ranks, data.level)),
      first: moved.map((ranks) => ranks.reduce((times, place) => times + (place === 1), 0) / ranks.length),
    };
    if (materialsOf(used).size < data.leastMaterials) return found;
    const draws = drawnSkills(data, used, weights, models);
    found.intervals = draws.map((one) => interval(one, data.level));
    found.rankIntervals = drawnRanks(draws).map((one) => interval(one, data.level));
    found.groups = tieGroups(skill, draws, data.level);
    return found;
  }

  function placed(ranking, m) {
    const place = ranking ? ranking.models.indexOf(m) : -1;
    if (place < 0) {
      const ranks = { rank: null, rank_low: null, rank_high: null, rank_moved_low: null, rank_moved_high: null, group: null };
      return { ...ranks, skill: NaN, skill_low: NaN, skill_high: NaN, first_moved: NaN };
    }
    const [low, high] = ranking.intervals ? ranking.intervals[place] : [NaN, NaN];
    const ranks = ranking.intervals ? ranking.rankIntervals[place] : [null, null];
    return {
      rank: ranking.rank[place], rank_low: ranks[0], rank_high: ranks[1],
      rank_moved_low: ranking.moved[place][0], rank_moved_high: ranking.moved[place][1], first_moved: ranking.first[place],
      group: ranking.intervals ? ranking.groups[place] : null,
      skill: ranking.skill[place], skill_low: low, skill_high: high,
    };
  }

  // Mean errors have one unit only where there is one task.
  function errorNumbers(counted, m) {
    if (counted.length !== 1) return { mae: NaN, mean_signed_error: NaN, mape: NaN };
    const [one] = counted;
    const known = one.keep.filter((c) => sizeOf(one.found[m], c) !== null);
    const signed = known.map((c) => one.found[m].error[c]).filter((error) => error !== null);
    const relative = known.filter((c) => one.cases[c].reference !== 0);
    return {
      mae: mean(known.map((c) => sizeOf(one.found[m], c))),
      mean_signed_error: mean(signed),
      mape: mean(relative.map((c) => (100 * sizeOf(one.found[m], c)) / Math.abs(one.cases[c].reference))),
    };
  }

  function forceNumbers(data, fixed, m) {
    const total = [0, 0, 0, 0];
    fixed.forEach((one) => {
      const forces = one.found[m] && one.found[m].forces;
      if (forces) one.keep.forEach((c) => forces[c].forEach((value, i) => { total[i] += value; }));
    });
    const [n, sumAbs, modelDft, dftSquared] = total;
    return {
      force_mae: n ? sumAbs / n : NaN,
      softening_slope: dftSquared > n * data.leastDftForce ** 2 ? modelDft / dftSquared : NaN,
    };
  }

  function row(data, counted, fixed, ranking, m) {
    const marks = counted.flatMap((one) => one.keep.map((c) => (one.found[m] ? one.found[m].status[c] : "-")));
    const count = (mark) => marks.filter((other) => other === mark).length;
    const total = (name) =>
      sum(counted.map((one) => (one.found[m] ? sum(one.keep.map((c) => one.found[m][name][c])) : 0)));
    const done = count("p") + count("f");
    const seconds = total("seconds");
    const skills = counted.map((one) => [one.task.name, one.ran[m] ? taskSkill(one, m) : NaN]);
    return {
      model: data.models[m],
      ...placed(ranking, m),
      task_skills: Object.fromEntries(skills),
      ...errorNumbers(counted, m),
      coverage: marks.length ? count("p") / marks.length : NaN,
      n_predicted: count("p"), n_failed: count("f"), n_stale: count("s"), n_missing: count("-"),
      n_cases: marks.length,
      ...forceNumbers(data, fixed, m),
      seconds, seconds_per_case: done ? seconds / done : NaN, evaluations: total("evaluations"),
      ran: counted.filter((one) => one.ran[m]).map((one) => one.task.name),
    };
  }

  // view: { protocol, task, selection, weights }; `among`: see countedTasks.
  function computeBoard(data, view, among) {
    const counted = countedTasks(data, view, view.protocol, among);
    const fixed = countedTasks(data, view, "fixed", among);
    const ranking = rank(data, view, counted);
    const limits = counted.map(uncertaintyLimit);
    const weights = counted.map((one) => (view.task ? 1 : (view.weights[one.task.name] ?? 1)));
    return {
      rows: data.models.map((_, m) => row(data, counted, fixed, ranking, m)),
      tasks: counted.map((one) => one.task.name),
      limit: Object.fromEntries(counted.map((one, t) => [one.task.name, limits[t]])),
      overallLimit: weightedMean(limits, weights),
      nCases: sum(counted.map((one) => one.keep.length)),
      nMaterials: materialsOf(counted).size,
    };
  }

  window.uipbench = Object.assign(window.uipbench || {}, { computeBoard, countedTasks, materialsOf, outcomes, sizeOf });
})();
