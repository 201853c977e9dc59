// Charts are drawn already; this says the values of the reading that is nearest to the pointer or the arrow keys.
(() => {
  for (const figure of document.querySelectorAll("figure.chart")) {
    const chart = data.charts[figure.dataset.chart];
    const area = figure.querySelector(".area");
    const readout = figure.querySelector(".readout");
    const cursor = figure.querySelector(".cursor");
    const hint = readout.textContent;
    const words = chart.unit === "bytes" ? sizeWords : (value) => `${countWords(value)} blocks`;
    const calls = [...new Set(chart.lines.flatMap((line) => line.points.map(([call]) => call)))].sort((a, b) => a - b);
    let at = calls.length - 1;

    const share = (value, [low, high]) => (value - low) / (high - low);
    // of one variant the last reading at or before the call: what its memory was then
    const before = (line, call) => line.points.findLast(([one]) => one <= call) ?? line.points[0];

    function show() {
      const call = calls[at];
      const x = `${100 * share(call, chart.x)}%`;
      cursor.replaceChildren(element("line", { x1: x, x2: x, y1: 0, y2: 220 }));
      const said = [element("b", {}, `call ${countWords(call)}`)];
      chart.lines.forEach((line, number) => {
        if (line.points.at(-1)[0] < call || line.points[0][0] > call) return;
        const [where, value] = before(line, call);
        const gained = value - line.base;
        const y = 220 * (1 - share(gained, chart.y));
        const colour = `line line-${number % 8}`;
        if (y >= 0 && y <= 220) cursor.append(element("circle", { class: colour, cx: `${100 * share(where, chart.x)}%`, cy: y, r: 4 }));
        const name = chart.lines.length > 1 ? `${line.name} ` : "";
        said.push(element("span", {}, element("i", { class: `swatch line-${number % 8}` }), name, element("b", {}, words(value)), ` (${gained < 0 ? "−" : "+"}${words(Math.abs(gained))})`));
      });
      cursor.setAttribute("visibility", "visible");
      readout.replaceChildren(...said.flatMap((one) => [one, " "]));
      area.setAttribute("aria-valuenow", call);
      area.setAttribute("aria-valuetext", readout.textContent);
    }

    function leave() {
      cursor.setAttribute("visibility", "hidden");
      readout.textContent = hint;
    }

    area.addEventListener("pointermove", (event) => {
      const box = area.getBoundingClientRect();
      const wanted = chart.x[0] + ((event.clientX - box.left) / box.width) * (chart.x[1] - chart.x[0]);
      at = calls.reduce((best, call, number) => (Math.abs(call - wanted) < Math.abs(calls[best] - wanted) ? number : best), 0);
      show();
    });
    area.addEventListener("pointerleave", () => { if (document.activeElement !== area) leave(); });
    area.addEventListener("focus", show);
    area.addEventListener("blur", leave);
    area.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10, Home: -calls.length, End: calls.length };
      if (!(event.key in steps)) return;
      event.preventDefault();
      at = Math.max(0, Math.min(calls.length - 1, at + steps[event.key]));
      show();
    });
  }
})();
