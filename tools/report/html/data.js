// The report as the views use it: what JSON leaves out is filled in, references
// are followed both ways, and an index that points nowhere is dropped.
'use strict';

const Data = (() => {
  const raw = JSON.parse(document.getElementById('report').textContent);
  const list = (value) => Array.isArray(value) ? value : [];
  const number = (value) => Number(value ?? 0);
  const within = (indices, length) => list(indices).map(Number).filter((index) => index >= 0 && index < length);

  const summary = raw.summary ?? {};
  const kernels = list(raw.kernels).map((kernel, index) => ({
    index, symbol: kernel.symbol ?? '', operation: kernel.operation ?? '', kind: kernel.kind ?? '',
    reason: kernel.reason ?? '', bytesPerItem: number(kernel.bytes_per_item),
    flopsPerItem: number(kernel.flops_per_item), offset: number(kernel.offset),
    codeBytes: number(kernel.code_bytes), launchCount: number(kernel.launches), sha256: kernel.sha256 ?? '',
    disassembly: kernel.disassembly ?? '', launches: [],
  }));
  const launches = list(raw.launches).map((launch, index) => ({
    index, name: launch.name ?? '', kernel: kernels[number(launch.kernel)],
    layer: number(launch.layer), bindings: list(launch.bindings), work: launch.work ?? '',
  }));
  for (const launch of launches) launch.kernel?.launches.push(launch);

  // Code that is no kernel of the manifest: all of a GPU's, and the host's rest.
  const readFunction = (entry, isDevice) => ({
    isDevice, symbol: entry.symbol ?? '', kernel: kernels.find((kernel) => kernel.symbol && kernel.symbol === entry.kernel),
    offset: number(entry.offset), codeBytes: number(entry.code_bytes), registers: number(entry.registers),
    ptxBytes: number(entry.ptx_bytes), sha256: entry.sha256 ?? '', disassembly: entry.disassembly ?? '',
  });
  const functions = [
    ...list(raw.device_functions).map((entry) => readFunction(entry, true)),
    ...list(raw.functions).map((entry) => readFunction(entry, false)),
  ];

  const weights = list(raw.weights).map((weight, index) => ({
    index, name: weight.name ?? '', parameter: weight.parameter ?? '', dtype: weight.dtype ?? '',
    shape: list(weight.shape), layout: weight.layout || 'published', file: weight.file ?? '',
    offset: number(weight.offset), size: number(weight.size), sha256: weight.sha256 ?? '',
    stats: weight.stats, users: [],
  }));
  const weightsOf = Map.groupBy ? Map.groupBy(weights, (weight) => weight.parameter) : new Map();
  if (!Map.groupBy)
    for (const weight of weights)
      weightsOf.set(weight.parameter, [...weightsOf.get(weight.parameter) ?? [], weight]);

  // Levels ------------------------------------------------------------------

  function readLevel(entry, index) {
    const level = entry.level ?? {};
    const values = list(level.values).map((value, at) => ({
      index: at, name: value.name ?? '', type: value.type ?? '', producer: null, users: [],
    }));
    const seen = new Map();
    const ops = list(level.operations).map((op, at) => {
      const name = op.name ?? '';
      const turn = (seen.get(name) ?? 0) + 1;
      seen.set(name, turn);
      return {
        index: at, name, turn, op: op.op ?? '', layer: number(op.layer),
        operands: within(op.operands, values.length).map((value) => values[value]),
        results: within(op.results, values.length).map((value) => values[value]),
        parameters: list(op.parameters), text: op.text ?? '', targets: [], sources: [],
      };
    });
    for (const op of ops) {
      for (const value of op.results) value.producer ??= op;
      for (const value of new Set(op.operands)) value.users.push(op);
    }
    const isKnown = ['graph', 'fused', 'plan'].includes(level.name);
    return {index, name: isKnown ? level.name : 'level-' + index, values, ops, layers: entry.layers ?? null};
  }

  const levels = list(raw.graph).map(readLevel);
  list(raw.graph).forEach((entry, index) => {
    const from = levels[index], to = levels[index + 1];
    if (!from || !to) return;
    list(entry.lowerings).forEach((lowering, at) => {
      if (!from.ops[at]) return;
      for (const target of within(lowering.targets, to.ops.length)) {
        from.ops[at].targets.push(to.ops[target]);
        to.ops[target].sources.push(from.ops[at]);
      }
    });
  });
  for (const level of levels)
    for (const op of level.ops) {
      op.level = level;
      for (const symbol of new Set(op.parameters))
        for (const weight of weightsOf.get(symbol) ?? []) weight.users.push(op);
    }

  // The launches that an operation of any level ends in.
  function launchesOf(op) {
    if (op.level.name === 'plan') return launches[op.index] ? [launches[op.index]] : [];
    const found = new Set();
    for (const target of op.targets)
      for (const launch of launchesOf(target)) found.add(launch);
    return [...found];
  }

  // Costs -------------------------------------------------------------------

  const costKeys = ['flops', 'weight_bytes', 'cache_bytes', 'activation_bytes', 'seconds', 'share'];
  function readCost(cost) {
    const read = {limit: cost?.limit ?? '', intensity: number(cost?.intensity)};
    for (const key of costKeys) read[key] = number(cost?.[key]);
    return read;
  }
  const costs = list(raw.costs).map((cost, index) => ({
    index, step: cost.step ?? {}, machine: cost.machine ?? {}, launches: list(cost.launches).map(readCost),
    total: readCost(cost.total), cache: list(cost.kv_cache).map((entry) => ({
      context: number(entry.context), bytes: number(entry.bytes),
    })),
  }));

  function sumCosts(parts) {
    const sum = readCost({});
    const limits = new Map();
    for (const part of parts) {
      for (const key of costKeys) sum[key] += part[key];
      limits.set(part.limit, (limits.get(part.limit) ?? 0) + part.seconds);
    }
    const read = sum.weight_bytes + sum.cache_bytes;
    sum.intensity = read ? sum.flops / read : 0;
    // What most of the time is limited by.
    sum.limit = [...limits].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
    return sum;
  }
  const costOf = (set, step) => sumCosts(set.map((launch) => costs[step]?.launches[launch.index]).filter(Boolean));
  const stepText = (step) => {
    const parts = [Format.plural(number(step.tokens), 'token')];
    if (number(step.sequences) > 1) parts.push(Format.exact(number(step.sequences)) + ' sequences');
    parts.push('depth ' + Format.exact(number(step.depth)));
    return (step.name ? step.name + ': ' : '') + parts.join(', ');
  };

  const memory = raw.memory ? {
    arenaBytes: number(raw.memory.arena_bytes), peakBytes: number(raw.memory.peak_bytes),
    peakLaunch: number(raw.memory.peak_launch), unsharedBytes: number(raw.memory.unshared_bytes),
    buffers: list(raw.memory.buffers).map((buffer, index) => ({
      index, name: buffer.name ?? '', offset: number(buffer.offset), size: number(buffer.size),
      first: number(buffer.first_launch), last: number(buffer.last_launch), dtype: buffer.dtype ?? '',
      shape: list(buffer.shape), shares: number(buffer.shares_bytes_with),
    })),
  } : null;

  return {
    raw, summary, kernels, functions, launches, weights, weightsOf, levels, costs, memory, sumCosts, costOf,
    launchesOf, stepText, number, list, fusions: list(raw.fusions), stages: list(raw.stages),
    level: (name) => levels.find((level) => level.name === name),
  };
})();

