// What the server-rendered pages gain where there is JavaScript. Each part looks for its data attributes.
import './polyfills.js';
import htmx from 'htmx.org';
import { confirmations, errorSummary, phrases, printing } from './page/comfort.js';
import { drafts } from './page/draft.js';
import { drops } from './page/drop.js';
import { pictures } from './page/pictures.js';
import { rows } from './page/rows.js';
import { sheets } from './page/sheet.js';
import { signatures } from './page/signature.js';

// No code in attributes: the page's content security policy forbids it.
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.historyCacheSize = 0;
htmx.config.responseHandling = [
  { code: '204', swap: false },
  { code: '[23]..', swap: true },
  { code: '422', swap: true }, // the form again, with its errors
  { code: '[45]..', swap: false, error: true },
];

function start(root) {
  for (const part of [rows, signatures, drafts, pictures, drops]) part(root);
}

printing();
confirmations();
phrases();
sheets(htmx);
start(document);
errorSummary(document);
// The part that came in may itself be what a part looks for: begin one above it.
document.addEventListener('htmx:load', ({ target }) => target !== document.body && start(target.parentElement));
document.body.dataset.ready = '1';
