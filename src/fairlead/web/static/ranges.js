// The choice of the time range: buttons, and where the page is narrow a list.

import { PRESETS } from "./range.js";

const ZOOMED = "zoomed";
const byId = (id) => document.getElementById(id);

export class Ranges {
  constructor(range) {
    this.range = range;
    this.buttons = PRESETS.map((preset) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = preset.label;
      button.dataset.seconds = preset.seconds;
      button.addEventListener("click", () => range.setLive(preset.seconds));
      return button;
    });
    byId("ranges").replaceChildren(...this.buttons);
    this.select = byId("range-choice");
    this.zoomed = new Option("Zoomed", ZOOMED);
    this.select.replaceChildren(...PRESETS.map((preset) => new Option(preset.label, preset.seconds)));
    this.select.addEventListener("change", () => this.select.value !== ZOOMED && range.setLive(Number(this.select.value)));
  }

  show() {
    const live = this.range.isLive();
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(live && Number(button.dataset.seconds) === this.range.live));
    if (live) this.zoomed.remove();
    else this.select.append(this.zoomed);
    this.select.value = live ? String(this.range.live) : ZOOMED;
  }
}
