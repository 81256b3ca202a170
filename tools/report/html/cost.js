// What a step costs: by launch, kernel, operation or layer.
'use strict';

const CostView = (() => {
  let grouping = 'kernel', table, totals, tableHolder, plotHolder, machine;

  // Chooses the step for all views; every copy shows the same.
  function stepSelect(onChange) {
    if (!Data.costs.length) return null;
    const select = Dom.html('select', {'aria-label': 'Step', onchange: () => State.setStep(Number(select.value))},
      Data.costs.map((cost, at) => Dom.html('option', {value: at}, Data.stepText(cost.step))));
    select.value = State.step;
    const holder = Dom.html('label', {class: 'step'}, Dom.html('span', {class: 'label'}, 'Step'), select);
    State.watch(holder, () => {
      select.value = State.step;
      if (onChange) onChange();
    });
    return holder;
  }

  function create() {
    totals = Dom.html('div', {class: 'totals'});
    tableHolder = Dom.html('div');
    plotHolder = Dom.html('div', {class: 'plots'});
    machine = Dom.html('p', {class: 'muted'});
    const element = Dom.html('div', {class: 'view'},
      Dom.html('div', {class: 'toolbar'}, stepSelect(), Dom.choice('Rows', [['kernel', 'by kernel'], ['launch', 'by launch'], ['layer', 'by layer']], grouping, (value) => {
        grouping = value;
        showTable();
      })),
      totals, tableHolder, plotHolder, machine);
    State.watch(element, fill);
    fill();
    return element;
  }

  function fill() {
    const cost = Data.costs[State.step];
    const {total} = cost;
    const stat = (label, value, detail) => Dom.html('div', {class: 'stat'}, Dom.html('span', {class: 'label'}, label), Dom.html('b', {}, value), Dom.html('span', {class: 'muted'}, detail ?? ''));
    const tokens = Data.number(cost.step.tokens) * Math.max(1, Data.number(cost.step.sequences));
    totals.replaceChildren(
      stat('Predicted time', Format.seconds(total.seconds), total.seconds ? Format.count(tokens / total.seconds) + ' tokens/s' : ''),
      stat('Weights read', Format.bytes(total.weight_bytes), Format.exact(Math.round(total.weight_bytes)) + ' B'),
      stat('Cache read', Format.bytes(total.cache_bytes)),
      stat('Operations', Format.count(total.flops) + 'flop', total.intensity ? total.intensity.toPrecision(3) + ' flop/B' : ''),
      stat('Activations', Format.bytes(total.activation_bytes), 'stays in the caches'));
    const {machine: m} = cost;
    machine.textContent = `Predicted for a machine that reads ${Format.rate(Data.number(m.read_bytes_per_second), 'B/s')} and computes `
      + `${Format.rate(Data.number(m.float32_flops_per_second), 'flop/s')} in float32, ${Format.rate(Data.number(m.int8_ops_per_second), 'op/s')} in int8 `
      + `(${m.measured ? 'measured' : 'stated, not measured'}). A launch takes the longer of reading and computing; each parameter is read once.`;
    showTable();
    plotHolder.replaceChildren(...cost.cache.length ? [cachePlot(cost.cache)] : []);
  }

  function groups(cost) {
    const rows = new Map();
    for (const launch of Data.launches) {
      const part = cost.launches[launch.index];
      if (!part) continue;
      const key = grouping === 'launch' ? launch.index : grouping === 'layer' ? launch.layer : launch.kernel?.symbol ?? '';
      if (!rows.has(key)) rows.set(key, {key, launch, launches: 0, parts: []});
      const row = rows.get(key);
      ++row.launches;
      row.parts.push(part);
    }
    return [...rows.values()].map((row) => ({...row, cost: Data.sumCosts(row.parts)}));
  }

  function nameCell(row) {
    const {launch} = row;
    if (grouping === 'layer') return row.key < 0 ? 'outside the layers' : 'layer ' + row.key;
    if (grouping === 'kernel') return Dom.html('a', {href: Route.href('kernels', launch.kernel?.symbol ?? '')}, launch.kernel?.symbol ?? '');
    const op = Data.level('plan')?.ops[launch.index];
    return op ? OpPanel.opLink(op) : launch.name;
  }

  function showTable() {
    const cost = Data.costs[State.step];
    const figure = (label, key, print, width = 84) => ({label, isNumber: true, width, value: (row) => row.cost[key], cell: (row) => row.cost[key] ? print(row.cost[key]) : '·'});
    const name = (row) => grouping === 'layer' ? row.key : grouping === 'kernel' ? row.launch.kernel?.symbol ?? '' : row.launch.name;
    const work = (row) => row.launch.kernel ? row.launch.kernel.operation + ' · ' + row.launch.kernel.kind : '';
    const rows = groups(cost);
    const most = rows.reduce((share, row) => Math.max(share, row.cost.share), 0) || 1;
    table = new Table({
      caption: 'Cost by ' + grouping, rows, key: (row) => row.key, sort: grouping === 'kernel' ? 4 : -1,
      filterText: (row) => name(row) + ' ' + work(row),
      columns: [
        {label: grouping[0].toUpperCase() + grouping.slice(1), width: grouping === 'kernel' ? 150 : 230, value: name, cell: nameCell, isNumber: grouping === 'layer'},
        ...grouping === 'layer' ? [] : [{label: 'Work', width: 220, value: work, cell: work}],
        grouping === 'launch' ? {label: '#', width: 54, isNumber: true, value: (row) => row.launch.index, cell: (row) => String(row.launch.index)}
          : {label: 'Launches', width: 80, isNumber: true, value: (row) => row.launches, cell: (row) => Format.exact(row.launches)},
        figure('Time', 'seconds', Format.seconds),
        {label: 'Share', width: 150, isNumber: true, value: (row) => row.cost.share,
          cell: (row) => Dom.html('span', {class: 'with-bar'}, Dom.bar(row.cost.share / most, row.cost.limit), Dom.html('span', {}, Format.percent(row.cost.share)))},
        {label: 'Limit', width: 84, value: (row) => row.cost.limit, cell: (row) => row.cost.limit},
        figure('Weights', 'weight_bytes', Format.bytes), figure('Cache', 'cache_bytes', Format.bytes),
        figure('Activations', 'activation_bytes', Format.bytes, 96), figure('Flops', 'flops', Format.count),
        figure('Flop/B', 'intensity', (value) => value.toPrecision(3)),
      ],
    });
    if (grouping === 'layer') table.columns[0].isNumber = true, table.heads[0].className = '';
    tableHolder.replaceChildren(table.element);
  }

  // Bytes of keys and values of one sequence, by context.
  function cachePlot(points) {
    const width = 560, height = 170, left = 70, bottom = 26, top = 10, right = 16;
    const mostX = Math.max(...points.map((point) => point.context)) || 1, mostY = Math.max(...points.map((point) => point.bytes)) || 1;
    const x = (context) => left + (width - left - right) * context / mostX, y = (bytes) => height - bottom - (height - bottom - top) * bytes / mostY;
    const ordered = [...points].sort((a, b) => a.context - b.context);
    const plot = Dom.svg('svg', {class: 'plot', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'Bytes of the key and value cache by context'});
    for (const part of [0, 0.5, 1]) plot.append(
      Dom.svg('line', {class: 'grid', x1: left, x2: width - right, y1: y(part * mostY), y2: y(part * mostY)}),
      Dom.svg('text', {x: left - 8, y: y(part * mostY) + 4, 'text-anchor': 'end'}, Format.bytes(part * mostY)),
      Dom.svg('text', {x: x(part * mostX), y: height - 8, 'text-anchor': part === 1 ? 'end' : 'middle'}, Format.exact(Math.round(part * mostX))));
    plot.append(Dom.svg('path', {class: 'curve', d: 'M' + ordered.map((point) => `${x(point.context).toFixed(1)} ${y(point.bytes).toFixed(1)}`).join('L')}));
    for (const point of ordered) plot.append(Dom.svg('circle', {class: 'dot', cx: x(point.context), cy: y(point.bytes), r: 3},
      Dom.svg('title', {}, `${Format.exact(point.context)} tokens: ${Format.exact(point.bytes)} B`)));
    const rows = ordered.map((point) => Dom.html('tr', {}, Dom.html('td', {class: 'number'}, Format.exact(point.context)), Dom.html('td', {class: 'number'}, Format.bytes(point.bytes))));
    return Dom.section('Key and value cache of one sequence, by context',
      Dom.html('div', {class: 'plot-row'}, plot, Dom.html('table', {class: 'small'}, Dom.html('thead', {}, Dom.html('tr', {}, Dom.html('th', {scope: 'col', class: 'number'}, 'Context'), Dom.html('th', {scope: 'col', class: 'number'}, 'Cache'))), Dom.html('tbody', {}, rows))));
  }

  const show = () => table.draw();
  return {create, show, stepSelect};
})();