// What the views share: which step the costs are for.
const State = (() => {
  let watchers = [];
  return {
    step: 0,
    // Calls when the step changes, for as long as `node` is in the page.
    watch: (node, call) => watchers.push({node, call}),
    setStep(step) {
      State.step = step;
      watchers = watchers.filter(({node}) => node.isConnected);
      for (const {call} of watchers) call();
    },
  };
})();

// The colour of an operation says what kind of work it is.
const Kinds = (() => {
  const rules = [
    ['experts', /expert|moe|swiglu|gate|combine/, 'Experts'],
    ['router', /rout|top_?k|softmax_topk/, 'Routing'],
    ['attention', /attention|softmax|mask|scores/, 'Attention'],
    ['cache', /cache|append/, 'Cache'],
    ['norm', /norm/, 'Norm'],
    ['rope', /rope|rotate/, 'Position'],
    ['embedding', /embed|gather|select_rows|logits|unembed/, 'Embedding'],
    ['linear', /linear|matmul|product|gemm|gemv/, 'Linear'],
  ];
  const names = new Map(rules.map(([kind, , label]) => [kind, label]));
  names.set('other', 'Other');
  const of = (op) => rules.find(([, pattern]) => pattern.test(op))?.[0] ?? 'other';
  return {of, names};
})();
