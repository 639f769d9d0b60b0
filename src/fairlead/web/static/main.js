// Puts the page together: one range, the charts, the logs, the verdict, the stream and the keyboard.

import { get, logIn, onUnauthorized } from "./api.js";
import { Charts } from "./charts.js";
import { clock, duration } from "./format.js";
import { Live } from "./live.js";
import { Logs } from "./logs.js";
import { PRESETS, Range } from "./range.js";
import { showVerdict } from "./verdict.js";

const byId = (id) => document.getElementById(id);
const THEME = "fairlead-theme";

const range = new Range(() => rangeChanged());
const charts = new Charts(byId("charts"), { onZoom: (since, until) => range.setFixed(since, until), onMoment: (seconds) => logs.showMoment(seconds) });
const logs = new Logs({
  onZoom: (since, until) => range.setFixed(since, until),
  onChange: () => {
    saveState();
    live.open(logs.query());
  },
  bounds: () => range.bounds(),
  isLive: () => range.isLive(),
});
const live = new Live({
  tick: () => range.isLive() && !document.hidden && requestAnimationFrame(() => charts.extend(range.bounds())),
  verdict: (verdict) => showVerdict(verdict, askLogs),
  logs: (records) => {
    logs.add(records);
    if (range.isLive()) logs.refreshHistogram();
  },
  cut: (sinceMs) => {
    byId("banner").textContent = `The connection to the host was cut at ${clock(sinceMs / 1000)} (${duration((Date.now() - sinceMs) / 1000)} ago). What you see is not live; trying again.`;
    byId("banner").hidden = false;
  },
  back: () => {
    byId("banner").hidden = true;
    loadAll();
  },
});

function askLogs(query) {
  const bad = /level:error/.test(query);
  byId("level").value = bad ? "bad" : "";
  byId("query").value = bad ? "" : query;
  logs.changed();
  byId("logs").scrollIntoView({ block: "start", behavior: "smooth" });
}

function rangeChanged() {
  for (const button of byId("ranges").children) button.setAttribute("aria-pressed", String(range.isLive() && Number(button.dataset.seconds) === range.live));
  byId("back").disabled = !range.past.length;
  saveState();
  logs.momentS = null;
  byId("moment").hidden = true;
  loadAll();
}

async function loadAll() {
  await loadStatus();
  await Promise.all([charts.load(range.bounds()), logs.load(), logs.loadFiles()]);
}

async function loadStatus() {
  try {
    const status = await get("status");
    byId("host").textContent = status.host;
    range.oldest = status.oldest ? Date.parse(status.oldest) / 1000 : null;
    byId("charts-empty").hidden = status.newest !== null;
    showVerdict(await get("verdict"), askLogs);
  } catch (error) {
    byId("verdict-summary").textContent = error.message;
  }
}

function saveState() {
  const state = new URLSearchParams({ range: range.toText() });
  for (const id of ["query", "level", "file"]) if (byId(id).value) state.set(id, byId(id).value);
  history.replaceState(null, "", `#${state}`);
}

function readState() {
  const state = new URLSearchParams(location.hash.slice(1));
  range.fromText(state.get("range") ?? "300");
  byId("query").value = state.get("query") ?? "";
  byId("level").value = state.get("level") ?? "";
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
  byId("ranges").replaceChildren(
    ...PRESETS.map((preset) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = preset.label;
      button.dataset.seconds = preset.seconds;
      button.addEventListener("click", () => range.setLive(preset.seconds));
      return button;
    }),
  );
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
      live.open(logs.query());
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
for (const button of byId("ranges").children) button.setAttribute("aria-pressed", String(range.isLive() && Number(button.dataset.seconds) === range.live));
document.addEventListener("visibilitychange", () => !document.hidden && range.isLive() && charts.load(range.bounds()));
await loadAll();
live.open(logs.query());
document.body.dataset.ready = "1";
