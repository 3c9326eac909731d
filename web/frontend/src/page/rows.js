// Repeated rows: <div data-rows="目标"> holding [data-row] elements, a <template> of one row, and buttons
// [data-add-row] and [data-remove-row]. Names and ids "目标-<n>-措施" are numbered from 0 without gaps.
const NUMBERED = ['id', 'name', 'for', 'aria-describedby', 'aria-labelledby', 'aria-controls', 'data-field'];

class Rows {
  constructor(box) {
    this.box = box;
    this.name = box.dataset.rows;
    this.template = box.querySelector('template');
    box.addEventListener('click', (event) => {
      const button = event.target.closest('[data-add-row], [data-remove-row]');
      if (!button || button.closest('[data-rows]') !== box) return;
      event.preventDefault();
      if (button.matches('[data-add-row]')) this.add();
      else this.remove(button.closest('[data-row]'));
    });
    this.number();
  }

  all() {
    return [...this.box.querySelectorAll('[data-row]')].filter((row) => row.closest('[data-rows]') === this.box);
  }

  add() {
    const row = this.template.content.cloneNode(true).querySelector('[data-row]');
    const last = this.all().pop();
    const place = this.box.querySelector('[data-row-list]');
    if (last) last.after(row);
    else if (place) place.append(row);
    else this.template.before(row);
    this.changed();
    row.querySelector('input:not([type=hidden]), select, textarea')?.focus();
  }

  remove(row) {
    const rows = this.all();
    const next = rows[rows.indexOf(row) + 1] ?? rows[rows.indexOf(row) - 1];
    row.remove();
    this.changed();
    (next?.querySelector('[data-remove-row]') ?? this.box.querySelector('[data-add-row]'))?.focus();
  }

  changed() {
    this.number();
    this.box.dispatchEvent(new Event('change', { bubbles: true })); // for the draft
  }

  number() {
    const prefix = `${this.name}-`;
    this.all().forEach((row, index) => {
      for (const element of [row, ...row.querySelectorAll('*')]) {
        for (const attribute of NUMBERED) {
          const value = element.getAttribute(attribute);
          if (value?.includes(prefix)) element.setAttribute(attribute, value.split(' ').map((word) => this.renumber(word, prefix, index)).join(' '));
        }
      }
      row.querySelectorAll('[data-row-number]').forEach((shown) => (shown.textContent = index + 1));
    });
  }

  // "目标-#-措施", "f-目标-3-措施" -> the same with this row's index
  renumber(word, prefix, index) {
    const at = word.startsWith(prefix) ? 0 : word.startsWith(prefix, 2) ? 2 : -1;
    const end = at < 0 ? -1 : word.indexOf('-', at + prefix.length);
    return end < 0 ? word : `${word.slice(0, at)}${prefix}${index}${word.slice(end)}`;
  }
}

export function rows(root) {
  for (const box of root.querySelectorAll('[data-rows]:not([data-started])')) {
    box.dataset.started = '';
    new Rows(box);
  }
}
