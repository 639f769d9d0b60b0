// The log view: histogram, search, filters, live follow, the lines around a line. Lines enter the page as text only.

import { get } from "./api.js";
import { Chart } from "./chart.js";
import { clock, counted, day, moment } from "./format.js";
import { LEVELS, Levels } from "./levels.js";

const PAGE = 200;
const KEPT = 1000;
const MARKS = { trace: "·", debug: "·", info: "i", notice: "i", warning: "▲", error: "■", critical: "■", alert: "■", emergency: "■" };
const MOMENT_S = 15;
const byId = (id) => document.getElementById(id);

export class Logs {
  // handlers: onZoom(since, until), onChange(), bounds(), isLive(), host(), isFleet()
  constructor(handlers) {
    this.handlers = handlers;
    this.list = byId("lines");
    this.following = true;
    this.momentS = null;
    this.next = null;
    this.fetching = null;
    this.histogram = new Chart(byId("histogram").querySelector(".plot"), { unit: (value) => (value === null || value === undefined ? "–" : value.toFixed(0)), bars: true, height: 110 }, { onZoom: handlers.onZoom, onMoment: (seconds) => this.showMoment(seconds) });
    this.levels = new Levels(byId("level"), byId("query"));
    byId("file").replaceChildren(new Option("All files", ""));
    this.listen();
  }

