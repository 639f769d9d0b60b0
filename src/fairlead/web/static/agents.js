// One agent as a row of the fleet's table: its columns, how they are sorted, and what a click on it does.
// Everything an agent says enters the page as text.

import { bytes, duration, rate } from "./format.js";

export const STATES = ["silent", "late", "alive", "stopped"];
export const MARKS = { silent: "■", late: "▲", alive: "●", stopped: "○" };
const HINTS = { silent: "no heartbeat for more than 10 intervals", late: "no heartbeat for more than 3 intervals", alive: "a heartbeat came within 3 intervals", stopped: "its last heartbeat said that it stops" };
const SHORTEST_ID = 8;
const gaps = (agent) => agent.lost + agent.unknown;
export const joined = (parts) => parts.filter(Boolean).join(", ");

function lag(agent) {
  if (agent.lag_bytes === null && agent.lag_s === null) return "–";
  const parts = [agent.lag_bytes !== null && bytes(agent.lag_bytes), agent.lag_s >= 1 && duration(agent.lag_s)].filter(Boolean);
  return parts.map((part) => part.replace(" ", "\u00a0")).join(" · ") || "–";
}

// `value` is what is sorted by: text upwards first, numbers downwards; `wide` columns are left out where the page is narrow.
export const COLUMNS = [
  { key: "host", title: "Host", value: (agent) => agent.host, text: (agent) => agent.host },
  { key: "state", title: "State", value: (agent) => STATES.indexOf(agent.state), text: (agent) => `${MARKS[agent.state] ?? ""} ${agent.state}` },
  { key: "age", title: "Heartbeat", value: (agent) => agent.heartbeat_age_s, text: (agent) => `${duration(agent.heartbeat_age_s)} ago` },
  { key: "lag", title: "Lag", value: (agent) => agent.lag_bytes ?? -1, text: lag },
  { key: "rate", title: "Lines/s", value: (agent) => agent.lines_per_s ?? -1, text: (agent) => rate(agent.lines_per_s) },
  { key: "gaps", title: "Gaps", value: gaps, text: (agent) => joined([agent.lost && `${agent.lost} lost`, agent.unknown && `${agent.unknown} unknown`]) || "none" },
  { key: "spool", title: "Spool", value: (agent) => agent.spool_bytes ?? -1, text: (agent) => bytes(agent.spool_bytes) },
  { key: "sources", title: "Sources", wide: true, value: (agent) => agent.sources ?? -1, text: (agent) => agent.sources?.toLocaleString() ?? "–" },
  { key: "version", title: "Version", wide: true, value: (agent) => agent.version, text: (agent) => agent.version },
];

/** Of agents whose host's name is another's, too: as much of the id's beginning as tells them apart. */
export function shortIds(agents) {
  const ids = new Map();
  const hosts = new Map();
  for (const agent of agents) hosts.set(agent.host, [...(hosts.get(agent.host) ?? []), agent]);
  for (const group of hosts.values()) {
    if (group.length < 2) continue;
    let length = SHORTEST_ID;
    const longest = Math.max(...group.map((agent) => agent.agent.length));
    while (length < longest && new Set(group.map((agent) => agent.agent.slice(0, length))).size < group.length) length += 1;
    for (const { agent } of group) ids.set(agent, agent.slice(0, length));
  }
  return ids;
}

export class Row {
  // handlers: onHost(name), onGaps(agent)
  constructor(handlers) {
    this.element = document.createElement("tr");
    this.element.setAttribute("role", "row");
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.tabIndex = -1;
    this.name = document.createElement("span");
    this.id = document.createElement("small");
    this.button.append(this.name, this.id);
    // Its own Tab stop would double those of the rows; the keyboard has the summary's, which shows the gaps of all.
    this.gaps = document.createElement("button");
    this.gaps.type = "button";
    this.gaps.tabIndex = -1;
    this.gaps.title = "Show which sources";
    this.element.addEventListener("click", (event) => this.click(event, handlers));
    this.places = COLUMNS.map((column) => {
      const cell = document.createElement("td");
      cell.setAttribute("role", "cell");
      cell.className = column.key;
      cell.dataset.label = column.title;
      if (column.wide) cell.dataset.wide = "1";
      const [inner, place] = { host: [this.button, this.name], gaps: [this.gaps, this.gaps] }[column.key] ?? [null, cell];
      if (inner) cell.append(inner);
      this.element.append(cell);
      return place;
    });
    this.texts = [];
    this.shortId = null;
  }

  // The button of the host's name brings the keyboard's Enter here, too. Who marks text to copy it does not choose.
  click(event, { onHost, onGaps }) {
    const selection = window.getSelection();
    if (event.target.closest("button") === this.gaps && gaps(this.agent)) onGaps(this.agent);
    else if (event.target.closest("button") || selection.isCollapsed || !selection.containsNode(this.element, true)) onHost(this.agent.host);
  }

  show(agent, shortId = "") {
    this.agent = agent;
    if (this.shortId !== shortId) {
      this.shortId = shortId;
      this.id.textContent = shortId && `\u00a0${shortId}`;
    }
    COLUMNS.forEach((column, i) => {
      const text = column.text(agent);
      if (this.texts[i] === text) return;
      this.texts[i] = text;
      this.places[i].textContent = text;
    });
    const { dataset } = this.element;
    if (dataset.state !== agent.state) {
      dataset.state = agent.state;
      this.places[1].title = HINTS[agent.state] ?? "";
    }
    const title = `${agent.host} (agent ${agent.agent}): show its charts and lines`;
    if (this.element.title !== title) this.element.title = this.button.title = title;
    const bad = gaps(agent) ? "1" : "";
    if (dataset.gaps === bad) return;
    dataset.gaps = bad;
    this.gaps.disabled = !bad;
  }

  choose(chosen) {
    if (chosen) this.element.setAttribute("aria-current", "true");
    else this.element.removeAttribute("aria-current");
  }
}
