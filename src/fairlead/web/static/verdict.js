// The verdict on top: the status as a shape and in words, since when, and why; each finding leads to its chart or its lines.

import { duration, moment } from "./format.js";
import { bringIntoView } from "./scroll.js";

const WORDS = { ok: "This host is all right", warning: "This host needs a look", critical: "This host is in trouble", unknown: "Not everything was observed yet" };
const MARKS = { ok: "●", warning: "▲", critical: "■", unknown: "○" };
const PANELS = { node_load: "load", node_pressure: "pressure", node_memory: "memory", node_filesystem: "disk" };

export function showVerdict(verdict, onQuery) {
  const section = document.getElementById("verdict");
  section.dataset.status = verdict.status;
  section.querySelector(".mark").textContent = MARKS[verdict.status] ?? "○";
  const since = verdict.since_s ? ` since ${moment(verdict.since_s)} (${duration(Date.now() / 1000 - verdict.since_s)})` : "";
  document.getElementById("verdict-title").textContent = (WORDS[verdict.status] ?? verdict.status) + since;
  document.getElementById("verdict-summary").textContent = verdict.summary;
  document.title = `${MARKS[verdict.status] ?? ""} Fairlead`;
  document.getElementById("findings").replaceChildren(...verdict.findings.map((finding) => item(finding, onQuery)));
}

function item(finding, onQuery) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "finding";
  button.dataset.status = finding.status;
  const title = document.createElement("b");
  title.textContent = finding.title;
  const text = document.createElement("span");
  text.textContent = finding.text;
  button.append(title, text);
  if (finding.status === "warning" || finding.status === "critical") {
    const more = document.createElement("small");
    more.textContent = [finding.status, `since ${moment(finding.since_s)}`, finding.limit].filter(Boolean).join(" · ");
    button.append(more);
  }
  button.addEventListener("click", () => {
    if (finding.query) onQuery(finding.query);
    const prefix = Object.keys(PANELS).find((name) => (finding.series[0] ?? "").startsWith(name));
    const panel = prefix && document.querySelector(`[data-panel="${PANELS[prefix]}"]`);
    if (panel) bringIntoView(panel, "center");
  });
  item.append(button);
  return item;
}
