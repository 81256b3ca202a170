// Weights, fusions and kernels: a table each, details in the panel.
'use strict';

const WeightView = (() => {
  let table;
  const hasStats = Data.weights.some((weight) => weight.stats);
  const stat = (weight, key) => weight.stats ? Data.number(weight.stats[key]) : NaN;

  function create() {
    const columns = [
      {label: 'Tensor', width: 380, value: (row) => row.name, cell: (row) => Dom.html('a', {href: Route.href('weights', row.name)}, row.name)},
      {label: 'Type', width: 64, value: (row) => row.dtype, cell: (row) => row.dtype},
      {label: 'Shape', width: 150, value: (row) => row.shape.reduce((product, extent) => product * Number(extent), 1), isNumber: true, cell: (row) => Format.shape(row.shape)},
      {label: 'Bytes', width: 110, isNumber: true, value: (row) => row.size, cell: (row) => Format.exact(row.size)},
      {label: 'File', width: 190, value: (row) => row.file, cell: (row) => row.file || 'embedded'},
      {label: 'Offset', width: 110, isNumber: true, value: (row) => row.offset, cell: (row) => Format.exact(row.offset)},
      {label: 'Layout', width: 84, value: (row) => row.layout, cell: (row) => row.layout},
    ];
    if (hasStats)
      for (const [label, key] of [['Min', 'min'], ['Max', 'max'], ['Mean', 'mean'], ['RMS', 'rms'], ['NaN', 'nans'], ['Inf', 'infinities']])
        columns.push({label, width: 84, isNumber: true, value: (row) => stat(row, key) || 0, cell: (row) => row.stats ? Format.real(stat(row, key)) : ''});
    table = new Table({caption: 'Weights', rows: Data.weights, key: (row) => row.name, sort: -1, columns,
      filterText: (row) => [row.name, row.parameter, row.dtype, row.layout, row.file].join(' ')});
    const bytes = Data.weights.reduce((sum, weight) => sum + weight.size, 0);
    table.tools.append(Dom.html('span', {class: 'muted'}, Format.exact(bytes) + ' bytes in all'));
    return Dom.html('div', {class: 'view'}, table.element);
  }

  const power = (exponent) => '2' + [...String(exponent)].map((digit) => digit === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[digit]).join('');

  // How many blocks have each scale, a power of two.
  function histogram(scales) {
    const counts = scales.map((entry) => ({exponent: Data.number(entry.exponent), count: Data.number(entry.count)})).sort((a, b) => a.exponent - b.exponent);
    const low = counts[0].exponent, high = counts[counts.length - 1].exponent, most = Math.max(...counts.map((entry) => entry.count)) || 1;
    const span = Math.min(256, high - low + 1), width = 340, height = 110, each = width / span;
    const plot = Dom.svg('svg', {class: 'plot', viewBox: `0 0 ${width} ${height + 18}`, role: 'img', 'aria-label': `Scales from ${power(low)} to ${power(high)}`});
    for (const {exponent, count} of counts) {
      const part = Math.max(1, height * count / most);
      plot.append(Dom.svg('rect', {class: 'column', x: (exponent - low) * each + 0.5, y: height - part, width: Math.max(1, each - 1), height: part},
        Dom.svg('title', {}, `${power(exponent)}: ${Format.exact(count)}`)));
    }
    plot.append(Dom.svg('text', {x: 0, y: height + 14}, power(low)), Dom.svg('text', {x: width, y: height + 14, 'text-anchor': 'end'}, power(high)));
    return plot;
  }

  function panel(weight) {
    const {stats} = weight;
    const users = weight.users.slice(0, 40);
    return {
      title: weight.name, detail: `${weight.dtype} ${Format.shape(weight.shape)}`,
      body: [
        Dom.facts([
          ['Parameter', weight.parameter ? '@' + weight.parameter : ''],
          ['Size', Format.bytes(weight.size) + ' (' + Format.exact(weight.size) + ' B)'],
          ['File', weight.file || 'embedded in the artifact'], ['Offset', Format.exact(weight.offset)], ['Layout', weight.layout],
          ['SHA-256', weight.sha256 ? Dom.html('span', {class: 'mono wrap'}, weight.sha256) : ''],
        ]),
        stats ? Dom.section('Values', Dom.facts([
          ['Minimum', Format.real(stats.min ?? 0)], ['Maximum', Format.real(stats.max ?? 0)], ['Mean', Format.real(stats.mean ?? 0)],
          ['Root mean square', Format.real(stats.rms ?? 0)], ['Zeros', Format.exact(Data.number(stats.zeros))],
          ['NaN', Format.exact(Data.number(stats.nans))], ['Infinite', Format.exact(Data.number(stats.infinities))]])) : null,
        Data.list(stats?.scales).length ? Dom.section('Block scales', histogram(stats.scales)) : null,
        users.length ? Dom.section('Used by', Dom.html('ul', {class: 'links'}, users.map((op) => Dom.html('li', {}, OpPanel.opLink(op), Dom.html('span', {class: 'muted'}, ' ' + op.level.name))))) : null,
      ],
    };
  }

  function show([, name]) {
    const weight = Data.weights.find((entry) => entry.name === name);
    if (weight) Panel.show(panel(weight), () => Route.go('weights'));
    else Panel.hide();
    table.reveal(weight ? weight.name : null);
  }

  return {create, show};
})();

