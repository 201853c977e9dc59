// Flamegraphs: outermost call on top, each box as wide as what its stacks hold. A click zooms, arrows walk.
(() => {
  const ROW = 20;
  const HAIR = 1 / 2000;
  const NARROW = 30;
  const percent = (part, whole) => `${((100 * part) / (whole || 1)).toFixed(1)}%`;
  const place = ([, file, line]) => (line ? `${file}:${line}` : file);

  for (const panel of document.querySelectorAll("details.flame")) {
    const flame = data.flames[panel.dataset.flame];
    const [boxes, detail, search, found, whole, beside] =
      [".boxes", ".detail", "input", ".found", "button.whole", "select"].map((what) => panel.querySelector(what));
    const unit = flame.measure === "growth" ? " / 1000 calls" : "";
    const hint = detail.textContent;
    let nodes = [], view = null, current = null, other = null;
    const drawn = new Map();

    const title = (one) => (one.frame ? one.frame[0] : flame.name);
    const label = (one) => (one.frame ? [one.frame[0], place(one.frame)].filter(Boolean).join("  ") : `${flame.name}  ${figures(one)}`);

    function figures(one) {
      if (!other) return `${sizeWords(one.total)}${unit}, ${percent(one.total, nodes[0].total)}`;
      const change = one.total - one.there;
      const sign = change < 0 ? "−" : "+";
      return `${sizeWords(one.total)}${unit}, in ${other.name} ${sizeWords(one.there)}: ${sign}${sizeWords(Math.abs(change))}`;
    }

    function styleOf(one) {
      if (!other) return one.kind;
      const change = (one.total - one.there) / Math.max(one.total, one.there, 1e-9);
      const strength = Math.min(3, Math.ceil(Math.abs(change) * 3));
      return Math.abs(change) < 0.02 ? "same" : `${change > 0 ? "more" : "less"}-${strength}`;
    }

    function tell(one) {
      current = one;
      const parts = [element("b", {}, title(one)), ` ${one.frame ? place(one.frame) : ""} · `, element("b", {}, figures(one))];
      if (!other && one.own && one.children.length) parts.push(`, ${sizeWords(one.own)} of it here`);
      if (one.frame?.[4]) parts.push(element("br"), element("code", {}, one.frame[4]));
      detail.replaceChildren(...parts);
    }

    function draw(focus) {
      drawn.clear();
      const made = [];
      const above = new Set();
      for (let at = view.parent; at; at = at.parent) above.add(at);
      const room = boxes.clientWidth;
      let deepest = 0;
      for (const one of nodes) {
        const outside = one.right <= view.left + 1e-12 || one.left >= view.right - 1e-12;
        if (!above.has(one) && (outside || one.depth < view.depth)) continue;
        const span = view.right - view.left;
        const left = above.has(one) ? 0 : (one.left - view.left) / span;
        const width = above.has(one) ? 1 : (one.right - one.left) / span;
        if (width < HAIR) continue;
        const box = element("div", { class: `box ${styleOf(one)}`, role: "treeitem", tabindex: "-1", "aria-level": one.depth + 1, "aria-label": `${label(one)}: ${figures(one)}` }, width * room < NARROW ? "" : label(one));
        box.style.left = `${100 * left}%`;
        box.style.width = `${100 * width}%`;
        box.style.top = `${ROW * one.depth}px`;
        box.node = one;
        drawn.set(one, box);
        made.push(box);
        deepest = Math.max(deepest, one.depth);
      }
      boxes.style.height = `${ROW * (deepest + 1)}px`;
      boxes.replaceChildren(...made);
      const start = drawn.get(focus) ?? drawn.get(view);
      start.tabIndex = 0;
      if (focus) start.focus({ preventScroll: true });
      whole.disabled = view === nodes[0];
      mark();
    }

    function zoom(one, focus) {
      view = one;
      draw(focus ? one : null);
      tell(one);
    }

    function mark() {
      const wanted = search.value.trim().toLowerCase();
      boxes.classList.toggle("searched", Boolean(wanted));
      const holds = new Set();
      let sum = 0;
      for (const one of nodes) {
        const matches = Boolean(wanted && one.frame) && `${one.frame[0]} ${place(one.frame)} ${one.frame[4]}`.toLowerCase().includes(wanted);
        if (matches && !holds.has(one.parent)) sum += one.total;
        if (matches || holds.has(one.parent)) holds.add(one);
        drawn.get(one)?.classList.toggle("match", matches);
      }
      found.textContent = !wanted ? "" : `${holds.size ? "" : "nothing found, "}${sizeWords(sum)}${unit}, ${percent(sum, nodes[0].total)} of it`;
    }

    function begin() {
      other = beside?.value ? data.flames[beside.value] : null;
      panel.classList.toggle("compared", Boolean(other));
      nodes = treeOf(flame, other);
      view = nodes[0];
      draw(null);
      detail.textContent = hint;
    }

    function next(one, key) {
      const row = [...drawn.keys()].filter((each) => each.depth === one.depth).sort((a, b) => a.left - b.left);
      const at = row.indexOf(one);
      return { ArrowUp: one.parent, ArrowDown: one.children.find((child) => drawn.has(child)), ArrowLeft: row[at - 1], ArrowRight: row[at + 1] }[key];
    }

    boxes.addEventListener("click", (event) => { const box = event.target.closest(".box"); if (box) zoom(box.node, true); });
    boxes.addEventListener("pointerover", (event) => { const box = event.target.closest(".box"); if (box) tell(box.node); });
    boxes.addEventListener("focusin", (event) => { if (event.target.node) tell(event.target.node); });
    boxes.addEventListener("keydown", (event) => {
      if (event.key === "Enter") zoom(current, true);
      else if (event.key === "Escape") zoom(nodes[0], true);
      else if (event.key.startsWith("Arrow")) {
        const step = next(event.target.node, event.key);
        if (step) {
          event.target.tabIndex = -1;
          drawn.get(step).tabIndex = 0;
          drawn.get(step).focus();
        }
      } else return;
      event.preventDefault();
    });
    whole.addEventListener("click", () => zoom(nodes[0], false));
    search.addEventListener("input", mark);
    if (beside) {
      for (const key of beside.dataset.others.split(" ")) beside.append(element("option", { value: key }, data.flames[key].name));
      beside.value = beside.dataset.beside;
      beside.addEventListener("change", begin);
    }
    panel.addEventListener("toggle", () => { if (panel.open && !nodes.length) begin(); });
  }
})();
