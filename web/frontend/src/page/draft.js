// Drafts: <form data-draft-url="..."> is saved a moment after each change. Files and handwriting stay out of it: a
// signature that nobody gave yet has no place in the database. [data-draft-status] says "已保存 10:32".
import { send } from '../request.js';

const PAUSE = 1200; // ms after the last key
const time = new Intl.DateTimeFormat('zh-CN', { hour: '2-digit', minute: '2-digit', hour12: false });

function content(form) {
  const data = new FormData(form);
  for (const input of form.querySelectorAll('[data-signature-pad]')) {
    for (const name of ['strokes', 'image', 'svg']) {
      const held = input.dataset[name] && form.querySelector(input.dataset[name]);
      if (held) data.delete(held.name);
    }
  }
  for (const input of form.querySelectorAll('input[type=file], [data-no-draft]')) data.delete(input.name);
  return new URLSearchParams([...data].filter(([, value]) => typeof value === 'string'));
}

class Draft {
  constructor(form) {
    this.form = form;
    this.status = form.querySelector('[data-draft-status]') ?? document.querySelector('[data-draft-status]');
    if (!this.status) {
      this.status = document.createElement('output');
      form.append(this.status);
    }
    this.status.classList.add('draft-status');
    this.status.setAttribute('role', 'status');
    this.saved = content(form).toString();
    const later = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.save(), PAUSE);
    };
    form.addEventListener('input', later);
    form.addEventListener('change', later);
    form.addEventListener('submit', () => {
      this.submitted = true;
      clearTimeout(this.timer);
    });
    document.addEventListener('visibilitychange', () => document.hidden && this.save({ keepalive: true }));
  }

  async save({ keepalive = false } = {}) {
    const body = content(this.form);
    if (this.submitted || !this.form.isConnected || body.toString() === this.saved) return;
    this.status.textContent = '正在保存……';
    const answer = await send(this.form.dataset.draftUrl, body, { keepalive }).catch(() => null);
    if (answer?.ok) {
      this.saved = body.toString();
      this.status.textContent = `已保存 ${time.format(new Date())}`;
    } else {
      this.status.textContent = answer
        ? '草稿没有保存：这件事可能已被别人办理或暂停，请先抄下没保存的内容，再刷新页面。'
        : '草稿没有保存：连不上服务器，填写的内容还在本页。';
    }
    this.status.classList.toggle('is-error', !answer?.ok);
  }
}

export function drafts(root) {
  for (const form of root.querySelectorAll('form[data-draft-url]:not([data-started])')) {
    form.dataset.started = '';
    new Draft(form);
  }
}
