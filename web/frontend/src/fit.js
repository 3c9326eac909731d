// Shows the whole diagram with a margin, px: `left` keeps it clear of a palette, `largest` from becoming a poster.
export function fit(canvas, { left = 30, edge = 30, largest = 1.25 } = {}) {
  const { inner, outer } = canvas.viewbox();
  const scale = Math.min(largest, (outer.width - left - edge) / inner.width, (outer.height - 2 * edge) / inner.height);
  const width = outer.width / scale;
  const height = outer.height / scale;
  const spare = Math.max(0, (width - inner.width - (left + edge) / scale) / 2);
  canvas.viewbox({ x: inner.x - left / scale - spare, y: inner.y - (height - inner.height) / 2, width, height });
  return scale;
}
