// Layered layout of one block of a graph: ranks by longest path, order by
// barycentres, x by least squares. Values, not edges, are drawn: one line goes
// down from a producer and branches where it is used.
'use strict';

const Layout = (() => {
  const rankGap = 30;
  const nodeGap = 22;
  const sweeps = 8;

  // nodes: {width, height, ins: [value], outs: [value]}, in program order;
  // entering and leaving: values that come from above or go on below. A port
  // stands for each of them. Returns the nodes with x and y (centre, top),
  // lines {value, x1, y1, x2, y2, straight: foot of a rank passed}, ports, extent.
  function layered(nodes, entering, leaving) {
    const cells = nodes.map((node) => ({node, width: node.width, height: node.height, rank: 0, ups: [], downs: []}));
    const cellOf = new Map();
    const port = (value, rank) => ({port: value, width: 2, height: 0, rank, ups: [], downs: []});
    for (const value of entering) cellOf.set(value, port(value, -1));
    const tops = [...cellOf.values()];
    cells.forEach((cell) => cell.node.outs.forEach((value) => cellOf.set(value, cell)));

    rankCells(cells, cellOf);
    const last = cells.reduce((most, cell) => Math.max(most, cell.rank), 0);
    const bottoms = leaving.map((value) => port(value, last + 1));

    const users = new Map();
    const use = (value, cell) => {
      if (!users.has(value)) users.set(value, new Set());
      users.get(value).add(cell);
    };
    for (const cell of cells)
      for (const value of cell.node.ins)
        if (cellOf.has(value) && cellOf.get(value) !== cell) use(value, cell);
    for (const cell of bottoms) if (cellOf.has(cell.port)) use(cell.port, cell);

    const ranks = Array.from({length: last + 3}, () => []);
    for (const cell of [...tops, ...cells, ...bottoms]) ranks[cell.rank + 1].push(cell);
    const links = [];
    for (const [value, set] of users) linkDown(value, cellOf.get(value), set, ranks, links);

    order(ranks);
    place(ranks);
    return finish(ranks, links, cells, tops, bottoms);
  }

  function rankCells(cells, cellOf) {
    for (const cell of cells) {
      const above = cell.node.ins.map((value) => cellOf.get(value)).filter((from) => from && from !== cell);
      cell.rank = above.reduce((rank, from) => Math.max(rank, from.rank + 1), 0);
      cell.isSource = !above.length;
    }
    // What needs nothing of the block sits just above what needs it.
    const first = new Map();
    for (const cell of cells)
      for (const value of cell.node.ins) {
        const from = cellOf.get(value);
        if (from && from !== cell) first.set(from, Math.min(first.get(from) ?? Infinity, cell.rank));
      }
    for (const cell of cells)
      if (cell.isSource && first.has(cell)) cell.rank = Math.max(0, first.get(cell) - 1);
  }

  // A value's line: a cell without width in every rank between.
  function linkDown(value, from, users, ranks, links) {
    let end = from;
    const lowest = Math.max(...[...users].map((cell) => cell.rank));
    for (let rank = from.rank + 1; rank <= lowest; ++rank) {
      const here = [...users].filter((cell) => cell.rank === rank);
      for (const cell of here) connect(end, cell);
      if (rank === lowest) break;
      const pass = {value, width: 8, height: 0, rank, ups: [], downs: []};
      ranks[rank + 1].push(pass);
      connect(end, pass);
      end = pass;
    }
    function connect(a, b) {
      a.downs.push(b);
      b.ups.push(a);
      links.push({value, a, b});
    }
  }

  function order(ranks) {
    const number = () => ranks.forEach((rank) => rank.forEach((cell, at) => { cell.at = at; }));
    const mean = (cells, fallback) => cells.length ? cells.reduce((sum, cell) => sum + cell.at, 0) / cells.length : fallback;
    number();
    let best = crossings(ranks), kept = ranks.map((rank) => [...rank]);
    for (let sweep = 0; sweep < sweeps && best > 0; ++sweep) {
      const isDown = sweep % 2 === 0;
      const sequence = isDown ? ranks : [...ranks].reverse();
      for (const rank of sequence) {
        const weight = new Map(rank.map((cell) => [cell, mean(isDown ? cell.ups : cell.downs, cell.at)]));
        rank.sort((a, b) => weight.get(a) - weight.get(b) || a.at - b.at);
        rank.forEach((cell, at) => { cell.at = at; });
      }
      const count = crossings(ranks);
      if (count < best) {
        best = count;
        kept = ranks.map((rank) => [...rank]);
      }
    }
    ranks.forEach((rank, at) => rank.splice(0, rank.length, ...kept[at]));
    number();
  }

  function crossings(ranks) {
    let count = 0;
    for (const rank of ranks) {
      const ends = rank.flatMap((cell) => cell.downs.map((down) => down.at).sort((a, b) => a - b));
      for (let i = 0; i < ends.length; ++i)
        for (let j = i + 1; j < ends.length; ++j) if (ends[i] > ends[j]) ++count;
    }
    return count;
  }

  function place(ranks) {
    for (const rank of ranks) {
      let x = 0;
      for (const cell of rank) {
        cell.x = x + cell.width / 2;
        x += cell.width + nodeGap;
      }
      for (const cell of rank) cell.x -= (x - nodeGap) / 2;
    }
    for (let turn = 0; turn < 16; ++turn) {
      const sequence = turn % 2 === 0 ? ranks : [...ranks].reverse();
      for (const rank of sequence) settle(rank, turn % 2 === 0);
    }
  }

  // Moves a rank to where its neighbours want it: the least squares that keep
  // the order and the gaps, by pooling adjacent violators.
  function settle(rank, isDown) {
    const pools = [];
    let shift = 0, before = null;
    for (const cell of rank) {
      if (before) shift += (before.width + cell.width) / 2 + nodeGap;
      before = cell;
      cell.shift = shift;
      const near = [...isDown ? cell.ups : cell.downs];
      const other = isDown ? cell.downs : cell.ups;
      const all = near.length ? near : other;
      const wish = all.length ? all.reduce((sum, next) => sum + next.x, 0) / all.length : cell.x;
      // Lines want to be straight more than boxes want to be centred.
      const weight = cell.node ? 1 : 3;
      pools.push({sum: weight * (wish - shift), weight, cells: [cell]});
      while (pools.length > 1) {
        const last = pools[pools.length - 1], previous = pools[pools.length - 2];
        if (previous.sum / previous.weight <= last.sum / last.weight) break;
        pools.pop();
        previous.sum += last.sum;
        previous.weight += last.weight;
        previous.cells.push(...last.cells);
      }
    }
    for (const pool of pools)
      for (const cell of pool.cells) cell.x = pool.sum / pool.weight + cell.shift;
  }

  function finish(ranks, links, cells, tops, bottoms) {
    let y = 0;
    for (const rank of ranks) {
      const height = rank.reduce((most, cell) => Math.max(most, cell.height), 0);
      for (const cell of rank) {
        cell.y = y;
        cell.bottom = y + (cell.node ? cell.height : height);
      }
      if (height || rank === ranks[0]) y += height + rankGap;
    }
    let left = Infinity, right = -Infinity;
    for (const rank of ranks)
      for (const cell of rank) {
        left = Math.min(left, cell.x - cell.width / 2);
        right = Math.max(right, cell.x + cell.width / 2);
      }
    for (const cell of cells) {
      cell.node.x = cell.x;
      cell.node.y = cell.y;
    }
    // A pass ends at the foot of its rank, so that lines stay clear of boxes.
    const lines = links.map(({value, a, b}) => ({
      value, x1: a.x, y1: a.bottom, x2: b.x, y2: b.y, straight: b.node || b.port ? null : b.bottom,
    }));
    return {
      lines, left, right, height: y,
      tops: tops.map((cell) => ({value: cell.port, x: cell.x, y: cell.y})),
      bottoms: bottoms.map((cell) => ({value: cell.port, x: cell.x, y: cell.y})),
    };
  }

  return {layered};
})();
