// Pan and zoom of a drawing: wheel, drag, pinch, and by code.
'use strict';

class Viewport {
  // `layer` is the group that moves within `svg`.
  constructor(svg, layer) {
    this.svg = svg;
    this.layer = layer;
    this.x = 0;
    this.y = 0;
    this.scale = 1;
    this.bounds = {left: 0, top: 0, right: 1, bottom: 1};
    this.pointers = new Map();
    this.hasMoved = false;
    this.width = 0;
    new ResizeObserver(() => this.resized()).observe(svg);
    svg.addEventListener('wheel', (event) => this.onWheel(event), {passive: false});
    svg.addEventListener('pointerdown', (event) => this.onDown(event));
    svg.addEventListener('pointermove', (event) => this.onMove(event));
    for (const name of ['pointerup', 'pointercancel', 'lostpointercapture'])
      svg.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    // A drag is no click.
    svg.addEventListener('click', (event) => {
      if (this.hasMoved) event.stopPropagation();
      this.hasMoved = false;
    }, true);
  }

  // What of it can be seen: on a phone the panel covers the foot.
  size() {
    const {left, top, width, height} = this.svg.getBoundingClientRect();
    const panel = document.getElementById('panel').getBoundingClientRect();
    const isCovered = panel.width > 0 && panel.left <= left && panel.top > top;
    return {width: width || 1, height: Math.max(1, isCovered ? Math.min(height, panel.top - top) : height)};
  }

  // What was in the middle stays there.
  resized() {
    const {width} = this.size();
    if (this.width) this.pan((width - this.width) / 2, 0);
    this.width = width;
  }

  apply() {
    this.layer.setAttribute('transform', `translate(${this.x.toFixed(1)} ${this.y.toFixed(1)}) scale(${this.scale.toFixed(4)})`);
    this.svg.classList.toggle('far', this.scale < 0.42);
  }

  // Keeps a part of the drawing in sight.
  clamp() {
    const {width, height} = this.size(), margin = 60;
    this.x = Math.min(width - margin - this.bounds.left * this.scale, Math.max(margin - this.bounds.right * this.scale, this.x));
    this.y = Math.min(height - margin - this.bounds.top * this.scale, Math.max(margin - this.bounds.bottom * this.scale, this.y));
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.clamp();
    this.apply();
  }

  zoom(factor, atX = this.size().width / 2, atY = this.size().height / 2) {
    const scale = Math.min(4, Math.max(0.03, this.scale * factor));
    this.x = atX - (atX - this.x) * scale / this.scale;
    this.y = atY - (atY - this.y) * scale / this.scale;
    this.scale = scale;
    this.clamp();
    this.apply();
  }

  // Everything in sight.
  fit() {
    const {width, height} = this.size(), margin = 24;
    this.width = width;
    const {left, top, right, bottom} = this.bounds;
    this.scale = Math.min(1.5, (width - 2 * margin) / (right - left), (height - 2 * margin) / (bottom - top));
    this.scale = Math.max(0.03, this.scale);
    this.x = width / 2 - (left + right) / 2 * this.scale;
    this.y = height / 2 - (top + bottom) / 2 * this.scale;
    this.apply();
  }

  // The top, at a size that can be read.
  start() {
    const {width, height} = this.size(), margin = 20;
    this.width = width;
    const {left, top, right, bottom} = this.bounds;
    this.scale = Math.min(1, Math.max(0.5, (width - 2 * margin) / (right - left), (height - 2 * margin) / (bottom - top)));
    this.x = width / 2 - (left + right) / 2 * this.scale;
    this.y = margin - top * this.scale;
    this.apply();
  }

  // Moves only as far as is needed to see the box well.
  reveal(box, isCentred = false) {
    const {width, height} = this.size(), margin = Math.min(70, width / 6, height / 6);
    if (this.scale < 0.45) this.scale = 0.8;
    const left = box.left * this.scale + this.x, right = box.right * this.scale + this.x;
    const top = box.top * this.scale + this.y, bottom = box.bottom * this.scale + this.y;
    if (isCentred && (left < 0 || right > width || top < 0 || bottom > height)) {
      this.x += width / 2 - (left + right) / 2;
      this.y += height / 2 - (top + bottom) / 2;
    } else {
      this.x += left < margin ? margin - left : right > width - margin ? width - margin - right : 0;
      this.y += top < margin ? margin - top : bottom > height - margin ? height - margin - bottom : 0;
    }
    this.apply();
  }

  onWheel(event) {
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    if (event.shiftKey) {
      this.pan(-(event.deltaX || event.deltaY) * unit, 0);
      return;
    }
    const box = this.svg.getBoundingClientRect();
    this.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX - box.left, event.clientY - box.top);
  }

  onDown(event) {
    if (event.button > 0) return;
    this.pointers.set(event.pointerId, {x: event.clientX, y: event.clientY});
    this.hasMoved = false;
    this.travel = 0;
  }

  onMove(event) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    const dx = event.clientX - pointer.x, dy = event.clientY - pointer.y;
    if (this.pointers.size === 1) {
      this.travel += Math.abs(dx) + Math.abs(dy);
      if (!this.hasMoved && this.travel < 5) return;
      if (!this.hasMoved) this.svg.setPointerCapture(event.pointerId);
      this.hasMoved = true;
      this.pan(dx, dy);
    } else {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const box = this.svg.getBoundingClientRect();
      const was = Math.hypot(pointer.x - other.x, pointer.y - other.y);
      const is = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      this.hasMoved = true;
      this.pan(dx / 2, dy / 2);
      if (was > 0) this.zoom(is / was, (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
    }
    pointer.x = event.clientX;
    pointer.y = event.clientY;
  }
}
