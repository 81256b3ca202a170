// One level as a drawing: blocks from top to bottom, one line a value.
'use strict';

const Drawing = (() => {
  const nodeHeight = 38;
  const blockGap = 14;
  const framePad = 14;
  const canvas = document.createElement('canvas').getContext('2d');
  const widths = new Map();

  function textWidth(text, font) {
    const key = font + text;
    if (!widths.has(key)) {
      canvas.font = font;
      widths.set(key, canvas.measureText(text).width);
    }
    return widths.get(key);
  }

  const shortName = (op) => op.name.replace(new RegExp('^layers?\\.' + op.layer + '\\.'), '') || op.op;
  const shortOp = (op) => op.op.replace(/^[a-z_]+\./, '');
  const clip = (text, length) => text.length > length ? text.slice(0, length - 1) + '…' : text;

  // Launches whose time a box may show: those that are not another's too.
  function ownLaunches(op) {
    return Data.launchesOf(op).filter((launch) => {
      if (op.level.name === 'plan') return true;
      const sources = Data.level('plan')?.ops[launch.index]?.sources ?? [];
      return sources.length < 2 || sources[sources.length - 1] === op || launch.name === op.name && !sources.some((other) => other !== op && other.name === op.name);
    });
  }
  const launchesShown = (node) => {
    if (node.op?.level.name === 'graph' || node.block?.ops[0]?.level.name === 'graph') return [];
    return node.op ? ownLaunches(node.op) : [...new Set(node.block.ops.flatMap(Data.launchesOf))];
  };

  function makeNode(level, block, op) {
    const fold = op ? null : Blocks.describe(level, block);
    const title = clip(op ? shortName(op) : fold.title, 40);
    const detail = clip(op ? shortOp(op) : fold.detail, 40);
    const node = {op, block, title, detail, height: op ? nodeHeight : nodeHeight + 8};
    const cost = Data.costOf(launchesShown(node), State.step);
    node.share = cost.share;
    node.time = cost.seconds ? Format.percent(cost.share) : '';
    const figure = node.time ? textWidth(node.time, '11px system-ui') + 14 : 0;
    node.width = Math.max(op ? 96 : 190, 24 + textWidth(title, '600 12px system-ui'), 24 + textWidth(detail, '11px system-ui') + figure);
    node.ins = [];
    node.outs = [];
    node.far = [];
    return node;
  }

  // Which values each block takes from the block above it; what comes from
  // further away becomes a port of its node.
  function connect(level, blocks, nodeOf) {
    const entering = blocks.map(() => new Set()), leaving = blocks.map(() => new Set());
    for (const value of level.values) {
      const from = value.producer && nodeOf.get(value.producer);
      if (from && !from.outs.includes(value)) from.outs.push(value);
      // What many layers use (the tables of rope) would cover them with lines.
      const isCommon = new Set(value.users.map((user) => nodeOf.get(user).block.layer)).size > 2;
      for (const user of value.users) {
        const to = nodeOf.get(user);
        if (to === from || to.ins.includes(value) || to.far.includes(value)) continue;
        const distance = from ? to.block.index - from.block.index : Infinity;
        if (distance !== 0 && (distance !== 1 || isCommon)) {
          to.far.push(value);
          continue;
        }
        to.ins.push(value);
        if (distance === 1) {
          leaving[from.block.index].add(value);
          entering[to.block.index].add(value);
        }
      }
    }
    return {entering, leaving};
  }

  const curve = (x1, y1, x2, y2) => {
    const middle = (y1 + y2) / 2;
    return Math.abs(x1 - x2) < 0.5 ? `M${x1.toFixed(1)} ${y1.toFixed(1)}V${y2.toFixed(1)}`
      : `M${x1.toFixed(1)} ${y1.toFixed(1)}C${x1.toFixed(1)} ${middle.toFixed(1)} ${x2.toFixed(1)} ${middle.toFixed(1)} ${x2.toFixed(1)} ${y2.toFixed(1)}`;
  };

  // Where everything is: {nodes, nodeOf, frames, paths: value -> d, bounds}.
  function arrange(level, open) {
    const blocks = Blocks.build(level, open);
    const nodes = [], nodeOf = new Map(), frames = [], paths = new Map();
    const members = blocks.map((block) => {
      if (block.kind === 'fold') {
        const node = makeNode(level, block, null);
        for (const op of block.ops) nodeOf.set(op, node);
        return [node];
      }
      return block.ops.map((op) => {
        const node = makeNode(level, block, op);
        nodeOf.set(op, node);
        return node;
      });
    });
    const {entering, leaving} = connect(level, blocks, nodeOf);
    const add = (value, d) => paths.set(value, (paths.get(value) ?? '') + d);
    let y = 0, above = new Map(), left = -100, right = 100;
    blocks.forEach((block, at) => {
      const layout = Layout.layered(members[at], entering[at], [...leaving[at]]);
      const dx = -(layout.left + layout.right) / 2;
      for (const node of members[at]) {
        node.x += dx;
        node.y += y;
        nodes.push(node);
      }
      for (const line of layout.lines) {
        add(line.value, curve(line.x1 + dx, line.y1 + y, line.x2 + dx, line.y2 + y));
        if (line.straight !== null) add(line.value, `V${(line.straight + y).toFixed(1)}`);
      }
      for (const top of layout.tops) {
        const from = above.get(top.value);
        if (from) add(top.value, curve(from.x, from.y, top.x + dx, top.y + y));
      }
      above = new Map(layout.bottoms.map((port) => [port.value, {x: port.x + dx, y: port.y + y}]));
      if (block.kind === 'layer') frames.push({block, left: layout.left + dx - framePad, right: layout.right + dx + framePad, top: y + 2, bottom: y + layout.height - 2});
      left = Math.min(left, layout.left + dx - framePad - 4);
      right = Math.max(right, layout.right + dx + framePad + 4);
      y += layout.height + blockGap;
    });
    return {level, blocks, nodes, nodeOf, frames, paths, bounds: {left, right, top: 0, bottom: Math.max(y - blockGap, 60)}};
  }

  // The label stands apart: lines must not cover what can be clicked.
  function drawFrame(level, frame, isOnlyOne, onFold) {
    const equal = Blocks.equals(level, frame.block.layer).length;
    const label = 'layer ' + frame.block.layer + (equal > 1 && isOnlyOne ? ' × ' + equal : '');
    const fold = (event) => {
      event.stopPropagation();
      onFold(frame.block.layer);
    };
    const width = textWidth('▾ ' + label, '600 12px system-ui') + 16;
    return {
      box: Dom.svg('rect', {class: 'frame', x: frame.left, y: frame.top, width: frame.right - frame.left, height: frame.bottom - frame.top, rx: 6}),
      label: Dom.svg('g', {
        class: 'frame-label', role: 'button', tabindex: 0, 'aria-label': 'Fold layer ' + frame.block.layer, onclick: fold,
        onkeydown: (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); fold(event); } },
      },
      Dom.svg('rect', {x: frame.left, y: frame.top, width, height: 22, rx: 6}),
      Dom.svg('text', {x: frame.left + 8, y: frame.top + 15}, '▾ ' + label)),
    };
  }

  function drawNode(node, most, actions) {
    const {op, x, y, width, height} = node;
    const left = x - width / 2;
    const group = Dom.svg('g', {
      class: 'node' + (op ? '' : ' fold'), role: 'button', tabindex: -1, transform: `translate(${left.toFixed(1)} ${y.toFixed(1)})`,
      'data-kind': op ? Kinds.of(op.op) : undefined, 'data-op': op?.index, 'data-layers': op ? undefined : node.block.layers.join(' '),
      'aria-label': op ? `${op.name}, ${op.op}${node.time ? ', ' + node.time + ' of the time' : ''}` : `Open ${node.title}, ${node.detail}`,
      onclick: () => actions.activate(node), onfocus: () => actions.focus(node),
      onpointerenter: () => actions.hover(node), onpointerleave: () => actions.hover(null),
    });
    if (!op) for (const shift of [8, 4])
      group.append(Dom.svg('rect', {class: 'sheet', x: shift, y: shift, width, height, rx: 4}));
    group.append(Dom.svg('rect', {class: 'box', width, height, rx: 4}));
    if (op) group.append(Dom.svg('rect', {class: 'kind', width: 4, height, rx: 1.5}));
    const mark = op ? '' : '▸ ';
    group.append(Dom.svg('text', {class: 'name', x: 12, y: op ? 16 : 19}, mark + node.title),
      Dom.svg('text', {class: 'detail', x: 12, y: op ? 30 : 35}, node.detail));
    if (node.time) {
      group.append(Dom.svg('text', {class: 'figure', x: width - 8, y: op ? 30 : 35, 'text-anchor': 'end'}, node.time));
      if (op) group.append(Dom.svg('rect', {class: 'heat', x: 4, y: height - 2.5, width: Math.max(0.5, (width - 4) * node.share / most), height: 2.5}));
    }
    node.far.forEach((value, at) => group.append(Dom.svg('circle', {
      class: 'port' + (value.producer ? '' : ' argument'), 'data-value': value.index, cx: width - 10 - 9 * at, cy: 0, r: 3.2,
      onpointerenter: (event) => actions.hoverValue(value, event), onpointerleave: () => actions.hoverValue(null),
    })));
    node.element = group;
    return group;
  }

  // Fills `layer` with the drawing of an arrangement.
  function draw(layer, picture, actions) {
    const most = picture.nodes.reduce((share, node) => node.op ? Math.max(share, node.share) : share, 0) || 1;
    const openLayers = new Set(picture.frames.map((frame) => frame.block.layer));
    const frames = Dom.svg('g'), lines = Dom.svg('g', {class: 'edges'}), hits = Dom.svg('g', {class: 'hits'}), nodes = Dom.svg('g');
    for (const frame of picture.frames) {
      const open = Blocks.equals(picture.level, frame.block.layer).filter((layer) => openLayers.has(layer));
      const {box, label} = drawFrame(picture.level, frame, open.length === 1, actions.fold);
      frames.append(box);
      nodes.append(label);
    }
    picture.edges = new Map();
    for (const [value, d] of picture.paths) {
      const line = Dom.svg('path', {class: 'edge', d});
      lines.append(line);
      hits.append(Dom.svg('path', {
        class: 'hit', d, onpointerenter: (event) => actions.hoverValue(value, event), onpointermove: (event) => actions.hoverValue(value, event),
        onpointerleave: () => actions.hoverValue(null), onclick: (event) => actions.hoverValue(value, event),
      }));
      picture.edges.set(value, line);
    }
    for (const node of picture.nodes) nodes.append(drawNode(node, most, actions));
    layer.replaceChildren(frames, lines, hits, nodes);
  }

  return {arrange, draw, shortName};
})();
