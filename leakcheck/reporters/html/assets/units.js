"use strict";
// Format figures as leakcheck/model/units.py does; a test compares them.
const data = JSON.parse(document.getElementById("data").textContent);

function sizeWords(bytes) {
  const units = ["B", "KiB", "MiB", "GiB"];
  const power = Math.max(0, Math.min(Math.trunc(Math.log(Math.max(Math.abs(bytes), 1)) / Math.log(1024) + 1e-12), 3));
  if (!power) return `${bytes.toFixed(0)} B`.replace("-0 B", "0 B");
  const value = bytes / 1024 ** power;
  const digits = Math.max(0, 2 - Math.trunc(Math.log10(Math.max(Math.abs(value), 1))));
  return `${value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })} ${units[power]}`;
}

function countWords(count) {
  return count.toLocaleString("en-US");
}

function element(name, attributes = {}, ...children) {
  const svg = ["svg", "line", "circle"].includes(name);
  const created = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  created.append(...children);
  return created;
}
