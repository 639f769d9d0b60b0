// One chart on uPlot: the shared cursor, drag to zoom, click for the moment, stacked areas, colours and dashes of the theme.

import uPlot from "/static/vendor/uPlot.esm.js";
import { bytes, bytesPerSecond, clock, day } from "./format.js";

const COLOURS = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7"];
const DASHES = [[], [7, 3], [2, 2], [9, 3, 2, 3], [4, 4], [12, 4], [1, 3]];
const HEIGHT = 170;
const CLICK_PIXELS = 4;

export const theme = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function times(_, ticks) {
  const span = ticks.length > 1 ? ticks[ticks.length - 1] - ticks[0] : 0;
  return ticks.map((tick) => (span > 2 * 86400 ? day(tick).slice(5) : span > 1200 ? clock(tick).slice(0, 5) : clock(tick)));
}

/** Steps of an axis of bytes: whole KiB, MiB and GiB rather than odd parts of them. */
const POWERS_OF_TWO = Array.from({ length: 60 }, (_, power) => 2 ** power);
const isBinary = (unit) => unit === bytes || unit === bytesPerSecond;

export class Chart {
  // handlers: onZoom(since, until), onMoment(seconds)
  constructor(place, { unit, stacked = false, top = null, bars = false, height = HEIGHT }, handlers) {
    Object.assign(this, { place, unit, stacked, top, bars, height, handlers });
    this.plot = null;
    this.shape = "";
    this.raw = [];
    new ResizeObserver(() => this.resize()).observe(place);
  }

  draw(timesS, lines, bounds) {
    this.last = [timesS, lines, bounds];
    // Stacked areas are drawn from the top of the stack to its floor, so that each leaves the ones below it in sight.
    if (this.stacked) lines = [...lines].reverse();
    this.raw = lines.map((line) => line.values);
    const shape = JSON.stringify(lines.map((line) => line.name));
    const data = [timesS, ...(this.stacked ? accumulate(this.raw) : this.raw)];
    if (!this.plot || shape !== this.shape) {
      this.plot?.destroy();
      this.shape = shape;
      this.plot = new uPlot(this.options(lines), data, this.place);
    } else {
      this.plot.setData(data, false);
    }
    // Not redraw(): it would put the x scale back to what it was.
    this.plot.setScale("x", { min: bounds[0], max: bounds[1] });
    this.rescale();
  }

  rescale() {
    const shown = this.plot.data.slice(1).flat().filter((value) => value !== null && value !== undefined);
    const highest = Math.max(this.top ?? 0, ...shown, 0);
    this.plot.setScale("y", { min: 0, max: this.top ?? (highest > 0 ? highest * 1.08 : 1) });
  }

  retheme() {
    this.shape = "";
    if (this.last) this.draw(...this.last);
  }

  resize() {
    const width = Math.floor(this.place.clientWidth);
    if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: this.height });
  }

  options(lines) {
    const axis = { stroke: theme("--muted"), grid: { stroke: theme("--grid"), width: 1 }, ticks: { stroke: theme("--grid"), width: 1 }, font: "11px system-ui, sans-serif" };
    const chart = this;
    return {
      width: Math.max(200, Math.floor(this.place.clientWidth)),
      height: this.height,
      cursor: { sync: { key: "fairlead", setSeries: false }, drag: { x: true, y: false, setScale: false, dist: CLICK_PIXELS }, focus: { prox: 16 }, points: { size: 5 } },
      legend: { live: true },
      scales: { x: { time: true, auto: false }, y: { auto: false } },
      axes: [
        { ...axis, values: times, space: 62, size: 30 },
        { ...axis, size: 72, ...(isBinary(this.unit) && { incrs: POWERS_OF_TWO }), values: (_, ticks) => ticks.map((tick) => this.unit(tick)) },
      ],
      series: [{}, ...lines.map((line, i) => this.seriesOptions(line, i))],
      hooks: {
        // The charts that share the cursor are told of the selection, too; the one that was pressed acts on it.
        setSelect: [(plot) => chart.pressed && plot.select.width > CLICK_PIXELS && chart.zoom(plot)],
        ready: [(plot) => chart.listen(plot)],
      },
    };
  }

  seriesOptions(line, i) {
    const colour = theme(line.colour ?? COLOURS[i % COLOURS.length]);
    const options = { label: line.name, stroke: colour, width: 1.5, spanGaps: false, points: { show: false }, value: (_, __, series, index) => this.unit(index === null ? null : this.raw[series - 1]?.[index]) };
    if (this.bars) return { ...options, fill: colour, width: 0, paths: uPlot.paths.bars({ size: [0.9, 40], align: 1 }) };
    if (this.stacked) return { ...options, fill: `color-mix(in srgb, ${colour} 55%, ${theme("--panel")})`, width: 1 };
    return { ...options, dash: DASHES[i % DASHES.length] };
  }

  listen(plot) {
    plot.over.addEventListener("mousedown", () => {
      this.pressed = true;
      this.dragged = false;
    });
    plot.over.addEventListener("click", (event) => this.click(plot, event));
  }

  zoom(plot) {
    this.pressed = false;
    const since = plot.posToVal(plot.select.left, "x");
    const until = plot.posToVal(plot.select.left + plot.select.width, "x");
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.dragged = true;
    this.handlers.onZoom(since, until);
  }

  click(plot, event) {
    this.pressed = false;
    if (!this.dragged) this.handlers.onMoment(plot.posToVal(event.offsetX, "x"));
  }
}

// The last line is the floor; each one stands on those behind it in the list.
function accumulate(lines) {
  const sums = [];
  let below = null;
  for (const values of [...lines].reverse()) {
    const floor = below;
    below = values.map((value, i) => (value === null ? null : value + (floor?.[i] ?? 0)));
    sums.unshift(below);
  }
  return sums;
}
