// The one time range that charts and logs share: the newest so many seconds (live), or two fixed ends; zoom can be undone.

export const PRESETS = [
  { label: "5 min", seconds: 300 },
  { label: "15 min", seconds: 900 },
  { label: "1 h", seconds: 3600 },
  { label: "6 h", seconds: 21600 },
  { label: "24 h", seconds: 86400 },
  { label: "7 d", seconds: 604800 },
  { label: "All", seconds: 0 },
];

export class Range {
  constructor(changed) {
    this.changed = changed;
    this.live = 300;
    this.fixed = null;
    this.oldest = null;
    this.past = [];
  }

  bounds() {
    if (this.fixed) return this.fixed;
    const until = Date.now() / 1000;
    const since = this.live ? until - this.live : Math.min(this.oldest ?? until - 300, until - 300);
    return [since, until];
  }

  isLive() {
    return !this.fixed;
  }

  setLive(seconds) {
    this.remember();
    this.live = seconds;
    this.fixed = null;
    this.changed();
  }

  setFixed(since, until) {
    if (until - since < 1) {
      const middle = (since + until) / 2;
      [since, until] = [middle - 0.5, middle + 0.5];
    }
    this.remember();
    this.fixed = [since, until];
    this.changed();
  }

  pan(share) {
    const [since, until] = this.bounds();
    const by = (until - since) * share;
    const now = Date.now() / 1000;
    this.setFixed(Math.min(since + by, now - (until - since)), Math.min(until + by, now));
  }

  scale(factor) {
    const [since, until] = this.bounds();
    const half = ((until - since) / 2) * factor;
    const middle = (since + until) / 2;
    this.setFixed(middle - half, Math.min(middle + half, Date.now() / 1000));
  }

  remember() {
    this.past.push({ live: this.live, fixed: this.fixed });
    if (this.past.length > 50) this.past.shift();
  }

  back() {
    const before = this.past.pop();
    if (!before) return;
    this.live = before.live;
    this.fixed = before.fixed;
    this.changed();
  }

  toText() {
    return this.fixed ? `${this.fixed[0].toFixed(3)}-${this.fixed[1].toFixed(3)}` : String(this.live);
  }

  fromText(text) {
    const fixed = /^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(text);
    if (fixed && Number(fixed[1]) < Number(fixed[2])) this.fixed = [Number(fixed[1]), Number(fixed[2])];
    else if (PRESETS.some((preset) => String(preset.seconds) === text)) {
      this.fixed = null;
      this.live = Number(text);
    }
  }
}