const KernelView = (() => {
  let table;
  const hasCode = Data.kernels.some((kernel) => kernel.codeBytes);
  const figure = (label, value, print, width = 92) => ({label, isNumber: true, width, value, cell: (row) => print(value(row))});
  const known = (print) => (value) => value ? print(value) : '';
  const address = (value) => '0x' + value.toString(16);
  const kernelLink = (kernel) => Dom.html('a', {href: Route.href('kernels', kernel.symbol)}, kernel.symbol);

  // What else is code: on a GPU a launch is one of its functions, or several.
  function functionSection() {
    if (!Data.functions.length) return null;
    const isDevice = Data.functions.some((entry) => entry.isDevice);
    const functions = new Table({
      caption: 'Functions', rows: Data.functions, key: (row) => row.symbol, sort: -1,
      filterText: (row) => [row.symbol, row.kernel?.symbol].join(' '),
      columns: [
        {label: 'Function', width: 250, value: (row) => row.symbol, cell: (row) => row.symbol},
        ...isDevice ? [
          {label: 'Runs on', width: 92, value: (row) => row.isDevice, cell: (row) => row.isDevice ? 'the GPU' : 'the host'},
          {label: 'Kernel', width: 250, value: (row) => row.kernel?.symbol ?? '', cell: (row) => row.kernel ? kernelLink(row.kernel) : ''},
          figure('Registers', (row) => row.registers, known(Format.exact)), figure('PTX', (row) => row.ptxBytes, known(Format.bytes)),
        ] : [],
        figure('Code', (row) => row.codeBytes, known(Format.bytes)), figure('At', (row) => row.codeBytes ? row.offset : 0, known(address)),
        {label: isDevice ? 'SHA-256 (GPU: of PTX)' : 'SHA-256', width: 200, value: (row) => row.sha256, cell: (row) => Dom.html('span', {class: 'mono'}, row.sha256)},
      ],
    });
    return Dom.section(isDevice ? 'Functions, of which a launch is one or several' : 'Other functions', functions.element);
  }

  function create() {
    table = new Table({
      caption: 'Kernels', rows: Data.kernels, key: (row) => row.symbol, sort: -1,
      filterText: (row) => [row.symbol, row.operation, row.kind, row.reason].join(' '),
      columns: [
        {label: 'Symbol', width: 250, value: (row) => row.symbol, cell: kernelLink},
        {label: 'Operation', width: 130, value: (row) => row.operation, cell: (row) => row.operation},
        {label: 'Kind', width: 150, value: (row) => row.kind, cell: (row) => row.kind},
        figure('Launches', (row) => row.launchCount || row.launches.length, Format.exact, 80),
        ...hasCode ? [figure('Code', (row) => row.codeBytes, Format.bytes), figure('At', (row) => row.offset, address)] : [],
        figure('B/item', (row) => row.bytesPerItem, Format.exact), figure('Flop/item', (row) => row.flopsPerItem, Format.exact),
        {label: 'Why this kind', width: 320, value: (row) => row.reason, cell: (row) => row.reason},
      ],
    });
    return Dom.html('div', {class: 'view'}, table.element, functionSection());
  }

  function functionFacts(entry) {
    const size = entry.codeBytes ? `${Format.exact(entry.codeBytes)} B at ${address(entry.offset)}, ${Format.plural(entry.registers, 'register')}` : '';
    return [
      Dom.facts([['Function', Dom.html('span', {class: 'mono wrap'}, entry.symbol)], ['Code', size], ['PTX', `${Format.exact(entry.ptxBytes)} B`]]),
      entry.disassembly ? Dom.html('pre', {class: 'ir code', tabindex: 0}, entry.disassembly) : null,
    ];
  }

  function panel(kernel) {
    const plan = Data.level('plan');
    const launches = kernel.launches.slice(0, 40);
    const functions = Data.functions.filter((entry) => entry.kernel === kernel);
    return {
      title: kernel.symbol, detail: kernel.operation + ' · ' + kernel.kind, kind: Kinds.of(kernel.operation),
      body: [
        Dom.facts([
          ['Why this kind', kernel.reason], ['Code', kernel.codeBytes ? `${Format.exact(kernel.codeBytes)} B at ${address(kernel.offset)}` : ''],
          ['SHA-256', kernel.sha256 ? Dom.html('span', {class: 'mono wrap'}, kernel.sha256) : ''],
          ['An item', `${Format.exact(kernel.bytesPerItem)} B, ${Format.exact(kernel.flopsPerItem)} flop`],
        ]),
        Data.costs.length && kernel.launches.length ? Dom.section('Cost of all its launches', OpPanel.costFacts(Data.costOf(kernel.launches, State.step))) : null,
        functions.length ? Dom.section('On the GPU', functions.map(functionFacts)) : null,
        kernel.disassembly ? Dom.section('Disassembly', Dom.html('pre', {class: 'ir code', tabindex: 0}, kernel.disassembly)) : null,
        launches.length ? Dom.section(Format.plural(kernel.launches.length, 'launch', 'launches'), Dom.html('ul', {class: 'links'}, launches.map((launch) => Dom.html('li', {},
          Dom.html('span', {class: 'index'}, '#' + launch.index), ' ', plan?.ops[launch.index] ? OpPanel.opLink(plan.ops[launch.index]) : launch.name)))) : null,
      ],
    };
  }

  function show([, symbol]) {
    const kernel = Data.kernels.find((entry) => entry.symbol === symbol);
    if (kernel) Panel.show(panel(kernel), () => Route.go('kernels'));
    else Panel.hide();
    table.reveal(kernel ? kernel.symbol : null);
  }

  return {create, show};
})();

