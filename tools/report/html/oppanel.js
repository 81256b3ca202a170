// What is known of one operation: cost, IR, kernel, parameters, and what it
// came from and became.
'use strict';

const OpPanel = (() => {
  const opLink = (op) => Dom.html('a', {href: Route.href(op.level.name, 'op', op.name, ...op.turn > 1 ? [op.turn] : [])}, op.name);
  const list = (items) => Dom.html('ul', {class: 'links'}, items.map((item) => Dom.html('li', {}, item)));

  function costFacts(cost) {
    return Dom.facts([
      ['Predicted time', Dom.html('span', {}, Format.seconds(cost.seconds), cost.limit ? Dom.html('span', {class: 'muted'}, ' limited by ' + cost.limit) : null)],
      ['Share', Dom.html('span', {class: 'with-bar'}, Format.percent(cost.share), Dom.bar(cost.share))],
      ['Operations', Format.count(cost.flops) + ' flop'],
      ['Weights read', Format.bytes(cost.weight_bytes)],
      ['Cache read', cost.cache_bytes ? Format.bytes(cost.cache_bytes) : ''],
      ['Activations', Format.bytes(cost.activation_bytes)],
      ['Intensity', cost.intensity ? cost.intensity.toPrecision(3) + ' flop/B' : ''],
    ]);
  }

  // Time and share in every step; the chosen one in bold.
  function stepTable(launches) {
    const rows = Data.costs.map((entry, at) => {
      const cost = Data.costOf(launches, at);
      return Dom.html('tr', {class: at === State.step ? 'chosen' : ''},
        Dom.html('th', {scope: 'row'}, Dom.html('button', {type: 'button', class: 'text', 'aria-pressed': String(at === State.step), onclick: () => State.setStep(at)}, Data.stepText(entry.step))),
        Dom.html('td', {class: 'number'}, Format.seconds(cost.seconds)), Dom.html('td', {class: 'number'}, Format.percent(cost.share)), Dom.html('td', {}, cost.limit));
    });
    const heads = [['Step'], ['Time', true], ['Share', true], ['Limit']];
    return Dom.html('table', {class: 'steps'},
      Dom.html('thead', {}, Dom.html('tr', {}, heads.map(([text, isNumber]) => Dom.html('th', {scope: 'col', class: isNumber ? 'number' : ''}, text)))), Dom.html('tbody', {}, rows));
  }

  function costSection(op, launches) {
    if (!Data.costs.length || !launches.length) return null;
    const others = Data.level('plan') && op.level.name !== 'plan'
      ? launches.flatMap((launch) => Data.level('plan').ops[launch.index]?.sources ?? []).filter((other) => other.level === op.level && other !== op) : [];
    const body = Dom.html('div');
    const fill = () => body.replaceChildren(stepTable(launches), costFacts(Data.costOf(launches, State.step)));
    State.watch(body, fill);
    fill();
    return Dom.section('Cost', body,
      others.length ? Dom.html('p', {class: 'muted'}, 'Of the whole launch, which computes ' + Format.plural(others.length, 'other operation') + ' too.')
        : op.level.name === 'graph' && op.targets.length ? Dom.html('p', {class: 'muted'}, 'Of the launches that it became part of.') : null);
  }

  function kernelSection(launches) {
    const kernels = [...new Set(launches.map((launch) => launch.kernel).filter(Boolean))];
    if (!kernels.length) return null;
    return Dom.section(kernels.length > 1 ? 'Kernels' : 'Kernel', kernels.map((kernel) => Dom.html('div', {class: 'kernel-card'},
      Dom.html('a', {href: Route.href('kernels', kernel.symbol), class: 'mono'}, kernel.symbol),
      Dom.facts([['Kind', kernel.operation + ' · ' + kernel.kind], ['Why', kernel.reason], ['Code', kernel.codeBytes ? Format.bytes(kernel.codeBytes) : '']]))));
  }

  function launchSection(op, launches) {
    if (!launches.length) return null;
    const plan = Data.level('plan');
    return Dom.section(op.level.name === 'plan' ? 'Launch' : 'Launches', list(launches.map((launch) => [
      Dom.html('span', {class: 'index'}, '#' + launch.index), ' ',
      plan?.ops[launch.index] && op.level.name !== 'plan' ? opLink(plan.ops[launch.index]) : launch.name,
      launch.work ? Dom.html('span', {class: 'muted'}, ' ' + launch.work + ' items') : null,
    ])));
  }

  function valueList(title, values, opsOf) {
    if (!values.length) return null;
    return Dom.section(title, Dom.html('ul', {class: 'values'}, values.map((value) => {
      const ops = opsOf(value);
      return Dom.html('li', {}, Dom.html('span', {class: 'mono type'}, value.type),
        Dom.html('div', {}, ops.length ? ops.slice(0, 12).map((other, at) => [at ? ', ' : '', opLink(other)]) : Dom.html('span', {class: 'muted'}, value.name + (title === 'Inputs' ? ', argument of the step' : ', result')),
          ops.length > 12 ? ' and ' + (ops.length - 12) + ' more' : ''));
    })));
  }

  function parameterSection(op) {
    if (!op.parameters.length) return null;
    return Dom.section('Parameters', list(op.parameters.flatMap((symbol) => {
      const weights = Data.weightsOf.get(symbol) ?? [];
      return weights.length ? weights.map((weight) => [
        Dom.html('a', {href: Route.href('weights', weight.name)}, weight.name),
        Dom.html('span', {class: 'muted'}, ` ${weight.dtype} ${Format.shape(weight.shape)}, ${Format.bytes(weight.size)}`),
      ]) : ['@' + symbol];
    })));
  }

  function build(op) {
    const launches = Data.launchesOf(op);
    const next = Data.levels[op.level.index + 1];
    const before = Data.levels[op.level.index - 1];
    return {
      title: op.name, detail: op.op + (op.layer >= 0 ? ' · layer ' + op.layer : ''), kind: Kinds.of(op.op),
      body: [
        costSection(op, launches),
        Dom.section('IR', Dom.html('pre', {class: 'ir', tabindex: 0}, op.text || op.op)),
        kernelSection(launches),
        parameterSection(op),
        op.sources.length ? Dom.section('From ' + (before?.name ?? 'above'), list(op.sources.map(opLink))) : null,
        op.targets.length && next?.name !== 'plan' ? Dom.section('Became, in ' + next.name, list(op.targets.map(opLink))) : null,
        launchSection(op, launches),
        valueList('Inputs', [...new Set(op.operands)], (value) => value.producer ? [value.producer] : []),
        valueList('Results', op.results, (value) => value.users),
      ],
    };
  }

  return {build, costFacts, opLink};
})();
