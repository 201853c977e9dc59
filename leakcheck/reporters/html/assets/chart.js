// Show the values of the reading nearest to the pointer, or chosen with the arrow keys; the chart itself is SVG.
(() => {
  for (const figure of document.querySelectorAll("figure.chart")) {
    const chart = data.charts[figure.dataset.chart];
    const area = figure.querySelector(".area");
    const readout = figure.querySelector(".readout");
    const cursor = figure.querySelector(".cursor");
    const hint = readout.textContent;
    const format = chart.unit === "blocks" ? (value) => `${countWords(value)} blocks` : sizeWords;
    // calls and values are relative to the end of warm-up, as they are drawn
    const calls = [...new Set(chart.series.flatMap((line) => line.points.map(([call]) => call)))].sort((a, b) => a - b);
    let index = calls.length - 1;

    const share = (value, [low, high]) => (value - low) / (high - low);
    // the last reading of a variant at or before the call
    const readingAt = (line, call) => line.points.findLast(([readAt]) => readAt <= call);

    function show() {
      const call = calls[index];
      const x = `${100 * share(call, chart.x)}%`;
      cursor.replaceChildren(element("line", { x1: x, x2: x, y1: 0, y2: 220 }));
      const single = chart.series.length === 1;
      const when = single ? `call ${countWords(call + chart.series[0].origin[0])}` : `${countWords(call)} calls after warm-up`;
      const parts = [element("b", {}, when)];
      for (const line of chart.series) {
        if (line.points.at(-1)[0] < call || line.points[0][0] > call) continue;
        const [readAt, gained] = readingAt(line, call);
        const y = 220 * (1 - share(gained, chart.y));
        if (y >= 0 && y <= 220) cursor.append(element("circle", { class: line.role, cx: `${100 * share(readAt, chart.x)}%`, cy: y, r: 4 }));
        const value = format(gained + line.origin[1]);
        parts.push(element("span", {}, element("i", { class: `swatch ${line.role}` }), single ? "" : `${line.name} `, element("b", {}, value), ` (${gained < 0 ? "−" : "+"}${format(Math.abs(gained))})`));
      }
      cursor.setAttribute("visibility", "visible");
      readout.replaceChildren(...parts.flatMap((part) => [part, " "]));
      area.setAttribute("aria-valuenow", call);
      area.setAttribute("aria-valuetext", readout.textContent);
    }

    function leave() {
      cursor.setAttribute("visibility", "hidden");
      readout.textContent = hint;
    }

    area.addEventListener("pointermove", (event) => {
      const box = area.getBoundingClientRect();
      const pointed = chart.x[0] + ((event.clientX - box.left) / box.width) * (chart.x[1] - chart.x[0]);
      index = calls.reduce((best, call, number) => (Math.abs(call - pointed) < Math.abs(calls[best] - pointed) ? number : best), 0);
      show();
    });
    area.addEventListener("pointerleave", () => { if (document.activeElement !== area) leave(); });
    area.addEventListener("focus", show);
    area.addEventListener("blur", leave);
    area.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10, Home: -calls.length, End: calls.length };
      if (!(event.key in steps)) return;
      event.preventDefault();
      index = Math.max(0, Math.min(calls.length - 1, index + steps[event.key]));
      show();
    });
  }
})();
