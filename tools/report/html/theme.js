// Light or dark: what the system prefers, until someone chooses.
'use strict';

const Theme = (() => {
  const key = 'gossamer-theme';
  const system = window.matchMedia('(prefers-color-scheme: dark)');
  let chosen = null;
  try {
    chosen = localStorage.getItem(key); // refused for some file: pages
  } catch {}

  const isDark = () => chosen ? chosen === 'dark' : system.matches;

  function apply() {
    document.documentElement.dataset.theme = isDark() ? 'dark' : 'light';
    document.getElementById('theme').setAttribute('aria-pressed', String(isDark()));
  }

  function toggle() {
    chosen = isDark() ? 'light' : 'dark';
    try {
      localStorage.setItem(key, chosen);
    } catch {}
    apply();
  }

  document.getElementById('theme').addEventListener('click', toggle);
  system.addEventListener('change', apply);
  apply();
  return {toggle};
})();
