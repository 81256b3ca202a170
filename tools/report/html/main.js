// Views, keys, and the way between them. A view is made when it is first shown.
'use strict';

(() => {
  const main = document.getElementById('main'), tabs = document.getElementById('tabs'), keys = document.getElementById('keys');
  const levels = Data.levels.map((level) => level.name);
  const home = levels.includes('fused') ? 'fused' : levels[0];
  const views = [
    {id: 'overview', label: 'Overview', view: Overview, has: true},
    {id: home, label: 'Graph', view: GraphView, has: levels.length, routes: levels},
    {id: 'cost', label: 'Cost', view: CostView, has: Data.costs.length},
    {id: 'memory', label: 'Memory', view: MemoryView, has: Data.memory},
    {id: 'weights', label: 'Weights', view: WeightView, has: Data.weights.length, count: Data.weights.length},
    {id: 'fusions', label: 'Fusions', view: FusionView, has: Data.fusions.length, count: Data.fusions.length},
    {id: 'kernels', label: 'Kernels', view: KernelView, has: Data.kernels.length, count: Data.kernels.length},
  ].filter((entry) => entry.has);
  let current = null;

  for (const entry of views) {
    entry.link = Dom.html('a', {href: Route.href(entry.id)}, entry.label, entry.count ? Dom.html('span', {class: 'count'}, Format.exact(entry.count)) : null);
    tabs.append(entry.link);
  }

  function show() {
    const segments = Route.parse(location.hash);
    const entry = views.find((view) => (view.routes ?? [view.id]).includes(segments[0])) ?? views[0];
    if (entry !== current) {
      current?.element.setAttribute('hidden', '');
      current?.link.removeAttribute('aria-current');
      entry.link.setAttribute('aria-current', 'page');
      current = entry;
      Tip.hide();
      Panel.hide();
      if (!entry.element) {
        entry.element = entry.view.create();
        main.append(entry.element);
      }
      entry.element.removeAttribute('hidden');
      main.scrollTop = 0;
    }
    // A level that was looked at is where the tab leads back to.
    if (entry.routes) entry.link.href = Route.href(segments[0]);
    entry.view.show(segments);
    // What is in sight, which lags behind the address by an event.
    document.documentElement.dataset.route = location.hash;
  }

  const keyList = [
    ['/', 'search'], ['1 – ' + views.length, 'views'], ['← ↑ → ↓', 'move between boxes of the graph or buffers'], ['Shift + arrows', 'pan the graph'],
    ['+ −', 'zoom'], ['0', 'fit'], ['Enter', 'open what is focused: an operation, a folded layer'], ['Esc', 'close'], ['d', 'dark or light'], ['?', 'this list'],
  ];

  function showKeys() {
    keys.replaceChildren(Dom.html('h2', {id: 'keys-title'}, 'Keys'),
      Dom.html('dl', {}, keyList.map(([key, text]) => Dom.html('div', {}, Dom.html('dt', {}, Dom.html('kbd', {}, key)), Dom.html('dd', {}, text)))),
      Dom.html('form', {method: 'dialog'}, Dom.html('button', {class: 'push'}, 'Close')));
    keys.showModal();
  }

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    const isTyping = event.target.closest?.('input, select, textarea');
    if (event.key === 'Escape') {
      Tip.hide();
      if (Panel.close()) event.preventDefault();
      return;
    }
    if (isTyping) return;
    const view = event.key.length === 1 && views[Number(event.key) - 1];
    if (event.key === '/') Search.focus();
    else if (event.key === '?') showKeys();
    else if (event.key === 'd') Theme.toggle();
    else if (view) Route.go(view.routes ? Route.parse(view.link.hash)[0] : view.id);
    else if (current.view.key && !event.target.closest('a, button, [role=button], pre, .scroller, .panel')) return current.view.key(event);
    else return;
    event.preventDefault();
  });
  document.getElementById('help').addEventListener('click', showKeys);
  document.getElementById('skip').addEventListener('click', (event) => {
    event.preventDefault();
    main.focus();
  });
  window.addEventListener('hashchange', show);
  Overview.head();
  show();
})();
