// The map of encoded test images, to click on.
const COLORS = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bb7744", "#888888", "#44aa99", "#882255"];

export function makeMap(canvas, legend, about, onPick) {
  const points = about.points;
  const ratio = window.devicePixelRatio || 1;
  const size = 420 * ratio;
  canvas.width = canvas.height = size;
  const xs = points.map((p) => p.at[0]);
  const ys = points.map((p) => p.at[1]);
  const range = (values) => [Math.min(...values), Math.max(...values)];
  const [[left, right], [bottom, top]] = [range(xs), range(ys)];
  const margin = 12 * ratio;
  const place = (p) => [
    margin + ((p.at[0] - left) / (right - left || 1)) * (size - 2 * margin),
    margin + ((top - p.at[1]) / (top - bottom || 1)) * (size - 2 * margin),
  ];
  const placed = points.map(place);
  let chosen = -1;

  function draw() {
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, size, size);
    placed.forEach(([x, y], index) => {
      pen.beginPath();
      pen.fillStyle = COLORS[(points[index].label ?? 0) % COLORS.length];
      pen.globalAlpha = index === chosen ? 1 : 0.65;
      pen.arc(x, y, (index === chosen ? 7 : 3.5) * ratio, 0, 2 * Math.PI);
      pen.fill();
      if (index === chosen) {
        pen.lineWidth = 2 * ratio;
        pen.strokeStyle = getComputedStyle(document.body).color;
        pen.stroke();
      }
    });
  }

  function nearest(x, y) {
    const distances = placed.map(([px, py]) => (px - x) ** 2 + (py - y) ** 2);
    return distances.indexOf(Math.min(...distances));
  }

  function pick(index, asEnd) {
    chosen = index;
    draw();
    onPick(points[index], asEnd);
  }

  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = size / box.width;
    pick(nearest((event.clientX - box.left) * scale, (event.clientY - box.top) * scale), event.shiftKey);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    pick((chosen + step + points.length) % points.length, event.shiftKey);
  });
  for (const [index, name] of (about.labels ?? []).entries()) {
    const entry = document.createElement("span");
    const dot = document.createElement("i");
    dot.style.background = COLORS[index % COLORS.length];
    entry.append(dot, name);
    legend.append(entry);
  }
  draw();
  return { redraw: draw, clear() { chosen = -1; draw(); } };
}
