"use strict";
// The same figures as leakcheck/model/units.py prints; a test compares them.
const data = JSON.parse(document.getElementById("data").textContent);

function sizeWords(bytes) {
  const units = ["B", "KiB", "MiB", "GiB"];
  const at = Math.max(0, Math.min(Math.trunc(Math.log(Math.max(Math.abs(bytes), 1)) / Math.log(1024) + 1e-12), 3));
  if (!at) return `${bytes.toFixed(0)} B`.replace("-0 B", "0 B");
  const value = bytes / 1024 ** at;
  const digits = Math.max(0, 2 - Math.trunc(Math.log10(Math.max(Math.abs(value), 1))));
  return `${value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${units[at]}`;
}

function countWords(count) {
  return count.toLocaleString("en-US");
}

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "line", "circle"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
