// What a level shows: blocks from top to bottom, each the operations of one
// open layer, a run of folded layers, or what stands before and after them.
'use strict';

const Blocks = (() => {
  const before = -1, after = Infinity;

  // An operation of no layer comes after the layers when it needs one of them.
  function blockKeys(level) {
    const keys = new Map();
    for (const op of level.ops) {
      let key = op.layer >= 0 ? op.layer : before;
      if (op.layer < 0)
        for (const value of op.operands)
          if (value.producer && (keys.get(value.producer) ?? before) !== before) key = after;
      keys.set(op, key);
    }
    return keys;
  }

  function layersOf(level) {
    return [...new Set(level.ops.filter((op) => op.layer >= 0).map((op) => op.layer))].sort((a, b) => a - b);
  }

  // Layers that are equal to `layer`, itself included.
  function equals(level, layer) {
    const {first_layer: first = 0, period = 0, count = 0} = level.layers ?? {};
    if (!period || count < 2 || layer < first || layer >= first + period * count) return [layer];
    return Array.from({length: count}, (_, turn) => first + (layer - first) % period + turn * period);
  }

  // One of each kind of layer; where nothing repeats, as much as is readable.
  function defaultOpen(level) {
    const layers = layersOf(level);
    const {first_layer: first = 0, period = 0, count = 0} = level.layers ?? {};
    if (count > 1)
      return new Set(layers.filter((layer) => layer < first + period || layer >= first + period * count));
    return new Set(level.ops.length <= 300 ? layers : layers.slice(0, 1));
  }

  function build(level, open) {
    const keys = blockKeys(level);
    const byKey = new Map();
    for (const op of level.ops) {
      const key = keys.get(op);
      if (!byKey.has(key)) byKey.set(key, []);
      byKey.get(key).push(op);
    }
    const blocks = [];
    for (const key of [...byKey.keys()].sort((a, b) => a - b)) {
      const ops = byKey.get(key);
      const isLayer = key !== before && key !== after;
      if (!isLayer || open.has(key)) {
        blocks.push({kind: isLayer ? 'layer' : 'outside', layer: key, layers: isLayer ? [key] : [], ops});
        continue;
      }
      const last = blocks[blocks.length - 1];
      if (last?.kind === 'fold') {
        last.layers.push(key);
        last.ops.push(...ops);
      } else {
        blocks.push({kind: 'fold', layer: key, layers: [key], ops: [...ops]});
      }
    }
    blocks.forEach((block, index) => { block.index = index; });
    return blocks;
  }

  // "2–23", "0, 2, 4"
  function ranges(numbers) {
    const parts = [];
    for (let i = 0; i < numbers.length;) {
      let end = i;
      while (end + 1 < numbers.length && numbers[end + 1] === numbers[end] + 1) ++end;
      parts.push(end > i + 1 ? numbers[i] + '–' + numbers[end] : numbers.slice(i, end + 1).join(', '));
      i = end + 1;
    }
    return parts.join(', ');
  }

  // What a folded run is: "11 × 2 layers" or "5 layers".
  function describe(level, block) {
    const {first_layer: first = 0, period = 0, count = 0} = level.layers ?? {};
    const total = block.layers.length;
    const repeats = count > 1 && block.layers.every((layer) => layer >= first && layer < first + period * count);
    const title = 'layers ' + ranges(block.layers);
    if (!repeats || total % period) return {title: total === 1 ? 'layer ' + block.layers[0] : title, detail: Format.plural(block.ops.length, 'operation')};
    const model = period === 1 ? 'layer ' + first : 'layers ' + ranges(Array.from({length: period}, (_, i) => first + i));
    return {title, detail: total / period + ' × ' + (period === 1 ? 'what ' + model + ' is' : model)};
  }

  return {layersOf, equals, defaultOpen, build, ranges, describe};
})();
