// The live diagram: <div data-diagram data-xml-url data-state-url>. The state is {"elements": {"<id>": "open" | "done"
// | "failed"}}, asked for again while somebody looks (every 20 s; data-refresh="<seconds>", 0 for never). The page
// says the same in words, so the diagram is an addition.
import './polyfills.js';
import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer';
import './viewer.css';
import { fit } from './fit.js';
import lettering, { textRenderer } from './lettering.js';
import { send, text } from './request.js';

const [READABLE, CLOSE, LARGEST] = [0.6, 0.85, 1.25]; // scales
const [LOWEST, HIGHEST] = [200, 480]; // px
const EDGE = 36; // px
const STILL = { zoomScroll: { enabled: false } }; // the wheel moves the page
const MARKS = { open: '办理中', done: '✓', failed: '有故障' };

class Diagram {
  constructor(box) {
    this.box = box;
    this.viewer = new NavigatedViewer({ container: box, textRenderer, additionalModules: [lettering], ...STILL });
    this.shown = {};
  }

  async start() {
    await this.viewer.importXML(await text(this.box.dataset.xmlUrl));
    await this.refresh();
    this.fit();
    this.buttons();
    this.box.dataset.ready = '1';
    const seconds = Number(this.box.dataset.refresh ?? 20);
    if (seconds) setInterval(() => document.hidden || this.refresh().catch(() => {}), seconds * 1000);
  }

  async refresh() {
    const { ok, data } = await send(this.box.dataset.stateUrl, undefined, { method: 'GET' });
    if (ok) this.mark(data.elements ?? {});
  }

  mark(elements) {
    const canvas = this.viewer.get('canvas');
    const overlays = this.viewer.get('overlays');
    const registry = this.viewer.get('elementRegistry');
    overlays.remove({ type: 'state' });
    Object.entries(this.shown).forEach(([id, state]) => canvas.removeMarker(id, `state-${state}`));
    this.shown = Object.fromEntries(Object.entries(elements).filter(([id, state]) => registry.get(id) && state in MARKS));
    for (const [id, state] of Object.entries(this.shown)) {
      canvas.addMarker(id, `state-${state}`);
      const shape = registry.get(id);
      if (shape.children?.length) canvas.addMarker(id, 'state-around');
      if (shape.waypoints || (state === 'done' && shape.width < 60)) continue;
      const html = Object.assign(document.createElement('span'), { className: `state-mark is-${state}`, textContent: MARKS[state] });
      const position = state === 'done' ? { top: -9, right: 12 } : { top: -25, left: 0 };
      overlays.add(id, 'state', { position, html });
    }
  }

  buttons() {
    const bar = Object.assign(document.createElement('div'), { className: 'diagram-bar' });
    const zoom = this.viewer.get('zoomScroll');
    const acts = [['＋', '放大', () => zoom.stepZoom(1)], ['－', '缩小', () => zoom.stepZoom(-1)], ['全图', '显示全图', () => this.whole()]];
    for (const [text, label, act] of acts) {
      const button = Object.assign(document.createElement('button'), { type: 'button', className: 'btn btn-light btn-sm', textContent: text, title: label });
      button.setAttribute('aria-label', label);
      button.addEventListener('click', act);
      bar.append(button);
    }
    this.box.append(bar);
  }

  whole() {
    return fit(this.viewer.get('canvas'), { left: EDGE, edge: EDGE, largest: LARGEST });
  }

  // As high as the diagram needs; where all of it would be too small to read, the step that is open.
  fit() {
    const canvas = this.viewer.get('canvas');
    const { inner, outer } = canvas.viewbox();
    const scale = Math.max(READABLE, Math.min(LARGEST, (outer.width - 2 * EDGE) / inner.width));
    this.box.style.height = `${Math.min(HIGHEST, Math.max(LOWEST, inner.height * scale + 2 * EDGE))}px`;
    canvas.resized();
    const open = Object.keys(this.shown).find((id) => this.shown[id] === 'open');
    if (this.whole() >= READABLE || !open) return;
    const { x, y, width, height } = this.viewer.get('elementRegistry').get(open);
    const view = { width: this.box.clientWidth / CLOSE, height: this.box.clientHeight / CLOSE };
    if (width > view.width || height > view.height) return; // a sub-process: better all of it
    canvas.viewbox({
      ...view,
      x: within(x + (width - view.width) / 2, inner.x, inner.width, view.width),
      y: within(y + (height - view.height) / 2, inner.y, inner.height, view.height),
    });
  }
}

// Where a view may begin without showing more than a margin beyond the drawing.
function within(wanted, from, length, shown) {
  const first = from - EDGE;
  return Math.max(first, Math.min(wanted, from + length + EDGE - shown));
}

for (const box of document.querySelectorAll('[data-diagram]')) {
  new Diagram(box).start().catch((error) => {
    const undrawn = error.message.includes('no diagram to display');
    box.textContent = undrawn ? '这个流程只有步骤，没有画图形。' : `流程图暂时打不开：${error.message}`;
  });
}
