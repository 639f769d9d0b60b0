// Puts the page together: one range, the charts, the logs, the verdict, the stream and the keyboard.

import { get, logIn, onUnauthorized } from "./api.js";
import { Charts } from "./charts.js";
import { Fleet } from "./fleet.js";
import { clock, duration } from "./format.js";
import { Hosts } from "./hosts.js";
import { Live } from "./live.js";
import { Logs } from "./logs.js";
import { PRESETS, Range } from "./range.js";
import { Ranges } from "./ranges.js";
import { bringIntoView } from "./scroll.js";
import { showVerdict } from "./verdict.js";

const byId = (id) => document.getElementById(id);
const THEME = "fairlead-theme";

// A collector shows its fleet, and of its hosts the one that was chosen.
let isFleet = false;
let wantedHost = "";
const hosts = new Hosts(() => hostChanged());
const fleet = new Fleet({ onHost: (name) => showAgent(name), onAgents: (agents) => hosts.know(agents.map((agent) => agent.host)) });
const range = new Range(() => rangeChanged());
const ranges = new Ranges(range);
const charts = new Charts(byId("charts"), { onZoom: (since, until) => range.setFixed(since, until), onMoment: (seconds) => logs.showMoment(seconds), host: () => hosts.chosen });
const logs = new Logs({
  onZoom: (since, until) => range.setFixed(since, until),
  onChange: () => {
    saveState();
    live.open(logs.query(), hosts.chosen);
  },
  bounds: () => range.bounds(),
  isLive: () => range.isLive(),
  host: () => hosts.chosen,
  isFleet: () => isFleet,
});
const live = new Live({
  tick: () => range.isLive() && !document.hidden && hasCharts() && requestAnimationFrame(() => charts.extend(range.bounds())),
  verdict: (verdict) => showVerdict(verdict, askLogs),
  logs: (records) => {
    logs.add(records);
    if (range.isLive()) logs.refreshHistogram();
  },
  cut: (sinceMs) => {
    byId("banner").textContent = `The connection to the ${isFleet ? "collector" : "host"} was cut at ${clock(sinceMs / 1000)} (${duration((Date.now() - sinceMs) / 1000)} ago). What you see is not live; trying again.`;
    byId("banner").hidden = false;
  },
  back: () => {
    byId("banner").hidden = true;
    loadAll();
  },
});

function askLogs(query) {
  const bad = /level:error/.test(query);
  byId("query").value = "";
  logs.levels.choose(bad ? "bad" : "");
  if (!bad) byId("query").value = query;
  logs.levels.follow();
  logs.changed();
  bringIntoView(byId("logs"));
}

function rangeChanged() {
  ranges.show();
  byId("back").disabled = !range.past.length;
  saveState();
  logs.momentS = null;
  byId("moment").hidden = true;
  loadAll();
}

// Samples of several hosts are no one's: without a host there is nothing to draw.
const hasCharts = () => !isFleet || hosts.chosen !== "";
const loadCharts = () => (hasCharts() ? charts.load(range.bounds()) : Promise.resolve());

async function loadAll() {
  await loadStatus();
  await Promise.all([loadCharts(), logs.load(), logs.loadFiles()]);
}

function showHost() {
  fleet.choose(hosts.chosen);
  byId("charts").hidden = !hasCharts();
  byId("no-host").hidden = hasCharts();
  byId("columns").dataset.charts = hasCharts() ? "1" : "";
}

// Where the page is narrow or the fleet large, the charts begin below what is seen.
function showAgent(host) {
  hosts.choose(host);
  if (byId("charts").getBoundingClientRect().top > innerHeight / 2) bringIntoView(byId("charts"));
}

// How far down the log view begins: beside the charts it reaches from there to the bottom of the window.
function fitLogs() {
  byId("columns").style.setProperty("--begin", `${Math.round(byId("columns").getBoundingClientRect().top)}px`);
}

function hostChanged() {
  showHost();
  saveState();
  live.open(logs.query(), hosts.chosen);
  loadCharts();
  logs.load();
}

async function loadStatus() {
  try {
    const status = await get("status");
    byId("host").textContent = status.host;
    range.oldest = status.oldest ? Date.parse(status.oldest) / 1000 : null;
    byId("charts-empty").hidden = status.newest !== null;
    if (status.role === "collector") await loadFleet();
    else showVerdict(await get("verdict"), askLogs);
  } catch (error) {
    byId(isFleet ? "fleet-flow" : "verdict-summary").textContent = error.message;
  }
}

