// Handwriting: <div data-signature-pad data-strokes="#strokes" data-image="#image"> holding a <canvas>.
//
// The first input receives the strokes as JSON, [[[x, y, t], ...], ...]: x from 0 to 600 and y from 0 to 200 whatever
// the screen, t in ms since the first point. The second receives the same as a PNG data URL, 1200 x 400 px or less:
// cut to the ink, transparent. A page that comes back with errors brings the strokes along and shows them again.
// data-svg="#svg", where given, receives an SVG document.
import SignaturePad from 'signature_pad';

const WIDTH = 600;
const HEIGHT = 200;
const SCALE = 2; // of the picture against the strokes' box
const PEN = { minWidth: 1.2, maxWidth: 3.8, penColor: '#10182b' };

const round = (number) => Math.round(number * 10) / 10;

function toStrokes(groups, scale) {
  const first = groups[0]?.points[0]?.time ?? 0;
  return groups.map(({ points }) => points.map(({ x, y, time }) => [round(x / scale), round(y / scale), Math.round(time - first)]));
}

function toGroups(strokes, scale) {
  return strokes.map((points) => ({
    ...PEN,
    minWidth: PEN.minWidth * scale,
    maxWidth: PEN.maxWidth * scale,
    dotSize: 0,
    velocityFilterWeight: 0.7,
    compositeOperation: 'source-over',
    points: points.map(([x, y, time]) => ({ x: x * scale, y: y * scale, time, pressure: 0.5 })),
  }));
}

function pad(canvas, scale) {
  return new SignaturePad(canvas, { ...PEN, minWidth: PEN.minWidth * scale, maxWidth: PEN.maxWidth * scale, throttle: 8 });
}

function sheet(width, height) {
  return Object.assign(document.createElement('canvas'), { width, height });
}

// The ink alone, with a small margin.
function picture(strokes) {
  const canvas = sheet(WIDTH * SCALE, HEIGHT * SCALE);
  const drawing = pad(canvas, SCALE);
  drawing.off();
  drawing.fromData(toGroups(strokes, SCALE));
  const margin = 8 * SCALE;
  const xs = strokes.flat().map(([x]) => x * SCALE);
  const ys = strokes.flat().map(([, y]) => y * SCALE);
  const left = Math.max(0, Math.min(...xs) - margin);
  const top = Math.max(0, Math.min(...ys) - margin);
  const width = Math.min(canvas.width, Math.max(...xs) + margin) - left;
  const height = Math.min(canvas.height, Math.max(...ys) + margin) - top;
  const cut = sheet(Math.ceil(width), Math.ceil(height));
  cut.getContext('2d').drawImage(canvas, -left, -top);
  return { png: cut.toDataURL('image/png'), svg: drawing.toSVG() };
}

function parse(json) {
  try {
    const strokes = JSON.parse(json || '[]');
    return Array.isArray(strokes) ? strokes.filter((stroke) => Array.isArray(stroke) && stroke.length) : [];
  } catch {
    return [];
  }
}

class Signature {
  constructor(box) {
    this.box = box;
    this.canvas = box.querySelector('canvas');
    this.inputs = Object.fromEntries(['strokes', 'image', 'svg'].map((name) => [name, box.dataset[name] && document.querySelector(box.dataset[name])]));
    this.strokes = parse(this.inputs.strokes?.value);
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute('aria-label', '手写签名区：用手指、笔或鼠标书写');
    this.buttons();
    this.fit();
    new ResizeObserver(() => this.canvas.clientWidth !== this.width && this.fit()).observe(this.canvas);
  }

  buttons() {
    const bar = this.box.querySelector('[data-signature-bar]') ?? this.box.appendChild(document.createElement('div'));
    bar.classList.add('signature-bar');
    const button = (name, label, icon, act) => {
      let found = this.box.querySelector(`[data-signature-${name}]`);
      if (!found) {
        found = Object.assign(document.createElement('button'), { className: 'btn btn-outline-secondary', type: 'button' });
        found.innerHTML = `<i class="bi bi-${icon}" aria-hidden="true"></i> ${label}`;
        bar.append(found);
      }
      found.addEventListener('click', act);
      return found;
    };
    this.undo = button('undo', '撤销一笔', 'arrow-counterclockwise', () => this.set(this.strokes.slice(0, -1)));
    this.clear = button('clear', '重写', 'eraser', () => this.set([]));
    this.status = bar.appendChild(Object.assign(document.createElement('output'), { className: 'signature-status' }));
  }

  // Called again when a phone is turned.
  fit() {
    this.width = this.canvas.clientWidth;
    if (!this.width) return;
    const ratio = Math.max(devicePixelRatio, 1);
    this.scale = this.width / WIDTH;
    this.canvas.style.height = `${HEIGHT * this.scale}px`;
    this.canvas.width = this.width * ratio;
    this.canvas.height = HEIGHT * this.scale * ratio;
    this.canvas.getContext('2d').scale(ratio, ratio);
    this.pad?.off();
    this.pad = pad(this.canvas, this.scale);
    this.pad.addEventListener('endStroke', () => {
      this.strokes = toStrokes(this.pad.toData(), this.scale);
      this.store();
    });
    this.set(this.strokes);
  }

  set(strokes) {
    this.strokes = strokes;
    this.pad.clear();
    if (strokes.length) this.pad.fromData(toGroups(strokes, this.scale));
    this.store();
  }

  store() {
    const { strokes, image, svg } = this.inputs;
    const drawn = this.strokes.length ? picture(this.strokes) : { png: '', svg: '' };
    if (strokes) strokes.value = this.strokes.length ? JSON.stringify(this.strokes) : '';
    if (image) image.value = drawn.png;
    if (svg) svg.value = drawn.svg;
    this.undo.disabled = this.clear.disabled = !this.strokes.length;
    this.status.textContent = this.strokes.length ? '已签' : '';
    this.box.classList.toggle('is-signed', this.strokes.length > 0);
  }
}

export function signatures(root) {
  for (const box of root.querySelectorAll('[data-signature-pad]:not([data-started])')) {
    box.dataset.started = '';
    new Signature(box);
  }
}
