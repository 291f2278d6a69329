// Draws what the table below each chart says. Colours follow the style sheet; the table stays the
// text of the chart for whoever does not see it.

const root = document.documentElement;
const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
const language = root.lang;
const compact = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const full = new Intl.NumberFormat(language, { maximumFractionDigits: 2 });
const clock = new Intl.DateTimeFormat("sv-SE", { timeStyle: "short" });
const seconds = new Intl.DateTimeFormat("sv-SE", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short" });
const moment = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
const HEIGHT = 220;
const drawn = new Map();

// What the legend says of a line: the value under the pointer, else the newest.
const pointed = (plot, value, line, at) => (at == null ? plot.data[line].at(-1) : value);

function options(chart, data, width) {
  const quiet = colour("--quiet");
  const line = colour("--line");
  const axis = {
    stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const between = data.times.length > 1 ? data.times.at(-1) - data.times[0] : 0;
  const short = between > 3 * 86400 ? day : between > 1800 ? clock : seconds;
  const series = data.lines.map((one, at) => {
    const stroke = colour(`--series-${(at % 5) + 1}`);
    const shape = data.bars
      ? { paths: uPlot.paths.bars({ size: [0.7, 28] }), fill: stroke, width: 0 }
      : { paths: uPlot.paths.stepped({ align: 1 }), width: 2 };
    return {
      label: one.name || chart.dataset.label, stroke, spanGaps: true,
      points: { show: data.times.length < 3 },
      value: (...seen) => {
        const v = pointed(...seen);
        return v == null ? "–" : `${full.format(v)} ${one.unit}`.trim();
      },
      ...shape,
    };
  });
  return {
    width, height: HEIGHT,
    padding: [8, 36, 0, 0],
    cursor: { y: false, points: { size: 7 } },
    scales: { y: { range: (_, low, high) => [Math.min(0, low), high <= 0 ? 1 : high * 1.08] } },
    axes: [
      { ...axis, space: 80, size: 34, values: (_, ticks) => ticks.map((t) => short.format(t * 1000)) },
      { ...axis, size: 62, values: (_, ticks) => ticks.map((v) => compact.format(v) + (data.lines.every((one) => one.unit === "%") ? " %" : "")) },
    ],
    series: [{ label: chart.dataset.time, value: (...seen) => moment.format(pointed(...seen) * 1000) },
      ...series],
  };
}

function draw(chart) {
  const data = JSON.parse(chart.dataset.chart);
  drawn.get(chart)?.destroy();
  chart.replaceChildren();
  if (!data.times.length) return;
  const columns = [data.times, ...data.lines.map((one) => one.values)];
  drawn.set(chart, new uPlot(options(chart, data, chart.clientWidth), columns, chart));
}

function drawAll() {
  for (const known of drawn.keys()) {
    if (!known.isConnected) {
      drawn.get(known).destroy();
      drawn.delete(known);
    }
  }
  document.querySelectorAll("[data-chart]").forEach(draw);
}

drawAll();
document.addEventListener("parts", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
matchMedia("print").addEventListener("change", drawAll);
let resizing = 0;
addEventListener("resize", () => {
  clearTimeout(resizing);
  resizing = setTimeout(drawAll, 150);
});
