// All panels: fetched over the shared range; while live, only what is new is fetched and laid behind what is there.

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { PANELS } from "./panels.js";

const MAX_POINTS = 600;

class Panel {
  constructor(definition, section, handlers) {
    this.definition = definition;
    this.handlers = handlers;
    this.figure = document.createElement("figure");
    this.figure.className = "panel";
    this.figure.dataset.panel = definition.key;
    const caption = document.createElement("figcaption");
    caption.textContent = definition.title;
    this.note = document.createElement("span");
    this.note.className = "note";
    caption.append(this.note);
    const plot = document.createElement("div");
    plot.className = "plot";
    this.figure.append(caption, plot);
    section.append(this.figure);
    this.chart = new Chart(plot, definition, handlers);
    this.data = null;
    this.fetching = null;
    this.drawnAt = 0;
  }

  async load(bounds, points) {
    this.fetching?.abort();
    const abort = (this.fetching = new AbortController());
    await this.ask(bounds, points, abort, (body) => body);
  }

  // Only the newest steps; the step stays the same, so that they fit.
  async extend(bounds) {
    if (this.fetching || !this.data || !this.data.times_s.length) return;
    const now = Date.now();
    if (now - this.drawnAt < Math.min(5000, this.data.step_s * 1000) - 200) return;
    const step = this.data.step_s;
    const since = Math.max(bounds[0], this.data.times_s[this.data.times_s.length - 1] - 3 * step);
    const points = Math.max(1, Math.ceil((bounds[1] - since) / step));
    if (points > MAX_POINTS / 2) {
      await this.load(bounds, MAX_POINTS);
      return;
    }
    const abort = (this.fetching = new AbortController());
    await this.ask([since, bounds[1]], points, abort, (body) => (body.step_s === step ? append(this.data, body, bounds[0]) : null), bounds);
  }

  async ask(bounds, points, abort, use, shown = bounds) {
    const { names, by } = this.definition;
    try {
      const body = await get("series", { name: names, by, host: this.handlers.host(), since: bounds[0].toFixed(3), until: bounds[1].toFixed(3), points }, abort.signal);
      if (abort.signal.aborted) return;
      this.note.textContent = "";
      const data = use(body);
      if (data) {
        this.data = data;
        this.draw(shown);
      } else {
        this.data = null;
      }
    } catch (error) {
      if (!abort.signal.aborted) this.note.textContent = error.message;
    } finally {
      if (this.fetching === abort) this.fetching = null;
    }
  }

  draw(bounds) {
    this.drawnAt = Date.now();
    const lines = this.definition.lines(this.data.series);
    const any = lines.some((line) => line.values.some((value) => value !== null));
    this.figure.dataset.empty = any ? "" : "1";
    this.note.textContent = any ? "" : "no samples";
    // A panel without samples is one line (page.css); it is drawn once there are any.
    if (any) this.chart.draw(this.data.times_s, lines, bounds);
  }
}

function append(known, fresh, since) {
  if (!fresh.times_s.length) return known;
  const from = known.times_s.findIndex((time) => time >= fresh.times_s[0] - 1e-6);
  const keep = from < 0 ? known.times_s.length : from;
  const drop = known.times_s.findIndex((time) => time >= since - known.step_s);
  const begin = drop < 0 ? keep : Math.min(drop, keep);
  const key = (one) => one.name + JSON.stringify(one.labels);
  const old = new Map(known.series.map((one) => [key(one), one]));
  const all = new Map([...old, ...fresh.series.map((one) => [key(one), one])]);
  const next = new Map(fresh.series.map((one) => [key(one), one]));
  const nothing = (count) => new Array(count).fill(null);
  const join = (name) => {
    const before = old.get(name)?.mean.slice(begin, keep) ?? nothing(keep - begin);
    return before.concat(next.get(name)?.mean ?? nothing(fresh.times_s.length));
  };
  const series = [...all.values()].map((one) => ({ ...one, mean: join(key(one)) }));
  return { step_s: known.step_s, times_s: known.times_s.slice(begin, keep).concat(fresh.times_s), series };
}

export class Charts {
  // handlers: those of a chart, and host(): whose samples
  constructor(section, handlers) {
    this.panels = PANELS.map((definition) => new Panel(definition, section, handlers));
  }

  async load(bounds) {
    const points = Math.min(MAX_POINTS, Math.max(60, Math.floor(this.panels[0].figure.clientWidth / 1.5)));
    await Promise.all(this.panels.map((panel) => panel.load(bounds, points)));
  }

  async extend(bounds) {
    await Promise.all(this.panels.map((panel) => (panel.data ? panel.extend(bounds) : panel.load(bounds, 300))));
  }

  retheme() {
    for (const panel of this.panels) panel.chart.retheme();
  }
}
