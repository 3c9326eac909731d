// Shows the server's findings: a badge at each element they name, and all of them in a list below the diagram.
import { translate } from './translate.js';

const RANK = { error: 0, warning: 1, info: 2 };
const WORDS = { error: '错误', warning: '提示', info: '说明' };

const make = (tag, className, text = '') => Object.assign(document.createElement(tag), { className, textContent: text });
const severity = (finding) => (finding.severity in RANK ? finding.severity : 'error');

export default class Findings {
  constructor(modeler, panel) {
    this.modeler = modeler;
    this.panel = panel;
  }

  shapeOf(id) {
    const registry = this.modeler.get('elementRegistry');
    const element = id && registry.get(id);
    return element && element !== this.modeler.get('canvas').getRootElement() ? element : undefined;
  }

  show(findings) {
    const sorted = [...findings].sort((a, b) => RANK[severity(a)] - RANK[severity(b)]);
    this.badges(sorted);
    this.list(sorted);
    return { errors: sorted.filter((one) => severity(one) === 'error').length, all: sorted.length };
  }

  badges(findings) {
    const overlays = this.modeler.get('overlays');
    overlays.remove({ type: 'finding' });
    for (const [id, group] of byElement(findings)) {
      const shape = this.shapeOf(id);
      if (!shape) continue;
      const badge = make('button', `finding-badge is-${severity(group[0])}`, String(group.length));
      badge.type = 'button';
      badge.title = group.map(({ message }) => message).join('\n');
      badge.setAttribute('aria-label', `${group.length} 个问题：${badge.title}`);
      badge.addEventListener('click', () => this.go(id));
      const position = shape.waypoints ? middle(shape) : { top: -11, right: 11 };
      overlays.add(shape, 'finding', { position, html: badge });
    }
  }

  list(findings) {
    const list = make('ul', 'finding-list');
    for (const finding of findings) {
      const item = make('li', `finding is-${severity(finding)}`);
      const shape = this.shapeOf(finding.element);
      const line = make(shape ? 'button' : 'div', 'finding-line');
      if (shape) {
        line.type = 'button';
        line.addEventListener('click', () => this.go(finding.element));
      }
      const where = shape ? nameOf(shape) : '整个流程';
      line.append(
        make('span', 'finding-severity', WORDS[severity(finding)]),
        make('span', 'finding-where', where),
        make('span', 'finding-message', finding.message),
        make('code', 'finding-rule', finding.rule ?? ''),
      );
      item.append(line);
      list.append(item);
    }
    this.panel.replaceChildren(list);
    this.panel.hidden = !findings.length;
  }

  go(id) {
    const shape = this.shapeOf(id);
    if (!shape) return;
    this.modeler.get('canvas').scrollToElement(shape, 80);
    this.modeler.get('selection').select(shape);
  }
}

const nameOf = ({ businessObject, source, target }) =>
  businessObject.name || (source && target ? `${nameOf(source)} → ${nameOf(target)}` : `${typeOf(businessObject)}（没有名称）`);

// What an element without a name is called, in the words of the panel's header.
function typeOf({ $type, eventDefinitions, triggeredByEvent }) {
  const trigger = eventDefinitions?.[0]?.$type.replace(/^bpmn:|EventDefinition$/g, '') ?? (triggeredByEvent ? 'Event' : '');
  return translate((trigger + $type.replace('bpmn:', '')).replace(/\B[A-Z]/g, ' $&')).replace('（中断）', '');
}

// Where a badge sits on a flow: halfway, relative to the box around it.
function middle({ waypoints }) {
  const [a, b] = waypoints.slice(Math.floor((waypoints.length - 1) / 2));
  const left = Math.min(...waypoints.map(({ x }) => x));
  const top = Math.min(...waypoints.map(({ y }) => y));
  return { left: (a.x + b.x) / 2 - left - 11, top: (a.y + b.y) / 2 - top - 11 };
}

function byElement(findings) {
  const groups = new Map();
  for (const finding of findings) groups.set(finding.element, [...(groups.get(finding.element) ?? []), finding]);
  return groups;
}
