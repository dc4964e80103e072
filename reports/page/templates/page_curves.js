"use strict";
// Curves: a drawing that is stretched to its box, with texts beside it that are not.
const curves = (() => {
  const [WIDTH, HEIGHT] = [1000, 100];
  const ROWS = 18;

  function make(tag, properties = {}, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  function draw(tag, attributes) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    return element;
  }

  function drawCurve(curve, data) {
    const values = Object.values(curve.rows).flat().filter((value) => typeof value === "number");
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (!values.length) [low, high] = [0, 1];
    const pad = (high - low) * 0.08 || Math.abs(high) * 0.01 || 1;
    [low, high] = [low - pad, high + pad];
    const x = (frame) => (data.count > 1 ? (frame / (data.count - 1)) * WIDTH : WIDTH / 2);
    const y = (value) => {
      const finite = typeof value === "number" ? value : value === "inf" ? high : low;
      return HEIGHT - ((finite - low) / (high - low)) * HEIGHT;
    };
    const svg = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    const plot = make("div", { className: "plot" }, svg);
    for (const tick of ticks(low, high)) {
      svg.append(draw("path", { class: "grid", d: `M0 ${y(tick)}H${WIDTH}` }));
      const label = make("span", { className: "tick", textContent: tick.toFixed(digits(low, high)) });
      label.style.top = `${y(tick)}%`;
      plot.append(label);
    }
    svg.append(...data.steps.map((frame) => draw("path", { class: "shown", d: `M${x(frame)} ${HEIGHT}v-4` })));
    for (const [row, own] of Object.entries(curve.rows)) {
      let before = null;
      const parts = data.scored.map((frame, place) => {
        if (own[place] === null) return "";
        const command = before === frame - 1 ? "L" : "M";
        before = frame;
        const point = `${command}${x(frame).toFixed(1)} ${y(own[place]).toFixed(2)}`;
        return command === "M" ? `${point}h0` : point; // a frame between two holes is a dot
      });
      const name = row === "-1" ? "truth" : `row${row % ROWS}`;
      svg.append(draw("path", { class: `line ${name}`, d: parts.join(""), "data-of": row }));
    }
    plot.append(make("span", { className: "cursor" }));
    plot.title = `${curve.title} of each scored frame; click to step there`;
    const caption = make("figcaption", { textContent: curve.title });
    if (curve.unit) caption.append(" ", make("span", { textContent: curve.unit }));
    return { plot, figure: make("figure", { className: "curve" }, caption, plot) };
  }

  function xAxis(data) {
    const axis = make("div", { className: "axis" });
    const put = (frame, className, textContent) => {
      const label = make("span", { className, textContent });
      label.style.left = `${data.count > 1 ? (frame / (data.count - 1)) * 100 : 50}%`;
      axis.append(label);
    };
    data.exemplars.forEach((frame) => put(frame, "exemplar", "▲"));
    ticks(0, Math.max(data.count - 1, 1)).filter(Number.isInteger).forEach((frame) => put(frame, "", frame));
    axis.append(make("p", { textContent: data.exemplars.length ? "frame; ▲ exemplar" : "frame" }));
    return axis;
  }

  /** Three to five round numbers in a range. */
  function ticks(low, high) {
    const step = tickStep(low, high);
    const found = [];
    for (let tick = Math.ceil(low / step - 1e-9); tick * step <= high * (1 + 1e-9); tick += 1) found.push(tick * step);
    return found;
  }

  function tickStep(low, high) {
    const rough = (high - low) / 3;
    const power = 10 ** Math.floor(Math.log10(rough));
    return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.75);
  }

  const digits = (low, high) => Math.max(0, -Math.floor(Math.log10(tickStep(low, high)) + 1e-9));

  return { drawCurve, xAxis };
})();
