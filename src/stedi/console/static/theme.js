// Light or dark: what the system says, unless somebody chose otherwise here.
"use strict";
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem("stedi-theme");
  const apply = () => { root.dataset.theme = chosen() || (system.matches ? "dark" : "light"); };
  apply();
  const changed = () => { apply(); document.dispatchEvent(new CustomEvent("theme")); };
  system.addEventListener("change", changed);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    button.addEventListener("click", () => {
      localStorage.setItem("stedi-theme", root.dataset.theme === "dark" ? "light" : "dark");
      changed();
    });
  });
})();
