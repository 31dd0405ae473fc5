// Codes: noise from a seed, interpolation, arithmetic. No page and no model in here.

// The integer hash of keras_vae/random.py; the same seed gives the same code in every runtime.
function mix(x) {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

export function standardNormal(seed, size) {
  const row = mix(seed | 0);
  const uniform = Array.from({ length: 2 * size }, (_, i) => ((mix(row ^ mix(mix(i + 1) + 0x9e3779b9)) >>> 8) + 0.5) / 16777216);
  return Float32Array.from({ length: size }, (_, i) =>
    Math.sqrt(-2 * Math.log(uniform[i])) * Math.cos(2 * Math.PI * uniform[size + i]));
}

// Along the great circle, so that the codes between two typical ones are typical too.
export function slerp(a, b, t) {
  const dot = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  const norms = Math.sqrt(dot(a, a) * dot(b, b));
  const angle = norms > 0 ? Math.acos(Math.min(1, Math.max(-1, dot(a, b) / norms))) : 0;
  if (angle < 1e-4 || Math.PI - angle < 1e-4) return a.map((value, i) => (1 - t) * value + t * b[i]);
  const [from, to] = [Math.sin((1 - t) * angle), Math.sin(t * angle)].map((s) => s / Math.sin(angle));
  return a.map((value, i) => from * value + to * b[i]);
}

export const shifted = (z, plus, minus, strength) => z.map((value, i) => value + strength * (plus[i] - minus[i]));

export const toLink = (z) => Array.from(z, (value) => Number(value).toFixed(3)).join(",");

export function fromLink(text, size) {
  const z = text.split(",").map(Number);
  return z.length === size && z.every(Number.isFinite) ? Float32Array.from(z) : null;
}