  listen() {
    let typing = 0;
    byId("query").addEventListener("input", () => {
      this.levels.follow();
      clearTimeout(typing);
      typing = setTimeout(() => this.changed(), 250);
    });
    byId("log-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.changed();
    });
    byId("level").addEventListener("change", () => {
      this.levels.choose();
      this.changed();
    });
    byId("file").addEventListener("change", () => this.changed());
    byId("follow").addEventListener("click", () => this.setFollowing(!this.following));
    byId("older").addEventListener("click", () => this.loadOlder());
    byId("moment-clear").addEventListener("click", () => this.showMoment(null));
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest(".line[data-id]");
      if (row && !window.getSelection().toString()) this.toggleContext(row);
    });
    this.list.addEventListener("scroll", () => {
      const atEnd = this.list.scrollTop + this.list.clientHeight >= this.list.scrollHeight - 12;
      if (this.following && !atEnd && !this.scrolling) this.setFollowing(false);
      this.scrolling = false;
    });
    new ResizeObserver(() => this.following && this.scrollToEnd()).observe(this.list);
    this.list.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && this.selected) this.toggleContext(this.selected);
    });
  }

  query() {
    const file = byId("file").value;
    return [byId("query").value.trim(), this.levels.terms(), file && `file:"${file}"`].filter(Boolean).join(" ");
  }

  bounds() {
    if (this.momentS === null) return this.handlers.bounds();
    return [this.momentS - MOMENT_S, this.momentS + MOMENT_S];
  }

  changed() {
    this.handlers.onChange();
    this.load();
  }

  setFollowing(on) {
    this.following = on;
    byId("follow").setAttribute("aria-pressed", String(on));
    if (on && this.momentS !== null) this.showMoment(null);
    else if (on) this.scrollToEnd();
  }

  showMoment(seconds) {
    this.momentS = seconds;
    byId("moment").hidden = seconds === null;
    if (seconds !== null) {
      byId("moment-text").textContent = `Lines around ${moment(seconds)} (± ${MOMENT_S} s)`;
      this.following = false;
      byId("follow").setAttribute("aria-pressed", "false");
    }
    this.load();
  }

  async load() {
    this.fetching?.abort();
    const abort = (this.fetching = new AbortController());
    const bounds = this.bounds();
    const asked = { q: this.query(), host: this.handlers.host(), since: bounds[0].toFixed(3), until: (bounds[1] + 1).toFixed(3) };
    try {
      const [page, histogram] = await Promise.all([get("logs", { ...asked, limit: PAGE }, abort.signal), this.askHistogram(abort.signal)]);
      if (abort.signal.aborted) return;
      byId("log-error").hidden = true;
      this.list.replaceChildren(...page.records.map((record) => this.row(record)));
      this.setNext(page.next);
      this.drawHistogram(histogram);
      this.showEmpty();
      if (this.following || this.momentS !== null) this.scrollToEnd();
      if (this.momentS !== null) this.scrollToMoment();
    } catch (error) {
      if (!abort.signal.aborted) this.showError(error);
    }
  }

  askHistogram(signal) {
    const bounds = this.handlers.bounds();
    return get("logs/histogram", { q: this.query(), host: this.handlers.host(), since: bounds[0].toFixed(3), until: bounds[1].toFixed(3), buckets: 80 }, signal);
  }

  async refreshHistogram() {
    if (this.refreshing) return;
    this.refreshing = true;
    try {
      this.drawHistogram(await this.askHistogram());
    } catch (error) {
      this.showError(error);
    } finally {
      this.refreshing = false;
    }
  }

  drawHistogram(body) {
    const bars = body.buckets;
    const lines = [
      { name: "lines", values: bars.map((bar) => bar.count), colour: "--c6" },
      { name: "errors", values: bars.map((bar) => bar.errors), colour: "--c2" },
    ];
    const total = bars.reduce((sum, bar) => sum + bar.count, 0);
    const errors = bars.reduce((sum, bar) => sum + bar.errors, 0);
    byId("log-count").textContent = `${counted(total, "line", "lines")}, ${counted(errors, "error", "errors")}`;
    this.histogram.draw(bars.map((bar) => bar.start), lines, this.handlers.bounds());
  }

  async loadOlder() {
    const bounds = this.bounds();
    try {
      const page = await get("logs", { q: this.query(), host: this.handlers.host(), since: bounds[0].toFixed(3), until: bounds[1].toFixed(3), limit: PAGE, before: this.next });
      const height = this.list.scrollHeight;
      this.setFollowing(false);
      this.list.prepend(...page.records.map((record) => this.row(record)));
      this.list.scrollTop += this.list.scrollHeight - height;
      this.setNext(page.next);
    } catch (error) {
      this.showError(error);
    }
  }

  setNext(next) {
    this.next = next;
    byId("older").hidden = next === null;
  }

  // New lines from the stream; they match the query already.
  add(records) {
    if (!this.handlers.isLive() || this.momentS !== null) return;
    const known = new Set([...this.list.querySelectorAll(":scope > .line")].slice(-PAGE).map((row) => row.dataset.id));
    this.list.append(...records.filter((record) => !known.has(String(record["fairlead.id"]))).map((record) => this.row(record)));
    if (this.following) {
      while (this.list.childElementCount > KEPT) this.list.firstElementChild.remove();
      this.scrollToEnd();
    }
    this.showEmpty();
  }

  row(record, here = false) {
    const row = document.createElement("li");
    row.className = here ? "line here" : "line";
    row.dataset.id = record["fairlead.id"];
    const level = record["log.level"] ?? "";
    const rank = LEVELS.indexOf(level);
    row.dataset.bad = rank >= LEVELS.indexOf("error") ? "2" : level === "warning" ? "1" : "0";
    const seconds = Date.parse(record["@timestamp"]) / 1000;
    row.dataset.time = seconds;
    const time = document.createElement("time");
    time.dateTime = record["@timestamp"];
    time.textContent = clock(seconds);
    time.title = `${day(seconds)} ${clock(seconds)} · ${record["log.file.path"]}`;
    const mark = document.createElement("span");
    mark.className = "level";
    mark.textContent = MARKS[level] ?? "";
    mark.title = level;
    if (level) mark.setAttribute("aria-label", level);
    const message = document.createElement("span");
    message.className = "message";
    const path = document.createElement("span");
    path.className = "path";
    const whose = this.handlers.isFleet() && !this.handlers.host() ? `${record["host.name"]} ` : "";
    path.textContent = `${whose}${record["log.file.path"].split("/").pop()} `;
    message.append(path, document.createTextNode(record.message));
    row.append(time, mark, message);
    return row;
  }

  async toggleContext(row) {
    if (row.nextElementSibling?.classList.contains("around")) {
      row.nextElementSibling.remove();
      return;
    }
    try {
      const body = await get("logs/context", { id: row.dataset.id, before: 8, after: 8 });
      const around = document.createElement("li");
      around.className = "around";
      const inner = document.createElement("ol");
      inner.className = "around";
      inner.append(...body.records.map((record) => this.row(record, String(record["fairlead.id"]) === row.dataset.id)));
      around.append(inner);
      row.after(around);
      around.scrollIntoView({ block: "nearest" });
    } catch (error) {
      this.showError(error);
    }
  }

  move(by) {
    const rows = [...this.list.querySelectorAll(":scope > .line")];
    if (!rows.length) return;
    const at = rows.indexOf(this.selected);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? rows.length - 1 : at + by))];
    this.selected?.removeAttribute("aria-selected");
    this.selected = next;
    next.setAttribute("aria-selected", "true");
    this.setFollowing(false);
    this.list.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  }

  async loadFiles() {
    try {
      const { files } = await get("logs/files");
      const paths = [...new Set(files.map((file) => file.path))];
      const select = byId("file");
      const chosen = select.value || this.wantedFile || "";
      select.replaceChildren(new Option("All files", ""), ...paths.map((path) => new Option(path, path)));
      select.value = paths.includes(chosen) ? chosen : "";
      select.hidden = this.handlers.isFleet() && !paths.length;
      byId("log-form").dataset.files = select.hidden ? "" : "1";
      this.wantedFile = "";
    } catch (error) {
      this.showError(error);
    }
  }

  scrollToEnd() {
    this.scrolling = true;
    this.list.scrollTop = this.list.scrollHeight;
  }

  scrollToMoment() {
    const rows = [...this.list.children];
    const near = rows.find((row) => Number(row.dataset.time) >= this.momentS) ?? rows[rows.length - 1];
    near?.scrollIntoView({ block: "nearest" });
  }

  showEmpty() {
    byId("lines-empty").hidden = this.list.childElementCount > 0;
  }

  showError(error) {
    byId("log-error").textContent = error.message;
    byId("log-error").hidden = false;
  }
}
