// Numbers as uipbench/site/text.py writes them, and elements made without markup in texts.
(function () {
  "use strict";
  const MISSING = "–";
  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

  function number(value, digits = 3) {
    if (!isNumber(value)) return MISSING;
    const shown = value.toFixed(digits);
    return (Number(shown) === 0 ? (0).toFixed(digits) : shown).replace("-", "−");
  }

  function signed(value, digits = 3) {
    const shown = number(value, digits);
    return shown === MISSING || shown.startsWith("−") || Number(shown) === 0 ? shown : `+${shown}`;
  }

  function amount(value) {
    if (!isNumber(value)) return MISSING;
    const size = Math.abs(value);
    const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
    return value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
  }

  const percent = (value) => (isNumber(value) ? `${number(100 * value, 0)} %` : MISSING);
  const letter = (group) => (group ? String.fromCharCode(64 + Math.min(group, 26)) : MISSING);

  // element("td", { class: "n" }, "text", otherElement)
  function element(name, attributes = {}, ...children) {
    const svg = ["svg", "rect", "line", "circle", "path"].includes(name);
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    Object.entries(attributes).forEach(([key, value]) => {
      if (value === true) made.setAttribute(key, "");
      else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
    });
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  }

  function debounced(action, wait = 120) {
    let timer = 0;
    return () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(action, wait);
    };
  }

  window.uipbench = Object.assign(window.uipbench || {}, {
    format: { number, signed, amount, percent, letter, isNumber, MISSING }, element, debounced,
  });
})();
