// Tables that sort, filter and draw only the rows in sight.
'use strict';

class Table {
  // columns: {label, value: row => what it sorts by, cell: row => text or node,
  // isNumber, width}; `key` tells rows apart.
  constructor({caption, columns, rows, key, filterText, sort, isAscending = false}) {
    Object.assign(this, {caption, columns, key, filterText, sort, isAscending});
    this.rowHeight = 28;
    this.filter = '';
    this.current = null;
    this.body = Dom.html('tbody');
    this.count = Dom.html('span', {class: 'muted', 'aria-live': 'polite'});
    this.input = filterText ? Dom.html('input', {
      type: 'search', placeholder: 'Filter', 'aria-label': 'Filter ' + caption, spellcheck: 'false',
      oninput: () => {
        this.filter = this.input.value;
        this.update();
        this.scroller.scrollTop = 0;
      },
    }) : null;
    this.heads = columns.map((column, at) => Dom.html('th', {scope: 'col', class: column.isNumber ? 'number' : ''},
      Dom.html('button', {type: 'button', onclick: () => this.sortBy(at)}, column.label, Dom.html('span', {class: 'arrow', 'aria-hidden': 'true'}))));
    // On a phone the first column leaves room for another.
    const widths = columns.map((column) => innerWidth > 640 ? column.width : Math.min(column.width, 250));
    const total = widths.reduce((sum, width) => sum + width, 0);
    const table = Dom.html('table', {style: {'min-width': total + 'px'}},
      Dom.html('caption', {class: 'hidden'}, caption),
      Dom.html('colgroup', {}, widths.map((width) => Dom.html('col', {style: {width: (100 * width / total).toFixed(2) + '%'}}))),
      Dom.html('thead', {}, Dom.html('tr', {}, this.heads)), this.body);
    this.table = table;
    this.scroller = Dom.html('div', {class: 'scroller', tabindex: 0, role: 'region', 'aria-label': caption, onscroll: () => this.draw()}, table);
    this.tools = Dom.html('div', {class: 'table-tools'}, this.input, this.count);
    this.element = Dom.html('div', {class: 'table'}, this.tools, this.scroller);
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    this.setRows(rows);
  }

  setRows(rows) {
    this.rows = rows;
    this.update();
  }

  sortBy(at) {
    // Figures are first seen from the largest on, names from A on.
    this.isAscending = this.sort === at ? !this.isAscending : !this.columns[at].isNumber;
    this.sort = at;
    this.scroller.scrollTop = 0;
    this.update();
  }

  update() {
    const words = this.filter.toLowerCase().split(/\s+/).filter(Boolean);
    this.shown = this.rows.filter((row) => {
      const text = words.length ? this.filterText(row).toLowerCase() : '';
      return words.every((word) => text.includes(word));
    });
    const column = this.columns[this.sort];
    if (column) {
      const sign = this.isAscending ? 1 : -1;
      const compare = column.isNumber ? (a, b) => a - b : (a, b) => String(a).localeCompare(String(b), 'en', {numeric: true});
      this.shown = this.shown.map((row, at) => [column.value(row), at, row])
        .sort((a, b) => sign * compare(a[0], b[0]) || a[1] - b[1]).map((entry) => entry[2]);
    }
    this.heads.forEach((head, at) => {
      if (at === this.sort) head.setAttribute('aria-sort', this.isAscending ? 'ascending' : 'descending');
      else head.removeAttribute('aria-sort');
    });
    this.count.textContent = this.shown.length === this.rows.length ? Format.plural(this.rows.length, 'row')
      : Format.exact(this.shown.length) + ' of ' + Format.plural(this.rows.length, 'row');
    this.table.setAttribute('aria-rowcount', this.shown.length + 1);
    this.range = null;
    this.draw();
  }

  draw() {
    const height = this.scroller.clientHeight || 800;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.rowHeight) - 10);
    const last = Math.min(this.shown.length, first + Math.ceil(height / this.rowHeight) + 20);
    if (this.range?.[0] === first && this.range?.[1] === last) return;
    this.range = [first, last];
    const spacer = (rows) => rows > 0 ? Dom.html('tr', {class: 'spacer', 'aria-hidden': 'true'},
      Dom.html('td', {colspan: this.columns.length, style: {height: rows * this.rowHeight + 'px'}})) : null;
    this.body.replaceChildren();
    Dom.append(this.body, [spacer(first), this.shown.slice(first, last).map((row, at) => this.drawRow(row, first + at)), spacer(this.shown.length - last)]);
  }

  drawRow(row, at) {
    const element = Dom.html('tr', {'aria-rowindex': at + 2, class: this.current !== null && this.key(row) === this.current ? 'current' : '',
      onclick: (event) => {
        if (!event.target.closest('a')) element.querySelector('a')?.click();
      }});
    return Dom.append(element, this.columns.map((column) => {
      const cell = column.cell(row);
      return Dom.html('td', {class: column.isNumber ? 'number' : '', title: cell instanceof Node ? cell.textContent : cell}, cell);
    }));
  }

  // Marks a row and brings it into sight.
  reveal(key) {
    this.current = key;
    this.range = null;
    const at = key === null ? -1 : this.shown.findIndex((row) => this.key(row) === key);
    if (at >= 0) {
      const top = at * this.rowHeight, height = this.scroller.clientHeight;
      if (top < this.scroller.scrollTop || top + 2 * this.rowHeight > this.scroller.scrollTop + height)
        this.scroller.scrollTop = Math.max(0, top - height / 3);
    } else if (key !== null && this.filter && this.rows.some((row) => this.key(row) === key)) {
      this.filter = this.input.value = '';
      this.update();
      return this.reveal(key);
    }
    this.draw();
  }
}
