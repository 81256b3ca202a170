// Elements and figures. Whatever comes from the report becomes text or an
// attribute here, never markup.
'use strict';

const Dom = (() => {
  const svgNamespace = 'http://www.w3.org/2000/svg';

  function append(node, children) {
    for (const child of children.flat(Infinity)) {
      if (child === undefined || child === null || child === false) continue;
      node.append(child instanceof Node ? child : String(child));
    }
    return node;
  }

  // Attributes: `on…` listens, `style` is an object (the policy refuses style
  // attributes), false and undefined are left out.
  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
      else if (name === 'style')
        for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
      else node.setAttribute(name, value === true ? '' : value);
    }
    return append(node, children);
  }

  const html = (tag, attributes, ...children) =>
    fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) =>
    fill(document.createElementNS(svgNamespace, tag), attributes, children);

  // A bar behind a figure: `part` of the width, 0 to 1.
  const bar = (part, kind = '') =>
    html('span', {class: 'bar ' + kind, 'aria-hidden': 'true'},
      html('span', {style: {width: (100 * Math.min(1, Math.max(0, part || 0))).toFixed(2) + '%'}}));

  // Terms and what they are; entries without a value are left out.
  const facts = (entries) => html('dl', {class: 'facts'},
    entries.filter(([, value]) => value !== undefined && value !== null && value !== '' && value !== false)
      .map(([term, value]) => html('div', {}, html('dt', {}, term), html('dd', {}, value))));

  const section = (title, ...children) =>
    html('section', {}, html('h3', {}, title), ...children);

  // Buttons of which one is pressed.
  function choice(label, entries, chosen, choose) {
    const group = html('div', {class: 'choice', role: 'group', 'aria-label': label});
    for (const [value, text] of entries)
      group.append(html('button', {
        type: 'button', 'aria-pressed': String(value === chosen),
        onclick: (event) => {
          for (const button of group.children) button.setAttribute('aria-pressed', 'false');
          event.currentTarget.setAttribute('aria-pressed', 'true');
          choose(value);
        },
      }, text));
    return group;
  }

  return {html, svg, bar, facts, section, choice, append};
})();

const Format = (() => {
  const grouped = new Intl.NumberFormat('en-US');

  function scaled(value, units, base) {
    let unit = 0;
    while (Math.abs(value) >= base && unit + 1 < units.length) {
      value /= base;
      ++unit;
    }
    const digits = unit === 0 && Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
    return value.toFixed(digits) + (units[unit] ? '\u202f' + units[unit] : '');
  }

  const exact = (value) => grouped.format(value);
  const bytes = (value) => scaled(value, ['B', 'KiB', 'MiB', 'GiB', 'TiB'], 1024);
  const count = (value) => scaled(value, ['', 'K', 'M', 'G', 'T', 'P'], 1000);
  const rate = (value, unit) => scaled(value, ['', 'K', 'M', 'G', 'T', 'P'].map((prefix) => prefix + unit), 1000);
  const percent = (part) => part >= 0.1 || part === 0 ? (100 * part).toFixed(1) + '%'
    : part >= 0.0005 ? (100 * part).toFixed(2) + '%' : '<0.05%';

  function seconds(value) {
    if (!value) return '0';
    if (value < 1e-6) return (value * 1e9).toPrecision(3) + '\u202fns';
    if (value < 1e-3) return (value * 1e6).toPrecision(3) + '\u202fµs';
    if (value < 1) return (value * 1e3).toPrecision(3) + '\u202fms';
    return (value < 100 ? value.toPrecision(3) : value.toFixed(0)) + '\u202fs';
  }

  const real = (value) => value === null || value === undefined ? 'NaN'
    : Number.isInteger(value) ? String(value) : value.toPrecision(5);
  const shape = (extents) => extents.length ? extents.join('\u2009×\u2009') : 'scalar';
  // "1 launch", "2 launches"
  const plural = (number, one, many = one + 's') => exact(number) + ' ' + (number === 1 ? one : many);

  return {exact, bytes, count, rate, percent, seconds, real, shape, plural};
})();
