// The selector of levels, in step with `level:NAME` in the query: what is typed there shows here, and a choice here takes its place.

export const LEVELS = ["trace", "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
const BAD = LEVELS.slice(LEVELS.indexOf("error"));
// The terms and the short names of levels are those that the server knows (store/query.py).
const TERM = /(-?)(?:"[^"]*"?|(file|host|level):("[^"]*"?|\S+)|[^\s"]+)/g;
const ALIASES = { warn: "warning", err: "error", crit: "critical", fatal: "critical", emerg: "emergency", panic: "emergency" };
const TYPED = "typed";

function levelsIn(text) {
  const names = [...text.matchAll(TERM)].filter(([, minus, key]) => key === "level" && !minus).map(([, , , name]) => name.replaceAll('"', "").toLowerCase());
  return [...new Set(names.map((name) => ALIASES[name] ?? name))];
}

function withoutLevels(text) {
  return text.replace(TERM, (term, minus, key) => (key === "level" && !minus ? "" : term)).replace(/ {2,}/g, " ").trim();
}

export class Levels {
  constructor(select, query) {
    this.select = select;
    this.query = query;
    // A set of levels that was typed and is none of the choices.
    this.several = new Option("", TYPED);
    const choices = [["", "Any level"], ["bad", "Errors and worse"], ...LEVELS.map((level) => [level, level])];
    select.replaceChildren(...choices.map(([value, text]) => new Option(text, value)));
    this.mirrors = false;
  }

  // After the query was written.
  follow() {
    const names = levelsIn(this.query.value);
    if (names.length) {
      const isBad = names.length === BAD.length && BAD.every((level) => names.includes(level));
      const value = isBad ? "bad" : names.length === 1 && LEVELS.includes(names[0]) ? names[0] : TYPED;
      this.several.textContent = names.join(", ");
      if (value === TYPED) this.select.append(this.several);
      else this.several.remove();
      this.select.value = value;
    } else if (this.mirrors) {
      this.choose("");
    }
    this.mirrors = names.length > 0;
  }

  // After a choice of the selector, or to make one.
  choose(value = this.select.value) {
    if (value === TYPED) return;
    if (levelsIn(this.query.value).length) this.query.value = withoutLevels(this.query.value);
    this.several.remove();
    this.select.value = value;
    this.mirrors = false;
  }

  // What was chosen here and is not in the query.
  chosen() {
    return this.mirrors ? "" : this.select.value;
  }

  terms() {
    const level = this.chosen();
    return level === "bad" ? BAD.map((name) => `level:${name}`).join(" ") : level && `level:${level}`;
  }
}
