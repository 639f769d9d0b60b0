// The stream of events, and what the page knows of it: whether it is cut, and since when.

const SILENCE_MS = 12000;
const RETRY_MS = 2000;

export class Live {
  // handlers: tick(data), verdict(data), logs(records), cut(sinceMs), back()
  constructor(handlers) {
    this.handlers = handlers;
    this.query = "";
    this.host = "";
    this.cutAt = 0;
    this.heardAt = Date.now();
    setInterval(() => this.check(), 1000);
  }

  open(query, host = "") {
    this.query = query;
    this.host = host;
    this.source?.close();
    clearTimeout(this.retry);
    const source = (this.source = new EventSource(`/api/v1/stream?${new URLSearchParams({ q: query, host })}`));
    const on = (name, handle) =>
      source.addEventListener(name, (event) => {
        if (source !== this.source) return;
        this.heard();
        handle?.(JSON.parse(event.data));
      });
    on("tick", this.handlers.tick);
    on("verdict", this.handlers.verdict);
    on("logs", this.handlers.logs);
    on("logs-skipped", null);
    on("ping", null);
    source.onopen = () => this.heard();
    source.onerror = () => {
      if (source !== this.source) return;
      source.close();
      this.cut();
      this.retry = setTimeout(() => this.open(this.query, this.host), RETRY_MS);
    };
  }

  heard() {
    this.heardAt = Date.now();
    if (!this.cutAt) return;
    this.cutAt = 0;
    this.handlers.back();
  }

  cut() {
    if (!this.cutAt) this.cutAt = this.heardAt;
    this.handlers.cut(this.cutAt);
  }

  check() {
    if (this.cutAt) this.handlers.cut(this.cutAt);
    else if (Date.now() - this.heardAt > SILENCE_MS) {
      this.cut();
      this.open(this.query, this.host);
    }
  }
}
