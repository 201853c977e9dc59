// Flamegraphs: outermost call on top, each box as wide as its stacks are heavy. A click zooms, arrow keys move.
(() => {
  const ROW_PIXELS = 20;
  const NARROWEST_SHARE = 1 / 2000;
  const NARROWEST_LABELLED_PIXELS = 30;
  const percent = (part, whole) => `${((100 * part) / (whole || 1)).toFixed(1)}%`;
  const place = ([, file, line]) => (line ? `${file}:${line}` : file);

  for (const panel of document.querySelectorAll("details.flame")) {
    const flame = data.flames[panel.dataset.flame];
    const [boxes, detail, search, matches, reset, comparison] =
      [".boxes", ".detail", "input", ".found", "button.whole", "select"].map((selector) => panel.querySelector(selector));
    const unit = flame.measure === "growth" ? " / 1000 calls" : "";
    const hint = detail.textContent;
    let nodes = [], view = null, current = null, other = null;
    const drawn = new Map();

    const title = (node) => (node.frame ? node.frame[0] : flame.name);
    const label = (node) => (node.frame ? [node.frame[0], place(node.frame)].filter(Boolean).join("  ") : `${flame.name}  ${figures(node)}`);

    function figures(node) {
      if (!other) return `${sizeWords(node.total)}${unit}, ${percent(node.total, nodes[0].total)}`;
      const change = node.total - node.otherTotal;
      const sign = change < 0 ? "−" : "+";
      return `${sizeWords(node.total)}${unit}, in ${other.name} ${sizeWords(node.otherTotal)}: ${sign}${sizeWords(Math.abs(change))}`;
    }

    function styleOf(node) {
      if (!other) return node.kind;
      const change = (node.total - node.otherTotal) / Math.max(node.total, node.otherTotal, 1e-9);
      const strength = Math.min(3, Math.ceil(Math.abs(change) * 3));
      return Math.abs(change) < 0.02 ? "same" : `${change > 0 ? "more" : "less"}-${strength}`;
    }

    function describe(node) {
      current = node;
      const parts = [element("b", {}, title(node)), ` ${node.frame ? place(node.frame) : ""} · `, element("b", {}, figures(node))];
      if (!other && node.own && node.children.length) parts.push(`, self ${sizeWords(node.own)}`);
      if (node.frame?.[4]) parts.push(element("br"), element("code", {}, node.frame[4]));
      detail.replaceChildren(...parts);
    }

    function draw(focus) {
      drawn.clear();
      const elements = [];
      const ancestors = new Set();
      for (let ancestor = view.parent; ancestor; ancestor = ancestor.parent) ancestors.add(ancestor);
      const pixels = boxes.clientWidth;
      let deepest = 0;
      for (const node of nodes) {
        const outside = node.right <= view.left + 1e-12 || node.left >= view.right - 1e-12;
        if (!ancestors.has(node) && (outside || node.depth < view.depth)) continue;
        const span = view.right - view.left;
        const left = ancestors.has(node) ? 0 : (node.left - view.left) / span;
        const width = ancestors.has(node) ? 1 : (node.right - node.left) / span;
        if (width < NARROWEST_SHARE) continue;
        const box = element("div", { class: `box ${styleOf(node)}`, role: "treeitem", tabindex: "-1", "aria-level": node.depth + 1, "aria-label": `${label(node)}: ${figures(node)}` }, width * pixels < NARROWEST_LABELLED_PIXELS ? "" : label(node));
        box.style.left = `${100 * left}%`;
        box.style.width = `${100 * width}%`;
        box.style.top = `${ROW_PIXELS * node.depth}px`;
        box.node = node;
        drawn.set(node, box);
        elements.push(box);
        deepest = Math.max(deepest, node.depth);
      }
      boxes.style.height = `${ROW_PIXELS * (deepest + 1)}px`;
      boxes.replaceChildren(...elements);
      const start = drawn.get(focus) ?? drawn.get(view);
      start.tabIndex = 0;
      if (focus) start.focus({ preventScroll: true });
      reset.disabled = view === nodes[0];
      markMatches();
    }

    function zoom(node, focus) {
      view = node;
      draw(focus ? node : null);
      describe(node);
    }

    function markMatches() {
      const words = search.value.trim().toLowerCase();
      boxes.classList.toggle("searched", Boolean(words));
      const inMatch = new Set();
      let sum = 0;
      for (const node of nodes) {
        const isMatch = Boolean(words && node.frame) && `${node.frame[0]} ${place(node.frame)} ${node.frame[4]}`.toLowerCase().includes(words);
        if (isMatch && !inMatch.has(node.parent)) sum += node.total;
        if (isMatch || inMatch.has(node.parent)) inMatch.add(node);
        drawn.get(node)?.classList.toggle("match", isMatch);
      }
      matches.textContent = !words ? "" : inMatch.size ? `${sizeWords(sum)}${unit}, ${percent(sum, nodes[0].total)}` : "no match";
    }

    function begin() {
      other = comparison?.value ? data.flames[comparison.value] : null;
      panel.classList.toggle("compared", Boolean(other));
      nodes = treeOf(flame, other);
      view = nodes[0];
      draw(null);
      detail.textContent = hint;
    }

    function next(node, key) {
      const row = [...drawn.keys()].filter((neighbour) => neighbour.depth === node.depth).sort((a, b) => a.left - b.left);
      const index = row.indexOf(node);
      return { ArrowUp: node.parent, ArrowDown: node.children.find((child) => drawn.has(child)), ArrowLeft: row[index - 1], ArrowRight: row[index + 1] }[key];
    }

    boxes.addEventListener("click", (event) => { const box = event.target.closest(".box"); if (box) zoom(box.node, true); });
    boxes.addEventListener("pointerover", (event) => { const box = event.target.closest(".box"); if (box) describe(box.node); });
    boxes.addEventListener("focusin", (event) => { if (event.target.node) describe(event.target.node); });
    boxes.addEventListener("keydown", (event) => {
      if (event.key === "Enter") zoom(current, true);
      else if (event.key === "Escape") zoom(nodes[0], true);
      else if (event.key.startsWith("Arrow")) {
        const target = next(event.target.node, event.key);
        if (target) {
          event.target.tabIndex = -1;
          drawn.get(target).tabIndex = 0;
          drawn.get(target).focus();
        }
      } else return;
      event.preventDefault();
    });
    reset.addEventListener("click", () => zoom(nodes[0], false));
    search.addEventListener("input", markMatches);
    if (comparison) {
      for (const key of comparison.dataset.others.split(" ")) comparison.append(element("option", { value: key }, data.flames[key].name));
      comparison.addEventListener("change", begin);
    }
    panel.addEventListener("toggle", () => { if (panel.open && !nodes.length) begin(); });
  }
})();
