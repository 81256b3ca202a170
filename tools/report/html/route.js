// Addresses within the page: #view/part/name. Everything that can be looked at
// has one, so that it can be linked to and Back works.
'use strict';

const Route = (() => {
  const href = (...segments) => '#' + segments.map((segment) => encodeURIComponent(segment)).join('/');

  function parse(hash) {
    try {
      return hash.replace(/^#/, '').split('/').map(decodeURIComponent);
    } catch {
      return [''];
    }
  }

  const go = (...segments) => {
    const next = href(...segments);
    if (location.hash === next) window.dispatchEvent(new HashChangeEvent('hashchange'));
    else location.hash = next;
  };
  return {href, parse, go};
})();

// The details at the side: {title, detail, kind, body}.
const Panel = (() => {
  const element = document.getElementById('panel');
  let onClose = null;

  function show({title, detail, kind, body}, close) {
    onClose = close;
    element.replaceChildren(
      Dom.html('div', {class: 'panel-head', 'data-kind': kind},
        Dom.html('div', {}, Dom.html('h2', {}, title), Dom.html('p', {class: 'muted'}, detail)),
        Dom.html('button', {type: 'button', class: 'icon', 'aria-label': 'Close details', onclick: () => close()}, '×')),
      Dom.html('div', {class: 'panel-body'}, body));
    element.hidden = false;
  }

  function hide() {
    element.hidden = true;
    element.replaceChildren();
    onClose = null;
  }

  const close = () => {
    if (element.hidden) return false;
    onClose ? onClose() : hide();
    return true;
  };
  return {show, hide, close, message: (text) => show({title: 'Not found', detail: '', body: [Dom.html('p', {}, text)]}, hide)};
})();

// What is pointed at, beside the pointer.
const Tip = (() => {
  const element = document.getElementById('tip');

  function show(x, y, title, text) {
    element.replaceChildren(Dom.html('b', {}, title), Dom.html('span', {}, text));
    element.hidden = false;
    const {width, height} = element.getBoundingClientRect();
    element.style.left = Math.max(4, Math.min(x + 14, innerWidth - width - 6)) + 'px';
    element.style.top = Math.max(4, y + 18 + height > innerHeight ? y - height - 10 : y + 18) + 'px';
  }

  return {show, hide: () => { element.hidden = true; }};
})();
