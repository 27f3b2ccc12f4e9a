// What the visitor chose on the board: read from the controls, kept in the URL.
(function () {
  "use strict";
  const { url } = window.uipbench;
  const form = document.getElementById("controls");
  if (!form) return;
  // Name of a group of boxes in the page and its key in the URL.
  const LISTS = ["elements", "materials", "chemistries", "families", "licences", "trainings", "functionals", "hide", "show"];
  const FLAGS = ["any", "quick", "common", "match"];

  const boxes = (name) => Array.from(form.querySelectorAll(`input[type=checkbox][name="${name}"]`));
  const checked = (name) => boxes(name).filter((box) => box.checked).map((box) => box.value);
  const listFromUrl = (name) => url.get(name).split(",").filter(Boolean).map(decodeURIComponent);
  const sliders = () => Array.from(form.querySelectorAll("input[type=range][data-task]"));
  const search = form.querySelector("input[type=search]");

  // Columns: all boxes are named `column`; only departures from the default are in the URL.
  function departures(shown) {
    return boxes("column").filter((box) => box.checked === shown && box.defaultChecked !== shown).map((box) => box.value);
  }

  function fromUrl() {
    LISTS.slice(0, -2).forEach((name) => {
      const wanted = listFromUrl(name);
      boxes(name).forEach((box) => { box.checked = wanted.includes(box.value); });
    });
    FLAGS.forEach((name) => boxes(name).forEach((box) => { box.checked = url.get(name) === "1"; }));
    const hide = listFromUrl("hide");
    const show = listFromUrl("show");
    boxes("column").forEach((box) => {
      box.checked = show.includes(box.value) || (box.defaultChecked && !hide.includes(box.value));
    });
    const weights = new Map(url.get("weights").split(",").map((pair) => pair.split(":")));
    sliders().forEach((slider) => {
      const given = Number(weights.get(slider.dataset.task) ?? 1);
      slider.value = Number.isFinite(given) ? given : 1;
    });
    search.value = url.get("q");
    const task = url.get("task");
    form.querySelectorAll("input[name=task]").forEach((radio, index) => {
      radio.checked = radio.value === task || (!task && index === 0);
    });
  }

  function toUrl() {
    const texts = (values) => values.map(encodeURIComponent).join(",");
    LISTS.slice(0, -2).forEach((name) => url.set(name, texts(checked(name))));
    FLAGS.forEach((name) => url.set(name, checked(name).length ? "1" : ""));
    url.set("show", texts(departures(true)));
    url.set("hide", texts(departures(false)));
    const changed = sliders().filter((slider) => Number(slider.value) !== 1);
    url.set("weights", changed.map((slider) => `${slider.dataset.task}:${slider.value}`).join(","));
    url.set("q", search.value.trim());
    url.set("task", currentTask());
  }

  function currentTask() {
    const radio = form.querySelector("input[name=task]:checked");
    return radio ? radio.value : "";
  }

  function read() {
    const protocol = document.querySelector("input[name=protocol]:checked");
    const query = search.value.trim().toLowerCase();
    return {
      view: {
        protocol: protocol ? protocol.value : "relaxed",
        task: currentTask() || form.dataset.only || "",
        selection: {
          elements: checked("elements"), anyElement: checked("any").length > 0,
          materials: checked("materials"), chemistries: checked("chemistries"),
          quick: checked("quick").length > 0, common: checked("common").length > 0,
        },
        weights: Object.fromEntries(sliders().map((slider) => [slider.dataset.task, Number(slider.value)])),
      },
      columns: new Set(checked("column")),
      query,
      families: checked("families"), licences: checked("licences"),
      trainings: checked("trainings"), functionals: checked("functionals"),
      match: checked("match").length > 0,
    };
  }

  // Whether a model is listed; hidden ones still take part in the ranking.
  function lists(chosen, model, tasks) {
    const among = (list, value) => !list.length || list.includes(value);
    const texts = [model.name, model.title, model.family, model.licence, model.training, model.xc];
    return (
      among(chosen.families, model.family) && among(chosen.licences, model.licence) &&
      among(chosen.trainings, model.trainingSet) && among(chosen.functionals, model.functional) &&
      (!chosen.match || !tasks.some((task) => model.mismatch[task])) &&
      (!chosen.query || texts.some((text) => text.toLowerCase().includes(chosen.query)))
    );
  }

  function reset() {
    form.querySelectorAll("input[type=checkbox]").forEach((box) => { box.checked = box.defaultChecked; });
    sliders().forEach((slider) => { slider.value = 1; });
    search.value = "";
  }

  const isFiltered = () => {
    const used = LISTS.slice(0, 7).some((name) => checked(name).length) || FLAGS.some((name) => checked(name).length);
    return used || search.value.trim() !== "" || sliders().some((slider) => Number(slider.value) !== 1);
  };

  window.uipbench.state = { form, fromUrl, toUrl, read, lists, reset, isFiltered };
})();
