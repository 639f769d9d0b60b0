// What is missing of the fleet, source by source: the findings of the audit, of one agent or of all.
// Everything an agent says enters the page as text.

import { get } from "./api.js";
import { bytes, counted } from "./format.js";
import { bringIntoView } from "./scroll.js";

const SHOWN = 100;
const RANGES = 5;
const byId = (id) => document.getElementById(id);

export class Gaps {
  constructor() {
    this.place = byId("gaps");
    this.agents = new Map();
    this.asked = "";
    byId("gaps-close").addEventListener("click", () => this.close());
  }

  know(agents) {
    this.agents = new Map(agents.map((agent) => [agent.agent, agent]));
  }

  // Shows those of an agent, or of all with null; asked for again they are hidden.
  toggle(agent) {
    const asked = agent?.agent ?? "";
    if (!this.place.hidden && asked === this.asked) this.close();
    else this.open(agent, asked);
  }

  close() {
    this.fetching?.abort();
    if (this.place.contains(document.activeElement)) byId("fleet-missing").focus();
    this.place.hidden = true;
    byId("fleet-missing").setAttribute("aria-expanded", "false");
  }

  async open(agent, asked) {
    this.fetching?.abort();
    const abort = (this.fetching = new AbortController());
    this.asked = asked;
    this.place.hidden = false;
    byId("fleet-missing").setAttribute("aria-expanded", String(!asked));
    byId("gaps-title").textContent = agent ? `What is missing of ${agent.host}` : "What is missing";
    this.say("Counting the stored lines …");
    try {
      const body = await get("audit", { findings: true, agent: asked, limit: SHOWN }, abort.signal);
      const nothing = agent ? "Nothing of this agent is missing." : "Nothing is missing.";
      this.say(body.next ? `The first ${SHOWN} sources; all of them: fairlead audit` : body.sources.length ? "" : nothing);
      byId("gaps-sources").replaceChildren(...body.sources.map((source) => this.item(source)));
      bringIntoView(this.place, "nearest");
    } catch (error) {
      if (!abort.signal.aborted) this.say(`Not known: ${error.message}`);
    }
  }

  say(text) {
    byId("gaps-note").textContent = text;
    byId("gaps-note").hidden = !text;
    byId("gaps-sources").replaceChildren();
  }

  item(source) {
    const item = document.createElement("li");
    const path = document.createElement("b");
    path.textContent = source.path;
    const host = this.agents.get(source.agent)?.host;
    const whose = document.createElement("span");
    whose.className = "muted";
    whose.textContent = [host, source.agent && `agent ${source.agent}`].filter(Boolean).join(", ");
    const what = document.createElement("span");
    what.textContent = describe(source);
    item.append(path, whose, what);
    return item;
  }
}

function describe(source) {
  const ranges = source.gaps.slice(0, RANGES).map(([start, end]) => `${start.toLocaleString()}–${end.toLocaleString()} (${bytes(end - start)})`);
  if (source.lost > ranges.length) ranges.push("…");
  const parts = [
    source.lost && `${counted(source.lost, "range", "ranges")} lost: bytes ${ranges.join(", ")}`,
    source.unknown && `${counted(source.unknown, "gap", "gaps")} of unknown size`,
    source.doubled && `${counted(source.doubled, "line stands", "lines stand")} more than once`,
  ];
  return parts.filter(Boolean).join("; ");
}
