// The arena drawn: launches from left to right, offsets from top to bottom,
// one rectangle a buffer.
'use strict';

const MemoryView = (() => {
  const height = 400, profile = 64, left = 64, foot = 24;
  const hues = 12;
  let drawing, scroller, table, boxes = [], scale = 0, current = null;

  const {memory, launches} = Data;
  const family = (buffer) => buffer.name.replace(/^layers?\.\d+\./, '');
  const families = memory ? [...new Set(memory.buffers.map(family))] : [];
  const hue = (buffer) => families.indexOf(family(buffer)) % hues;
  const launchName = (index) => launches[index] ? '#' + index + ' ' + launches[index].name : '#' + index;
  const total = Math.max(launches.length, ...(memory?.buffers ?? []).map((buffer) => buffer.last + 1), 1);

  const isTimeShared = (a, b) => a.first <= b.last && b.first <= a.last;
  const sharing = (buffer) => memory.buffers.filter((other) => other !== buffer && !isTimeShared(other, buffer)
    && other.offset < buffer.offset + buffer.size && buffer.offset < other.offset + other.size);

  function alive() {
    const bytes = new Array(total + 1).fill(0);
    for (const buffer of memory.buffers) {
      bytes[buffer.first] += buffer.size;
      bytes[buffer.last + 1] -= buffer.size;
    }
    for (let at = 1; at < total; ++at) bytes[at] += bytes[at - 1];
    return bytes.slice(0, total);
  }

  function create() {
    const stat = (label, value, detail) => Dom.html('div', {class: 'stat'}, Dom.html('span', {class: 'label'}, label), Dom.html('b', {}, value), Dom.html('span', {class: 'muted'}, detail));
    drawing = Dom.svg('svg', {class: 'arena', role: 'group', tabindex: 0, 'aria-label': 'Arena: launches by offset. Arrows move between buffers, Enter opens one.', onkeydown: onKey, onpointerleave: () => Tip.hide()});
    scroller = Dom.html('div', {class: 'arena-scroller'}, drawing);
    const zoom = (label, text, factor) => Dom.html('button', {type: 'button', class: 'icon', 'aria-label': label, title: label, onclick: () => zoomTo(factor === 0 ? 0 : scale * factor)}, text);
    table = bufferTable();
    return Dom.html('div', {class: 'view'},
      Dom.html('div', {class: 'totals'},
        stat('Arena', Format.bytes(memory.arenaBytes), Format.exact(memory.arenaBytes) + ' B'),
        stat('Peak alive', Format.bytes(memory.peakBytes), 'in launch ' + launchName(memory.peakLaunch)),
        stat('Without reuse', Format.bytes(memory.unsharedBytes), memory.arenaBytes ? (memory.unsharedBytes / memory.arenaBytes).toFixed(1) + ' × the arena' : ''),
        stat('Buffers', Format.exact(memory.buffers.length), Format.plural(launches.length, 'launch', 'launches'))),
      Dom.html('div', {class: 'toolbar'}, Dom.html('p', {class: 'muted'}, 'Launches from left to right, arena offset downwards. Below: bytes alive.'),
        Dom.html('div', {class: 'zoom-row', role: 'group', 'aria-label': 'Zoom of the arena'}, zoom('Wider', '+', 1.6), zoom('Narrower', '−', 1 / 1.6), zoom('Fit the arena', '⤢', 0))),
      scroller, Dom.html('h3', {}, 'Buffers'), table.element);
  }

  function zoomTo(wanted) {
    const width = scroller.clientWidth - left - 8;
    const least = Math.max(1.2, width / total);
    const next = Math.min(80, Math.max(least, wanted || least));
    const middle = (scroller.scrollLeft + scroller.clientWidth / 2 - left) / (scale || next);
    scale = next;
    draw();
    scroller.scrollLeft = middle * scale + left - scroller.clientWidth / 2;
  }

  function draw() {
    const width = left + total * scale + 8, bottom = height + foot;
    const x = (launch) => left + launch * scale, y = (offset) => 4 + (height - 8) * offset / (memory.arenaBytes || 1);
    drawing.replaceChildren();
    drawing.setAttribute('width', width);
    drawing.setAttribute('height', bottom + profile + foot);
    for (let part = 0; part <= 4; ++part) {
      const offset = memory.arenaBytes * part / 4;
      drawing.append(Dom.svg('line', {class: 'grid', x1: left, x2: width - 8, y1: y(offset), y2: y(offset)}),
        Dom.svg('text', {x: left - 8, y: Math.min(height, y(offset) + 4), 'text-anchor': 'end'}, Format.bytes(offset)));
    }
    boxes = memory.buffers.map((buffer) => {
      const boxWidth = Math.max(1, (buffer.last - buffer.first + 1) * scale - (scale > 4 ? 1 : 0.3)), boxHeight = Math.max(1.5, y(buffer.offset + buffer.size) - y(buffer.offset) - 0.7);
      const box = Dom.svg('rect', {
        class: 'buffer', 'data-hue': hue(buffer), 'data-buffer': buffer.index, role: 'button', tabindex: -1, x: x(buffer.first), y: y(buffer.offset), width: boxWidth, height: boxHeight,
        'aria-label': `${buffer.name}, ${Format.bytes(buffer.size)}, launches ${buffer.first} to ${buffer.last}`,
        onclick: () => Route.go('memory', 'buffer', buffer.index),
        onpointermove: (event) => Tip.show(event.clientX, event.clientY, buffer.name, `${Format.bytes(buffer.size)} at ${Format.exact(buffer.offset)} · launches ${buffer.first}–${buffer.last} · shares bytes with ${buffer.shares}`),
        onpointerleave: () => Tip.hide(),
      });
      drawing.append(box);
      const room = Math.floor((boxWidth - 10) / 6.4);
      if (boxHeight > 14 && room > 5) drawing.append(Dom.svg('text', {class: 'buffer-name', x: x(buffer.first) + 5, y: y(buffer.offset) + Math.min(boxHeight / 2 + 4, 14)}, family(buffer).length > room ? family(buffer).slice(0, room - 1) + '…' : family(buffer)));
      return box;
    });
    drawProfile(x, bottom);
    drawLayers(x, bottom + profile + foot);
    mark();
  }

  // Bytes alive in each launch, and where they are most.
  function drawProfile(x, top) {
    const bytes = alive(), most = Math.max(memory.peakBytes, ...bytes, 1);
    const y = (value) => top + profile - profile * value / most;
    const path = bytes.map((value, at) => `L${x(at).toFixed(1)} ${y(value).toFixed(1)}H${x(at + 1).toFixed(1)}`).join('');
    const peak = x(memory.peakLaunch) + scale / 2;
    const isLeft = peak > x(total) - 160;
    drawing.append(Dom.svg('path', {class: 'alive', d: `M${x(0)} ${top + profile}${path}V${top + profile}Z`}),
      Dom.svg('line', {class: 'peak', x1: peak, x2: peak, y1: 4, y2: top + profile}),
      Dom.svg('line', {class: 'peak', x1: left, x2: x(total), y1: y(memory.peakBytes), y2: y(memory.peakBytes)}),
      Dom.svg('text', {class: 'peak-text', x: peak + (isLeft ? -6 : 6), y: top - 7, 'text-anchor': isLeft ? 'end' : 'start'}, 'peak ' + Format.bytes(memory.peakBytes)),
      Dom.svg('text', {x: left - 8, y: top + 10, 'text-anchor': 'end'}, 'alive'));
  }

  function drawLayers(x, bottom) {
    let end = -Infinity;
    launches.forEach((launch, at) => {
      if (launch.layer < 0 || at && launches[at - 1].layer === launch.layer) return;
      drawing.append(Dom.svg('line', {class: 'tick', x1: x(at), x2: x(at), y1: bottom - foot, y2: bottom - foot + 5}));
      if (x(at) < end) return;
      const text = 'layer ' + launch.layer;
      drawing.append(Dom.svg('text', {x: x(at) + 3, y: bottom - 8}, text));
      end = x(at) + 8 * text.length;
    });
  }

  function bufferTable() {
    const figure = (label, value, print, width = 90) => ({label, isNumber: true, width, value, cell: (row) => print(value(row))});
    return new Table({
      caption: 'Buffers', rows: memory.buffers, key: (row) => row.index, sort: 2, filterText: (row) => row.name,
      columns: [
        {label: 'Buffer', width: 280, value: (row) => row.name, cell: (row) => Dom.html('a', {href: Route.href('memory', 'buffer', row.index)}, Dom.html('i', {class: 'swatch', 'data-hue': hue(row)}), row.name)},
        {label: 'Shape', width: 130, value: (row) => row.shape.join('x'), cell: (row) => `${row.dtype} ${Format.shape(row.shape)}`},
        figure('Size', (row) => row.size, Format.bytes), figure('Offset', (row) => row.offset, Format.exact),
        figure('First', (row) => row.first, String, 64), figure('Last', (row) => row.last, String, 64), figure('Shares with', (row) => row.shares, Format.exact),
      ],
    });
  }

  function mark() {
    const others = new Set(current ? sharing(current) : []);
    boxes.forEach((box, at) => {
      const buffer = memory.buffers[at];
      box.classList.toggle('selected', buffer === current);
      box.classList.toggle('sharing', others.has(buffer));
      box.classList.toggle('dim', !!current && buffer !== current && !others.has(buffer));
    });
  }

  function panel(buffer) {
    const others = sharing(buffer);
    const plan = Data.level('plan');
    const link = (index) => plan?.ops[index] ? Dom.html('span', {}, '#' + index + ' ', OpPanel.opLink(plan.ops[index])) : launchName(index);
    return {
      title: buffer.name, detail: 'buffer of the arena',
      body: [
        Dom.facts([
          ['Size', Format.bytes(buffer.size) + ' (' + Format.exact(buffer.size) + ' B)'],
          ['Bytes', Format.exact(buffer.offset) + ' – ' + Format.exact(buffer.offset + buffer.size)],
          ['Shape', buffer.dtype + ' ' + Format.shape(buffer.shape)],
          ['Written first', link(buffer.first)], ['Used last', link(buffer.last)],
        ]),
        Dom.section('Shares its bytes with ' + Format.plural(others.length, 'buffer'), Dom.html('ul', {class: 'links'}, others.slice(0, 60).map((other) => Dom.html('li', {},
          Dom.html('a', {href: Route.href('memory', 'buffer', other.index)}, other.name), Dom.html('span', {class: 'muted'}, ` launches ${other.first}–${other.last}`)))),
        others.length > 60 ? Dom.html('p', {class: 'muted'}, `and ${others.length - 60} more`) : null),
      ],
    };
  }

  function onKey(event) {
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    const at = Number(event.target.dataset?.buffer ?? -1);
    if (step) boxes[Math.min(boxes.length - 1, Math.max(0, at + step))]?.focus();
    else if ((event.key === 'Enter' || event.key === ' ') && at >= 0) Route.go('memory', 'buffer', at);
    else if (event.key === '+' || event.key === '=') zoomTo(scale * 1.6);
    else if (event.key === '-') zoomTo(scale / 1.6);
    else if (event.key === '0') zoomTo(0);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function show([, what, index]) {
    current = what === 'buffer' ? memory.buffers[Number(index)] ?? null : null;
    if (current) Panel.show(panel(current), () => Route.go('memory'));
    else Panel.hide();
    if (!scale) {
      zoomTo(0);
      new ResizeObserver(() => { if (scroller.clientWidth && left + total * scale < scroller.clientWidth - 4) zoomTo(0); }).observe(scroller);
    }
    // On a phone the panel covers what lies lower.
    const main = document.getElementById('main');
    if (current && innerWidth <= 900) main.scrollTop += scroller.getBoundingClientRect().top - main.getBoundingClientRect().top - 8;
    mark();
    table.reveal(current ? current.index : null);
  }

  return {create, show};
})();
