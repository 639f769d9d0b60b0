// Numbers and times for people.

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function short(value) {
  const size = Math.abs(value);
  return size >= 100 || size === 0 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  let step = 0;
  while (Math.abs(value) >= 1024 && step < BINARY.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${short(value)} ${BINARY[step]}`;
}

export const bytesPerSecond = (value) => (value === null || value === undefined ? "–" : `${bytes(value)}/s`);
export const percent = (value) => (value === null || value === undefined ? "–" : `${short(value)} %`);
export const number = (value) => (value === null || value === undefined ? "–" : short(value));

export function rate(value) {
  if (value === null || value === undefined) return "–";
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString() : short(value);
}

export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value >= 1000 ? `${short(value / 1000)} s` : `${short(value)} ms`;
}

export const counted = (value, one, more) => `${value.toLocaleString()} ${value === 1 ? one : more}`;

const two = (value) => String(value).padStart(2, "0");

export function clock(seconds) {
  const time = new Date(seconds * 1000);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

export function day(seconds) {
  const time = new Date(seconds * 1000);
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}

export function moment(seconds, now = Date.now() / 1000) {
  return day(seconds) === day(now) ? clock(seconds) : `${day(seconds)} ${clock(seconds)}`;
}

export function duration(seconds) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}
