// The view of a level: the drawing, its tools and its keys.
'use strict';

const GraphView = (() => {
  const open = new Map(); // level -> layers drawn in full
  let level = null, picture = null, selected = null, focused = null;
  let element, svg, viewport, layerBar, levelBar, legend, note;

  function create() {
    const layer = Dom.svg('g');
    svg = Dom.svg('svg', {class: 'graph', role: 'group', tabindex: 0, 'aria-label': 'Graph', onkeydown: onKey}, layer);
    viewport = new Viewport(svg, layer);
    const tool = (label, text, act) => Dom.html('button', {type: 'button', class: 'icon', 'aria-label': label, title: label, onclick: act}, text);
    levelBar = Dom.html('nav', {class: 'levels', 'aria-label': 'Level'});
    layerBar = Dom.html('div', {class: 'layers', role: 'group', 'aria-label': 'Layers drawn in full'});
    legend = Dom.html('div', {class: 'legend', 'aria-hidden': 'true'});
    note = Dom.html('p', {class: 'canvas-note', 'aria-live': 'polite'});
    element = Dom.html('div', {class: 'view graph-view'},
      Dom.html('div', {class: 'toolbar'}, levelBar, CostView.stepSelect(), layerBar),
      Dom.html('div', {class: 'canvas'}, svg, note,
        Dom.html('div', {class: 'zoom', role: 'group', 'aria-label': 'Zoom'},
          tool('Zoom in', '+', () => viewport.zoom(1.3)), tool('Zoom out', '−', () => viewport.zoom(1 / 1.3)),
          tool('Fit the graph', '⤢', () => viewport.fit()))), legend);
    State.watch(element, () => { if (picture) redraw(false); });
    return element;
  }

  // Segments of the address: level, and "op", name, turn among equal names.
  function show([name, what, opName, turn]) {
    const isNew = level?.name !== name;
    level = Data.level(name);
    if (isNew) {
      focused = null;
      showLevels();
    }
    const op = what === 'op' ? level.ops.find((entry) => entry.name === opName && entry.turn === Number(turn ?? 1)) : null;
    if (!open.has(level)) open.set(level, Blocks.defaultOpen(level));
    const isHidden = op && op.layer >= 0 && !open.get(level).has(op.layer);
    if (isHidden) open.get(level).add(op.layer);
    selected = op;
    if (isNew || isHidden || !picture) redraw(isNew);
    mark();
    if (what === 'op' && !op) Panel.message(`No operation ${opName} at level ${name}.`);
    else if (op) Panel.show(OpPanel.build(op), () => Route.go(level.name));
    else Panel.hide();
    if (op) {
      focused = picture.nodeOf.get(op);
      viewport.resized(); // the panel may just have opened
      viewport.reveal(boxOf(focused), true);
    }
  }

  const boxOf = (node) => ({left: node.x - node.width / 2, right: node.x + node.width / 2, top: node.y, bottom: node.y + node.height});

  function redraw(isNew) {
    const opened = open.get(level);
    picture = Drawing.arrange(level, opened);
    viewport.bounds = picture.bounds;
    Drawing.draw(viewport.layer, picture, {activate, focus, hover, hoverValue, fold: (layer) => toggle([layer], false)});
    if (isNew) viewport.start();
    showLayers();
    showLegend();
    mark();
    svg.setAttribute('aria-label', `Graph, level ${level.name}: ${picture.nodes.length} boxes`);
  }

  function showLevels() {
    levelBar.replaceChildren(...Data.levels.map((entry) => Dom.html('a', {
      href: Route.href(entry.name), 'aria-current': entry === level ? 'page' : undefined,
    }, entry.name, Dom.html('span', {class: 'count'}, Format.exact(entry.ops.length)))));
  }

  function showLayers() {
    const opened = open.get(level), layers = Blocks.layersOf(level);
    const button = (text, label, act) => Dom.html('button', {type: 'button', class: 'text', 'aria-label': label, onclick: act}, text);
    layerBar.replaceChildren();
    layerBar.hidden = !layers.length;
    layerBar.append(Dom.html('span', {class: 'label'}, 'Layers'), Dom.html('div', {class: 'chips'}, layers.map((layer) => Dom.html('button', {
      type: 'button', 'aria-pressed': String(opened.has(layer)), 'data-layer': layer, title: (opened.has(layer) ? 'Fold' : 'Open') + ' layer ' + layer,
      'aria-label': 'Layer ' + layer, onclick: () => toggle([layer], !opened.has(layer)),
    }, layer))), button('all', 'Open all layers', () => toggle(layers, true)),
    button('fold', 'Fold what repeats', () => {
      open.set(level, Blocks.defaultOpen(level));
      redraw(false);
      viewport.start();
    }));
  }

  function showLegend() {
    const kinds = new Set(level.ops.map((op) => Kinds.of(op.op)));
    legend.replaceChildren(...[...Kinds.names].filter(([kind]) => kinds.has(kind)).map(([kind, label]) =>
      Dom.html('span', {}, Dom.html('i', {'data-kind': kind}), label)));
  }

  // Opens or folds layers; what is looked at stays where it is.
  function toggle(layers, isOpen) {
    const opened = open.get(level);
    const anchor = picture.nodes.find((node) => node.block.layers.includes(layers[0]));
    const before = anchor ? anchor.y : 0;
    for (const layer of layers) isOpen ? opened.add(layer) : opened.delete(layer);
    if (selected && selected.layer >= 0 && !opened.has(selected.layer)) Route.go(level.name);
    redraw(false);
    const now = picture.nodes.find((node) => node.block.layers.includes(layers[0]));
    if (now) {
      viewport.pan(0, (before - now.y) * viewport.scale);
      setFocus(now, false);
    }
    note.textContent = (isOpen ? 'Opened ' : 'Folded ') + (layers.length === 1 ? 'layer ' + layers[0] : Format.plural(layers.length, 'layer'));
  }

  function activate(node) {
    focused = node;
    if (node.op) Route.go(level.name, 'op', node.op.name, ...node.op.turn > 1 ? [node.op.turn] : []);
    else Panel.show(foldPanel(node), () => Panel.hide());
  }

  // A folded run: open one of its layers, or all.
  function foldPanel(node) {
    const {layers} = node.block;
    const opener = (text, list) => Dom.html('button', {type: 'button', class: 'push', onclick: () => {
      Panel.hide();
      toggle(list, true);
    }}, text);
    const cost = Data.costOf([...new Set(node.block.ops.flatMap(Data.launchesOf))], State.step);
    return {
      title: node.title, detail: node.detail,
      body: [
        Dom.html('p', {}, opener('Open all ' + layers.length, layers)),
        Dom.section('Open one', Dom.html('div', {class: 'chips'}, layers.map((layer) => opener(layer, [layer])))),
        cost.seconds ? Dom.section('Cost of the run', OpPanel.costFacts(cost)) : null,
      ],
    };
  }

  function focus(node) {
    focused = node;
    mark();
  }

  function setFocus(node, isMoving = true) {
    focused = node;
    if (isMoving) viewport.reveal(boxOf(node));
    node.element.focus({preventScroll: true});
  }

  // Highlights what the selected and the pointed at boxes read and write.
  function mark(hovered = null) {
    for (const line of viewport.layer.querySelectorAll('.hot')) line.classList.remove('hot');
    for (const node of viewport.layer.querySelectorAll('.selected')) node.classList.remove('selected');
    const chosen = selected && picture.nodeOf.get(selected);
    chosen?.element.classList.add('selected');
    for (const node of [chosen, hovered])
      for (const value of node ? [...node.ins, ...node.outs, ...node.far] : []) light(value);
  }

  // Its line, and the ports that stand for it.
  function light(value) {
    picture.edges.get(value)?.classList.add('hot');
    for (const port of viewport.layer.querySelectorAll(`.port[data-value="${value.index}"]`)) port.classList.add('hot');
  }

  function hover(node) {
    mark(node);
  }

  function hoverValue(value, event) {
    mark();
    if (!value) return Tip.hide();
    light(value);
    Tip.show(event.clientX, event.clientY, value.name, value.type);
  }

  // The nearest box in a direction.
  function neighbour(key) {
    if (!focused || !picture.nodes.includes(focused)) return picture.nodes[0];
    const isVertical = key === 'ArrowUp' || key === 'ArrowDown', sign = key === 'ArrowUp' || key === 'ArrowLeft' ? -1 : 1;
    let best = focused, least = Infinity;
    for (const node of picture.nodes) {
      const along = sign * (isVertical ? node.y - focused.y : node.x - focused.x);
      const across = Math.abs(isVertical ? node.x - focused.x : node.y - focused.y);
      if (node === focused || along <= 1 || !isVertical && across > 60) continue;
      const distance = along + (isVertical ? 0.3 : 3) * across;
      if (distance < least) {
        least = distance;
        best = node;
      }
    }
    return best;
  }

  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const pans = {ArrowUp: [0, 80], ArrowDown: [0, -80], ArrowLeft: [80, 0], ArrowRight: [-80, 0]};
    if (pans[event.key]) event.shiftKey ? viewport.pan(...pans[event.key]) : setFocus(neighbour(event.key));
    else if (event.key === '+' || event.key === '=') viewport.zoom(1.3);
    else if (event.key === '-') viewport.zoom(1 / 1.3);
    else if (event.key === '0') viewport.fit();
    else if ((event.key === 'Enter' || event.key === ' ') && focused && event.target.classList.contains('node')) activate(focused);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // Keys that work before the drawing has the focus.
  const key = (event) => svg && !svg.contains(event.target) && onKey(event);

  return {create, show, key};
})();
