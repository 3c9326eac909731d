// The server's answers, whatever their status, as JSON. Flask-WTF wants its token back on every write.
const token = () => document.querySelector('meta[name="csrf-token"]')?.content;

export async function send(url, body, { method = 'POST', type, keepalive = false } = {}) {
  const headers = { Accept: 'application/json' };
  if (type) headers['Content-Type'] = type;
  if (token()) headers['X-CSRFToken'] = token();
  const response = await fetch(url, { method, body, headers, keepalive, credentials: 'same-origin' });
  const json = /json/.test(response.headers.get('Content-Type') ?? '');
  return { ok: response.ok, status: response.status, data: json ? await response.json() : null };
}

export async function text(url) {
  const response = await fetch(url, { credentials: 'same-origin' });
  if (!response.ok) throw new Error(`读取失败（${response.status}）`);
  return response.text();
}
