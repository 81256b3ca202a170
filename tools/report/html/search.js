// One box that finds operations, tensors, kernels and buffers.
'use strict';

const Search = (() => {
  const input = document.getElementById('search'), results = document.getElementById('search-results');
  const perGroup = 8;
  let entries = null, found = [], chosen = -1;

  // Made when the first letter is typed.
  function index() {
    const list = [];
    const add = (group, text, more, href) => list.push({group, text, more, href, folded: (text + ' ' + more).toLowerCase()});
    const order = ['fused', 'plan', 'graph'];
    for (const level of [...Data.levels].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)))
      for (const op of level.ops) add('Operations, ' + level.name, op.name, op.op, Route.href(level.name, 'op', op.name, ...op.turn > 1 ? [op.turn] : []));
    for (const weight of Data.weights) add('Tensors', weight.name, weight.dtype + ' ' + weight.parameter, Route.href('weights', weight.name));
    for (const kernel of Data.kernels) add('Kernels', kernel.symbol, kernel.operation + ' ' + kernel.kind, Route.href('kernels', kernel.symbol));
    return list;
  }

  function find(text) {
    entries ??= index();
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const groups = new Map();
    if (!words.length) return groups;
    for (const entry of entries) {
      if (!words.every((word) => entry.folded.includes(word))) continue;
      if (!groups.has(entry.group)) groups.set(entry.group, []);
      groups.get(entry.group).push(entry);
    }
    const rank = (entry) => entry.text.toLowerCase() === words[0] ? 0 : entry.text.toLowerCase().startsWith(words[0]) ? 1 : 2;
    for (const group of groups.values()) group.sort((a, b) => rank(a) - rank(b));
    return groups;
  }

  function update() {
    const groups = find(input.value);
    found = [];
    results.replaceChildren();
    for (const [name, group] of groups) {
      const shown = group.slice(0, perGroup);
      results.append(Dom.html('div', {class: 'group', role: 'presentation'}, name, Dom.html('span', {class: 'count'}, Format.exact(group.length))));
      for (const entry of shown) {
        const option = Dom.html('div', {class: 'option', role: 'option', id: 'found-' + found.length, 'aria-selected': 'false', onpointerdown: (event) => {
          event.preventDefault();
          open(entry);
        }}, Dom.html('span', {}, entry.text), Dom.html('span', {class: 'muted'}, entry.more));
        entry.option = option;
        found.push(entry);
        results.append(option);
      }
    }
    if (input.value.trim() && !found.length) results.append(Dom.html('div', {class: 'group'}, 'Nothing found'));
    choose(found.length ? 0 : -1);
    setOpen(!!input.value.trim());
  }

  function setOpen(isOpen) {
    results.hidden = !isOpen;
    input.setAttribute('aria-expanded', String(isOpen));
  }

  function choose(at) {
    found[chosen]?.option.setAttribute('aria-selected', 'false');
    chosen = at;
    const entry = found[at];
    if (!entry) return input.removeAttribute('aria-activedescendant');
    entry.option.setAttribute('aria-selected', 'true');
    entry.option.scrollIntoView({block: 'nearest'});
    input.setAttribute('aria-activedescendant', entry.option.id);
  }

  function open(entry) {
    setOpen(false);
    input.blur();
    location.hash = entry.href;
  }

  input.addEventListener('input', update);
  input.addEventListener('focus', () => { if (input.value.trim()) update(); });
  input.addEventListener('blur', () => setOpen(false));
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      if (found.length) choose((chosen + (event.key === 'ArrowDown' ? 1 : found.length - 1)) % found.length);
    } else if (event.key === 'Enter') {
      if (found[chosen]) open(found[chosen]);
    } else if (event.key === 'Escape') {
      if (input.value) {
        input.value = '';
        update();
      } else {
        input.blur();
      }
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });

  return {focus: () => { input.focus(); input.select(); }};
})();
