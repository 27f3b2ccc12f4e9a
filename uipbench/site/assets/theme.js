// Applies the stored theme before the page is painted; loaded without defer for that reason.
(function () {
  "use strict";
  try {
    var stored = window.localStorage.getItem("uipbench-theme");
    if (stored === "light" || stored === "dark") {
      document.documentElement.dataset.theme = stored;
    }
  } catch (error) {
    // Storage may be forbidden; the system's preference applies.
  }
})();
