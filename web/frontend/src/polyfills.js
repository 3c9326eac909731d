// What the libraries use and Chromium 90 lacks.
const at = function (index) {
  const i = Math.trunc(index) || 0;
  return this[i < 0 ? this.length + i : i];
};
for (const type of [Array, String]) {
  if (!type.prototype.at) Object.defineProperty(type.prototype, 'at', { value: at, configurable: true, writable: true });
}
Object.hasOwn ??= (object, key) => Object.prototype.hasOwnProperty.call(object, key);
globalThis.structuredClone ??= (value) => JSON.parse(JSON.stringify(value));
