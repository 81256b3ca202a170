// The summary: what was compiled, for what, how large, and what making it took.
'use strict';

const Overview = (() => {
  const {summary} = Data;
  const model = summary.model ?? {};
  const n = Data.number;

  // Runs of layers with equal windows, as "every 2nd of 24 layers sees 128 keys".
  function windows() {
    const counts = new Map();
    for (const window of Data.list(model.layer_windows)) counts.set(window, (counts.get(window) ?? 0) + 1);
    return [...counts].map(([window, count]) => Format.plural(count, 'layer') + ' ' + (window ? Format.exact(window) + ' keys' : 'all keys')).join(', ');
  }

  function modelFacts() {
    const rope = model.rope ?? {};
    return Dom.section('Model', Dom.facts([
      ['Type', model.model_type],
      ['Parameters', summary.parameters_total ? Format.exact(n(summary.parameters_total)) : ''],
      ['Active for a token', summary.parameters_active ? `${Format.exact(n(summary.parameters_active))} (${Format.percent(n(summary.parameters_active) / n(summary.parameters_total))})` : ''],
      ['Layers', model.num_layers], ['Hidden', model.hidden_size ? Format.exact(model.hidden_size) : ''],
      ['Heads', model.num_heads ? `${model.num_heads} of ${model.head_dim}, ${model.num_kv_heads} for keys and values` : ''],
      ['Attention', windows()],
      ['Experts', model.num_experts ? `${model.experts_per_token} of ${model.num_experts}, ${Format.exact(n(model.intermediate_size))} wide` : ''],
      ['Vocabulary', model.vocab_size ? Format.exact(model.vocab_size) : ''],
      ['Positions', model.max_position_embeddings ? Format.exact(model.max_position_embeddings) : ''],
      ['Rotary', rope.theta ? `θ ${Format.exact(rope.theta)}${rope.scaling && rope.scaling !== 'none' ? `, ${rope.scaling} × ${rope.factor}` : ''}` : ''],
    ]));
  }

  function weightFacts() {
    const files = Data.list(summary.weight_files);
    return Dom.section('Weights', Dom.facts([
      ['Tensors', summary.tensors ? Format.exact(n(summary.tensors)) : ''],
      ['Bytes', summary.weight_bytes ? `${Format.exact(n(summary.weight_bytes))} (${Format.bytes(n(summary.weight_bytes))})` : ''],
      ['Experts', summary.expert_form], ['Other matrices', summary.dense_form], ['Layout', summary.weight_layout],
      ['Kept', summary.weights_embedded ? 'in the artifact' : files.length ? 'in ' + Format.plural(files.length, 'checkpoint file') : ''],
      ...files.slice(0, 8).map((file) => [file.name ?? '', Format.bytes(n(file.size))]),
      files.length > 8 ? ['and more', Format.plural(files.length - 8, 'file')] : ['', ''],
    ]));
  }

  const targetFacts = () => Dom.section('Code', Dom.facts([
    ['Target', summary.target], ['Triple', summary.triple], ['Processor', summary.cpu], ['Mathematics', summary.math_mode],
    ['Optimisation', summary.target ? '-O' + n(summary.opt_level) : ''],
    ['Features', Data.list(summary.required_features).length ? Dom.html('span', {class: 'features'}, Data.list(summary.required_features).map((feature) => [Dom.html('code', {}, feature), ' '])) : ''],
    ['Compiler', summary.compiler_version],
    ['Flags', summary.flags ? Dom.html('span', {class: 'flags'}, String(summary.flags).split(' ').map((flag) => [Dom.html('code', {}, flag), ' '])) : ''],
    ...Data.list(summary.entry_points).map((entry) => ['Entry point', Dom.html('code', {class: 'wrap'}, entry.signature || entry.symbol || entry.name || '')]),
  ]));

  const sizeFacts = () => Dom.section('Limits and memory', Dom.facts([
    ['Context', summary.max_context ? Format.plural(n(summary.max_context), 'token') : ''],
    ['Step', summary.max_tokens_per_step ? Format.plural(n(summary.max_tokens_per_step), 'token') : ''],
    ['Arena', summary.arena_bytes ? Format.bytes(n(summary.arena_bytes)) : ''],
    ['Cache', summary.cache_bytes_per_token ? `${Format.bytes(n(summary.cache_bytes_per_token))} a token, ${summary.cache_dtype}` : ''],
    ['Artifact', summary.artifact_bytes ? `${Format.bytes(n(summary.artifact_bytes))} (${Format.exact(n(summary.artifact_bytes))} B)` : ''],
  ]));

  const plainTable = (caption, heads, rows) => Dom.html('div', {class: 'scroll-x', tabindex: 0, role: 'region', 'aria-label': caption}, Dom.html('table', {class: 'plain'}, Dom.html('caption', {class: 'hidden'}, caption),
    Dom.html('thead', {}, Dom.html('tr', {}, heads.map(([text, isNumber]) => Dom.html('th', {scope: 'col', class: isNumber ? 'number' : ''}, text)))),
    Dom.html('tbody', {}, rows.map((cells) => Dom.html('tr', {}, cells.map((cell, at) => Dom.html('td', {class: heads[at][1] ? 'number' : ''}, cell)))))));

  function hashes() {
    const rows = [
      ...Data.list(summary.sections).map((section) => [section.name ?? '', Format.exact(n(section.offset)), Format.exact(n(section.size)), section.sha256 ?? '']),
      summary.config_sha256 ? ['config.json', '', '', summary.config_sha256] : null,
      summary.tokenizer_sha256 ? ['tokenizer.json', '', '', summary.tokenizer_sha256] : null,
    ].filter(Boolean);
    return rows.length ? Dom.section('Sections and hashes', plainTable('Sections and hashes', [['What'], ['Offset', true], ['Bytes', true], ['SHA-256']],
      rows.map(([name, offset, size, hash]) => [name, offset, size, Dom.html('code', {class: 'mono', title: hash}, hash)]))) : null;
  }

  function stages() {
    if (!Data.stages.length) return null;
    const longest = Math.max(...Data.stages.map((stage) => n(stage.seconds))) || 1, largest = Math.max(...Data.stages.map((stage) => n(stage.peak_bytes))) || 1;
    const total = Data.stages.reduce((sum, stage) => sum + n(stage.seconds), 0);
    return Dom.section(`Compile stages, ${Format.seconds(total)} in all`, plainTable('Compile stages', [['Stage'], ['Time', true], ['Peak memory', true], ['Operations', true]], Data.stages.map((stage) => [
      stage.name ?? '',
      Dom.html('span', {class: 'with-bar'}, Dom.bar(n(stage.seconds) / longest), Dom.html('span', {}, Format.seconds(n(stage.seconds)))),
      Dom.html('span', {class: 'with-bar'}, Dom.bar(n(stage.peak_bytes) / largest, 'memory'), Dom.html('span', {}, Format.bytes(n(stage.peak_bytes)))),
      n(stage.operations) ? Format.exact(n(stage.operations)) : '·',
    ])));
  }

  function missing() {
    const parts = [['the graph', Data.levels.length], ['costs', Data.costs.length], ['the memory plan', Data.memory], ['weights', Data.weights.length],
      ['fusions', Data.fusions.length], ['kernels', Data.kernels.length], ['compile stages', Data.stages.length]];
    const names = parts.filter(([, has]) => !has).map(([name]) => name);
    if (!names.length) return null;
    const why = summary.kind === 'checkpoint' ? ' A checkpoint is not compiled yet.' : names.length === 1 && !Data.stages.length ? ' Only the compiler knows them, while it works (gossc --report).' : '';
    return Dom.html('p', {class: 'notice', id: 'missing'}, 'Not in this report: ' + names.join(', ') + '.' + why);
  }

  const create = () => Dom.html('div', {class: 'view overview'}, missing(),
    Dom.html('div', {class: 'columns'}, modelFacts(), targetFacts(), weightFacts(), sizeFacts()), stages(), hashes());

  // The line at the top of every view.
  function head() {
    const path = String(summary.source ?? '').split('/').filter((part) => part && part !== 'config.json');
    const name = path.pop()?.replace(/\.(json|goss)$/, '') || model.model_type || 'Report';
    document.title = name + ' · Gossamer report';
    document.getElementById('model-name').textContent = name;
    const facts = [
      summary.kind, summary.parameters_total ? Format.count(n(summary.parameters_total)) + ' parameters' : '',
      summary.parameters_active ? Format.count(n(summary.parameters_active)) + ' active' : '',
      summary.weight_bytes ? Format.bytes(n(summary.weight_bytes)) : '', summary.target, summary.cpu, summary.math_mode ? summary.math_mode + ' math' : '',
    ];
    document.getElementById('model-facts').replaceChildren(...facts.filter(Boolean).map((fact) => Dom.html('span', {}, fact)));
  }

  return {create, head, show: () => Panel.hide()};
})();
