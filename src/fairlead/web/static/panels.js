// What is drawn: each panel names its metrics and turns the server's series into the lines of a chart.

import * as format from "./format.js";

const label = (one, name) => one.labels[name] ?? "";
const zip = (a, b, f) => a.map((value, i) => (value === null || b[i] === null || b[i] === undefined ? null : f(value, b[i])));
const scaled = (values, factor) => values.map((value) => (value === null ? null : value * factor));

const CPU_MODES = ["system", "user", "nice", "iowait", "irq", "softirq", "steal"];

function cpu(series) {
  const total = series.reduce((sums, one) => (sums ? sums.map((sum, i) => (sum === null || one.mean[i] === null ? null : sum + one.mean[i])) : one.mean), null);
  return CPU_MODES.flatMap((mode) => {
    const found = series.find((one) => label(one, "mode") === mode);
    return found ? [{ name: mode, values: zip(found.mean, total, (part, all) => (all > 0 ? (100 * part) / all : null)) }] : [];
  });
}

function memory(series) {
  const by = Object.fromEntries(series.map((one) => [one.name.replace(/^node_memory_|_bytes$/g, ""), one.mean]));
  if (!by.MemTotal) return [];
  const lines = [{ name: "used", values: zip(by.MemTotal, by.MemAvailable ?? [], (all, free) => all - free) }];
  if (by.Cached) lines.push({ name: "cached", values: by.Cached });
  if (by.SwapTotal && by.SwapTotal.some((value) => value)) lines.push({ name: "swap used", values: zip(by.SwapTotal, by.SwapFree ?? [], (all, free) => all - free) });
  lines.push({ name: "total", values: by.MemTotal });
  return lines;
}

// The busiest devices only: a host may have hundreds.
function perDevice(series, names, count = 3) {
  const weight = new Map();
  for (const one of series) {
    const device = label(one, "device");
    weight.set(device, (weight.get(device) ?? 0) + one.mean.reduce((sum, value) => sum + (value ?? 0), 0));
  }
  const busiest = [...weight.entries()].sort((a, b) => b[1] - a[1]).slice(0, count);
  const devices = busiest.filter(([, sum], place) => sum > 0 || place === 0).map(([device]) => device);
  return devices.flatMap((device) =>
    Object.entries(names).flatMap(([metric, name]) => {
      const found = series.find((one) => one.name === metric && label(one, "device") === device);
      return found ? [{ name: `${device} ${name}`, values: found.mean }] : [];
    }),
  );
}

function latency(series) {
  const find = (name, device) => series.find((one) => one.name === name && label(one, "device") === device)?.mean;
  const busy = perDevice(series.filter((one) => one.name.endsWith("completed_total")), { node_disk_reads_completed_total: "read", node_disk_writes_completed_total: "write" }, 2);
  return busy.map(({ name, values }) => {
    const [device, kind] = [name.slice(0, name.lastIndexOf(" ")), name.slice(name.lastIndexOf(" ") + 1)];
    const time = find(`node_disk_${kind}_time_seconds_total`, device) ?? [];
    return { name, values: zip(values, time, (count, seconds) => (count > 0 ? (1000 * seconds) / count : null)) };
  });
}

const PRESSURE = { node_pressure_cpu_waiting_seconds_total: "CPU", node_pressure_io_waiting_seconds_total: "I/O", node_pressure_memory_waiting_seconds_total: "memory" };
const LOAD = { node_load1: "1 min", node_load5: "5 min", node_load15: "15 min" };
const named = (names, factor = 1) => (series) => series.flatMap((one) => (names[one.name] ? [{ name: names[one.name], values: scaled(one.mean, factor) }] : []));

export const PANELS = [
  { key: "cpu", title: "CPU by mode", unit: format.percent, names: ["node_cpu_seconds_total"], by: "mode", lines: cpu, stacked: true, top: 100 },
  { key: "load", title: "Load", unit: format.number, names: Object.keys(LOAD), lines: named(LOAD) },
  { key: "memory", title: "Memory", unit: format.bytes, names: ["MemTotal", "MemAvailable", "Cached", "SwapTotal", "SwapFree"].map((name) => `node_memory_${name}_bytes`), lines: memory },
  { key: "pressure", title: "Pressure: time in which tasks wait", unit: format.percent, names: Object.keys(PRESSURE), lines: named(PRESSURE, 100) },
  { key: "disk", title: "Disk throughput", unit: format.bytesPerSecond, names: ["node_disk_read_bytes_total", "node_disk_written_bytes_total"], by: "device", lines: (series) => perDevice(series, { node_disk_read_bytes_total: "read", node_disk_written_bytes_total: "write" }) },
  { key: "latency", title: "Disk latency", unit: format.milliseconds, names: ["node_disk_reads_completed_total", "node_disk_writes_completed_total", "node_disk_read_time_seconds_total", "node_disk_write_time_seconds_total"], by: "device", lines: latency },
  { key: "network", title: "Network", unit: format.bytesPerSecond, names: ["node_network_receive_bytes_total", "node_network_transmit_bytes_total"], by: "device", lines: (series) => perDevice(series, { node_network_receive_bytes_total: "received", node_network_transmit_bytes_total: "sent" }) },
];
