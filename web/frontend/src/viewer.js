// The live diagram: <div data-diagram data-xml-url data-state-url>. The state is {"elements": {"<id>": "open" | "done"
// | "failed"}}, asked for again while somebody looks (every 20 s; data-refresh="<seconds>", 0 for never). The page
// says the same in words, so the diagram is an addition.
import './polyfills.js';
import NavigatedViewer from 'bpmn-js/lib/NavigatedViewer';
import './viewer.css';
import { fit } from './fit.js';
import lettering, { textRenderer } from './lettering.js';
import { send, text } from './request.js';

const [SMALLEST, LARGEST] = [0.55, 1.25]; // scale: below, the lettering cannot be read
const [LOWEST, HIGHEST] = [200, 560]; // px
const EDGE = 36; // px
const MARKS = { open: '办理中', done: '✓', failed: '有故障' };

class Diagram {
  constructor(box) {
    this.box = box;
    this.viewer = new NavigatedViewer({ container: box, textRenderer, additionalModules: [lettering] });
    this.shown = {};
  }

  async start() {
    await this.viewer.importXML(await text(this.box.dataset.xmlUrl));
    await this.refresh();
    this.fit();
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
      if (shape.waypoints || (state === 'done' && shape.width < 60)) continue;
      const html = Object.assign(document.createElement('span'), { className: `state-mark is-${state}`, textContent: MARKS[state] });
      const position = state === 'done' ? { top: -9, right: 12 } : { top: -25, left: 0 };
      overlays.add(id, 'state', { position, html });
    }
  }

  // As high as the diagram needs; where all of it would be too small to read, the step that is open.
  fit() {
    const canvas = this.viewer.get('canvas');
    const { inner, outer } = canvas.viewbox();
    const scale = Math.min(LARGEST, (outer.width - 2 * EDGE) / inner.width);
    this.box.style.height = `${Math.min(HIGHEST, Math.max(LOWEST, inner.height * scale + 2 * EDGE))}px`;
    canvas.resized();
    const open = Object.keys(this.shown).find((id) => this.shown[id] === 'open');
    if (fit(canvas, { left: EDGE, edge: EDGE, largest: LARGEST }) < SMALLEST && open) {
      canvas.zoom(SMALLEST);
      canvas.scrollToElement(this.viewer.get('elementRegistry').get(open), 120);
    }
  }
}

for (const box of document.querySelectorAll('[data-diagram]')) {
  new Diagram(box).start().catch((error) => {
    box.textContent = `流程图暂时打不开：${error.message}`;
  });
}
