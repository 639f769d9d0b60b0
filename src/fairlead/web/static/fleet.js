// The fleet on top of a collector's page: one row an agent, sorted and filtered; a refresh writes only what changed.

import { COLUMNS, joined, MARKS, Row, shortIds, STATES } from "./agents.js";
import { get } from "./api.js";
import { bytes, counted, rate } from "./format.js";
import { Gaps } from "./gaps.js";

const REFRESH_MS = 5000;
const byId = (id) => document.getElementById(id);

export class Fleet {
  // handlers: onHost(name), onAgents(agents)
  constructor(handlers) {
    this.handlers = handlers;
    this.section = byId("fleet");
    this.body = byId("agents");
    this.rows = new Map();
    this.shown = [];
    this.host = "";
    this.state = "";
    this.sort = { column: COLUMNS[1], falling: false };
    this.gaps = new Gaps();
    byId("fleet-missing").addEventListener("click", () => this.gaps.toggle(null));
    this.buildHead();
    this.body.addEventListener("keydown", (event) => this.move(event));
    this.body.addEventListener("focusin", (event) => this.stopAt(event.target.closest("td.host button")));
  }

  start() {
    this.section.hidden = false;
    document.addEventListener("visibilitychange", () => this.load());
    setInterval(() => this.load(), REFRESH_MS);
    return this.load();
  }

  async load() {
    if (document.hidden || this.loading) return;
    this.loading = true;
    try {
      const { agents } = await get("agents");
      this.show(agents);
      byId("fleet-error").hidden = true;
    } catch (error) {
      byId("fleet-error").textContent = `Not up to date: ${error.message}`;
      byId("fleet-error").hidden = false;
    } finally {
      this.loading = false;
    }
  }

  show(agents) {
    const known = new Set(agents.map((agent) => agent.agent));
    for (const [id, row] of this.rows) {
      if (known.has(id)) continue;
      row.element.remove();
      this.rows.delete(id);
    }
    const shortened = shortIds(agents);
    const handlers = { onHost: this.handlers.onHost, onGaps: (agent) => this.gaps.toggle(agent) };
    for (const agent of agents) {
      if (!this.rows.has(agent.agent)) this.rows.set(agent.agent, new Row(handlers));
      this.rows.get(agent.agent).show(agent, shortened.get(agent.agent));
    }
    this.gaps.know(agents);
    this.arrange();
    this.summarise(agents);
    this.handlers.onAgents(agents);
  }

  choose(host) {
    this.host = host;
    for (const row of this.rows.values()) row.choose(row.agent.host === host);
  }

  // Puts the rows in order; one that stands right already is not touched, so that focus and scrolling stay.
  arrange() {
    const { column, falling } = this.sort;
    const sign = falling ? -1 : 1;
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    this.shown = [...this.rows.values()]
      .filter((row) => !this.state || row.agent.state === this.state)
      .sort((a, b) => sign * compare(column.value(a.agent), column.value(b.agent)) || compare(a.agent.host, b.agent.host) || compare(a.agent.agent, b.agent.agent));
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    let next = this.body.firstElementChild;
    for (const row of this.shown) {
      if (row.element === next) next = next.nextElementSibling;
      else this.body.insertBefore(row.element, next);
      row.choose(this.host !== "" && row.agent.host === this.host);
    }
    while (next) {
      const left = next;
      next = next.nextElementSibling;
      left.remove();
    }
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    if (!this.shown.some((row) => row.button.tabIndex === 0)) this.stopAt(this.shown[0]?.button);
    byId("agents-empty").hidden = this.shown.length > 0;
  }

