// Brings a part of the page into view: gliding, but not where people asked for less motion.

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export function bringIntoView(element, block = "start") {
  element.scrollIntoView({ block, behavior: calm.matches ? "auto" : "smooth" });
}