const FusionView = (() => {
  let table;

  // Where a fusion took place, at the first level that has it.
  function placeCell(fusion) {
    for (const name of ['fused', 'graph']) {
      const op = Data.level(name)?.ops.find((entry) => entry.name === fusion.place);
      if (op) return OpPanel.opLink(op);
    }
    return fusion.place ?? '';
  }

  function create() {
    const passes = new Map();
    for (const fusion of Data.fusions) {
      const name = fusion.pass ?? '';
      if (!passes.has(name)) passes.set(name, {done: 0, left: 0});
      fusion.fused ? ++passes.get(name).done : ++passes.get(name).left;
    }
    table = new Table({
      caption: 'Fusions', rows: Data.fusions, key: (row) => row, sort: -1,
      filterText: (row) => [row.pass, row.place, row.fused ? 'fused' : 'not fused', row.message].join(' '),
      columns: [
        {label: 'Pass', width: 170, value: (row) => row.pass ?? '', cell: (row) => row.pass ?? ''},
        {label: 'Result', width: 90, value: (row) => row.fused ? 0 : 1, cell: (row) => Dom.html('span', {class: row.fused ? 'yes' : 'no'}, row.fused ? '● fused' : '○ not fused')},
        {label: 'Place', width: 260, value: (row) => row.place ?? '', cell: placeCell},
        {label: 'What, or why not', width: 480, value: (row) => row.message ?? '', cell: (row) => row.message ?? ''},
      ],
    });
    return Dom.html('div', {class: 'view'},
      Dom.html('div', {class: 'totals'}, [...passes].map(([name, {done, left}]) => Dom.html('div', {class: 'stat'},
        Dom.html('span', {class: 'label'}, name), Dom.html('b', {}, Format.exact(done)), Dom.html('span', {class: 'muted'}, 'fused' + (left ? `, ${left} not` : ''))))),
      table.element);
  }

  function show() {
    Panel.hide();
    table.draw();
  }

  return {create, show};
})();