  summarise(agents) {
    const count = (state) => agents.filter((agent) => agent.state === state).length;
    const sum = (value) => agents.reduce((total, agent) => total + (value(agent) ?? 0), 0);
    const [silent, late, alive] = ["silent", "late", "alive"].map(count);
    const [lost, unknown] = [sum((agent) => agent.lost), sum((agent) => agent.unknown)];
    const bad = silent + late;
    const status = !agents.length ? "unknown" : silent ? "critical" : late || lost || unknown ? "warning" : "ok";
    const mark = { critical: "■", warning: "▲", ok: "●", unknown: "○" }[status];
    this.section.dataset.status = status;
    this.section.querySelector(".mark").textContent = mark;
    document.title = `${mark} Fairlead`;
    const title = !agents.length
      ? "No agent has told a heartbeat yet"
      : bad
        ? `${counted(agents.length, "agent", "agents")}: ${joined([silent && `${silent} silent`, late && `${late} late`])}`
        : alive === agents.length
          ? `${counted(agents.length, "agent", "agents")}, all alive`
          : `${counted(agents.length, "agent", "agents")}, ${alive} alive`;
    // The title is a live region: written only when it changes.
    if (byId("fleet-title").textContent !== title) byId("fleet-title").textContent = title;
    const missing = joined([lost && `${counted(lost, "range", "ranges")} lost`, unknown && counted(unknown, "unknown gap", "unknown gaps")]);
    const known = agents.some((agent) => agent.lines_per_s !== null);
    const parts = [known && `${rate(sum((agent) => agent.lines_per_s))} lines/s`, `${bytes(sum((agent) => agent.lag_bytes))} behind`, !missing && "nothing missing"];
    byId("fleet-flow").textContent = agents.length ? parts.filter(Boolean).join(" · ") + (missing && " · ") : "";
    // Written only when it changes, as it may have the focus.
    if (byId("fleet-missing").textContent !== missing) byId("fleet-missing").textContent = missing;
    byId("fleet-missing").hidden = !missing;
    this.showStates(agents.length, count);
  }

  showStates(all, count) {
    const texts = [["", `All ${all.toLocaleString()}`], ...STATES.map((state) => [state, `${MARKS[state]} ${state} ${count(state).toLocaleString()}`])];
    texts.forEach(([state, text], i) => {
      const button = this.states[i];
      if (button.textContent !== text) button.textContent = text;
      button.disabled = state !== "" && state !== this.state && count(state) === 0;
    });
  }

  filter(state) {
    this.state = state;
    for (const button of this.states) button.setAttribute("aria-pressed", String(button.dataset.state === state));
    this.arrange();
  }

  buildHead() {
    this.states = ["", ...STATES].map((state) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.state = state;
      button.setAttribute("aria-pressed", String(state === ""));
      button.addEventListener("click", () => this.filter(state));
      return button;
    });
    byId("fleet-states").replaceChildren(...this.states);
    this.heads = COLUMNS.map((column) => {
      const head = document.createElement("th");
      head.scope = "col";
      head.setAttribute("role", "columnheader");
      head.className = column.key;
      if (column.wide) head.dataset.wide = "1";
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = column.title;
      button.addEventListener("click", () => this.sortBy(column));
      head.append(button);
      return head;
    });
    byId("agents-head").replaceChildren(...this.heads);
    this.showSort();
  }

  sortBy(column) {
    const first = !["host", "state", "version"].includes(column.key);
    this.sort = { column, falling: this.sort.column === column ? !this.sort.falling : first };
    this.showSort();
    this.arrange();
  }

  showSort() {
    COLUMNS.forEach((column, i) => {
      if (column === this.sort.column) this.heads[i].setAttribute("aria-sort", this.sort.falling ? "descending" : "ascending");
      else this.heads[i].removeAttribute("aria-sort");
    });
  }

  // One stop of the Tab key for all rows; within them the arrows go.
  move(event) {
    const at = this.shown.findIndex((row) => row.button === event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: this.shown.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    this.shown[Math.max(0, Math.min(this.shown.length - 1, to))].button.focus();
  }

  stopAt(button) {
    if (!button || button === this.stop) return;
    if (this.stop) this.stop.tabIndex = -1;
    button.tabIndex = 0;
    this.stop = button;
  }
}
