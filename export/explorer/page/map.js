// The map of encoded test images, to click on.
const COLORS = {
  light: ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bb7744", "#888888", "#44aa99", "#882255"],
  dark: ["#77aaee", "#ff8899", "#66cc77", "#eedd66", "#88ddff", "#ee88bb", "#eeaa77", "#bbbbbb", "#77ddcc", "#dd88aa"],
};
const OPACITY = { light: 0.65, dark: 0.85 };
const themeName = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");

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
  const dots = [];
  let chosen = -1;

  function draw() {
    const [pen, theme] = [canvas.getContext("2d"), themeName()];
    const color = (label) => COLORS[theme][label % COLORS[theme].length];
    dots.forEach((dot, label) => { dot.style.background = color(label); });
    pen.clearRect(0, 0, size, size);
    placed.forEach(([x, y], index) => {
      pen.beginPath();
      pen.fillStyle = color(points[index].label ?? 0);
      pen.globalAlpha = index === chosen ? 1 : OPACITY[theme];
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
  for (const name of about.labels ?? []) {
    const entry = document.createElement("span");
    const dot = document.createElement("i");
    dots.push(dot);
    entry.append(dot, name);
    legend.append(entry);
  }
  draw();
  return { redraw: draw, clear() { chosen = -1; draw(); } };
}
