// Which host of a collector is looked at: typed or picked from the list of those it knows; empty is all of them.

import { get } from "./api.js";

const byId = (id) => document.getElementById(id);

export class Hosts {
  // onChange(): another host was chosen
  constructor(onChange) {
    this.onChange = onChange;
    this.input = byId("host-choice");
    this.chosen = "";
    this.names = [];
    byId("host-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.take(true);
    });
    this.input.addEventListener("change", () => this.take(false));
    this.input.addEventListener("blur", () => this.show());
    this.input.addEventListener("input", (event) => {
      this.input.setCustomValidity("");
      // Picked from the list: nothing is being typed, so it holds at once.
      if (event.inputType === "insertReplacementText" || !event.inputType) this.take(false);
    });
    byId("host-all").addEventListener("click", () => this.choose(""));
  }

  start(chosen) {
    byId("host-form").hidden = false;
    this.chosen = chosen;
    this.show();
  }

  async load() {
    const { hosts } = await get("hosts");
    this.know(hosts.map((host) => host.name));
  }

  know(names) {
    const all = [...new Set([...this.names, ...names])].sort();
    if (all.length === this.names.length) return;
    this.names = all;
    byId("host-names").replaceChildren(...all.map((name) => new Option(name, name)));
  }

  choose(name) {
    const before = this.chosen;
    this.chosen = name;
    this.show();
    if (name !== before) this.onChange();
  }

  // What was typed: a name, or a part that only one name has. Anything else is told when it was sent, and taken back when it was left.
  take(sent) {
    const typed = this.input.value.trim();
    const near = this.names.filter((name) => name.includes(typed));
    const found = !typed || this.names.includes(typed) ? typed : near.length === 1 ? near[0] : null;
    if (found !== null) this.choose(found);
    else if (sent) {
      this.input.setCustomValidity(near.length ? `${near.length} hosts have this in their names` : "No host is named so");
      this.input.reportValidity();
    }
  }

  show() {
    this.input.setCustomValidity("");
    this.input.value = this.chosen;
    byId("host-all").disabled = this.chosen === "";
  }
}