async function loadFleet() {
  if (!isFleet) {
    isFleet = true;
    byId("verdict").hidden = true;
    SHORTCUTS.h = ["Choose a host", () => byId("host-choice").focus()];
    SHORTCUTS.a = ["All hosts", () => hosts.choose("")];
    fillHelp();
    document.querySelector(".skip").replaceChildren("Skip to the log lines");
    document.querySelector(".skip").hash = "#lines";
    hosts.start(wantedHost);
    showHost();
    await fleet.start();
  }
  await hosts.load();
}

function saveState() {
  const state = new URLSearchParams({ range: range.toText() });
  for (const [id, value] of [["query", byId("query").value], ["level", logs.levels.chosen()], ["file", byId("file").value]]) if (value) state.set(id, value);
  if (hosts.chosen) state.set("host", hosts.chosen);
  history.replaceState(null, "", `#${state}`);
}

function readState() {
  const state = new URLSearchParams(location.hash.slice(1));
  range.fromText(state.get("range") ?? "300");
  byId("query").value = state.get("query") ?? "";
  byId("level").value = state.get("level") ?? "";
  logs.levels.follow();
  wantedHost = state.get("host") ?? "";
  logs.wantedFile = state.get("file") ?? "";
}

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  charts.retheme();
  logs.histogram.retheme();
}

function toggleTheme() {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem(THEME, next);
  setTheme(next);
}

const SHORTCUTS = {
  "/": ["Search the logs", () => byId("query").focus()],
  f: ["Follow new lines, or stop", () => logs.setFollowing(!logs.following)],
  j: ["Next line", () => logs.move(1)],
  k: ["Line before", () => logs.move(-1)],
  Enter: ["Lines around the chosen line", () => logs.selected && logs.toggleContext(logs.selected)],
  z: ["Undo zoom", () => range.back()],
  "+": ["Zoom in", () => range.scale(0.5)],
  "-": ["Zoom out", () => range.scale(2)],
  ArrowLeft: ["Earlier", () => range.pan(-0.5)],
  ArrowRight: ["Later", () => range.pan(0.5)],
  d: ["Light or dark", toggleTheme],
  "?": ["This help", () => byId("help").showModal()],
};

function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.matches("input, select")) event.target.blur();
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea") || document.querySelector("dialog[open]")) return;
    const preset = PRESETS[Number(event.key) - 1];
    if (preset) range.setLive(preset.seconds);
    else if (!SHORTCUTS[event.key] || (event.key === "Enter" && event.target.matches("button, a, #lines"))) return;
    else SHORTCUTS[event.key][1]();
    event.preventDefault();
  });
  fillHelp();
}

function fillHelp() {
  const rows = [...Object.entries(SHORTCUTS).map(([key, [text]]) => [key, text]), [`1–${PRESETS.length}`, "Time range"]];
  byId("shortcuts").replaceChildren(
    ...rows.flatMap(([key, text]) => {
      const term = document.createElement("dt");
      const cap = document.createElement("kbd");
      cap.textContent = key.replace("ArrowLeft", "←").replace("ArrowRight", "→");
      term.append(cap);
      const detail = document.createElement("dd");
      detail.textContent = text;
      return [term, detail];
    }),
  );
}

function listenToButtons() {
  byId("back").addEventListener("click", () => range.back());
  byId("theme").addEventListener("click", toggleTheme);
  byId("help-button").addEventListener("click", () => byId("help").showModal());
}

let login = null;

// One dialog, however many requests were refused.
function askForToken() {
  login ??= new Promise((resolve) => {
    byId("login").showModal();
    byId("login-form").onsubmit = async (event) => {
      event.preventDefault();
      const problem = await logIn(byId("token").value);
      byId("login-error").textContent = problem;
      if (problem) return;
      byId("token").value = "";
      byId("login").close();
      login = null;
      live.open(logs.query(), hosts.chosen);
      resolve();
    };
  });
  return login;
}

onUnauthorized(askForToken);
setTheme(localStorage.getItem(THEME) ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (event) => localStorage.getItem(THEME) || setTheme(event.matches ? "dark" : "light"));
listenToButtons();
listenToKeys();
readState();
ranges.show();
fitLogs();
addEventListener("scroll", fitLogs, { passive: true });
const above = new ResizeObserver(fitLogs);
for (const element of document.querySelectorAll("body, body > *, main > *")) above.observe(element);
document.addEventListener("visibilitychange", () => !document.hidden && range.isLive() && loadCharts());
await loadAll();
live.open(logs.query(), hosts.chosen);
document.body.dataset.ready = "1";
