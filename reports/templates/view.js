// The list of runs: choosing two of them, what is new, and the curves of those in training.
"use strict";
(() => {
  const form = document.getElementById("compare");
  if (form) {
    const button = form.querySelector("button");
    const chosen = document.getElementById("chosen");
    const ticked = () => [...form.querySelectorAll("input:checked")].map((box) => box.value);
    const tell = () => {
      const n = ticked().length;
      button.disabled = n !== 2;
      chosen.textContent = n === 2 ? "" : n > 2 ? `${n} runs are ticked: leave two.` : n === 1 ? "Tick one more." : "Tick two runs.";
    };
    form.addEventListener("change", tell);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const [a, b] = ticked();
      if (b) location.href = `compare/${a}/${b}/`;
    });
    tell();
  }

  const SVG = "http://www.w3.org/2000/svg";
  const COLOURS = { train: "#0072b2", val: "#d55e00", test: "#009e73", all: "#cc79a7" };
  const WIDE = 352, HIGH = 176, LEFT = 44, RIGHT = 8, TOP = 10, BOTTOM = 24;

  function element(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // One picture of one metric, a line a split.
  function chart(training, metric) {
    const points = training.points.filter((point) => point.metric === metric && point.value !== null);
    if (!points.length) return null;
    const values = points.map((point) => point.value);
    let low = Math.min(...values), high = Math.max(...values);
    if (high - low < 1e-6) { low -= 0.5; high += 0.5; }
    const x = (epoch) => LEFT + (WIDE - LEFT - RIGHT) * (epoch - 1) / Math.max(training.epochs - 1, 1);
    const y = (value) => HIGH - BOTTOM - (HIGH - TOP - BOTTOM) * (value - low) / (high - low);
    const splits = [...new Set(points.map((point) => point.split))];
    const last = splits.map((split) => {
      const of = points.filter((point) => point.split === split);
      return `${split} ${of[of.length - 1].value.toPrecision(4)}`;
    });
    const svg = element("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": `${metric} by epoch, last ${last.join(", ")}` });
    for (const value of [low, high]) {
      svg.append(element("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end", class: "axis" }, value.toPrecision(3)));
    }
    for (const epoch of [1, training.epochs]) {
      svg.append(element("text", { x: x(epoch), y: HIGH - 6, "text-anchor": epoch === 1 ? "start" : "end", class: "axis" }, `epoch ${epoch}`));
    }
    for (const split of splits) {
      const line = points.filter((point) => point.split === split).map((point) => `${x(point.epoch).toFixed(1)},${y(point.value).toFixed(1)}`);
      const colour = COLOURS[split] ?? "#808080";
      if (line.length === 1) {
        const [cx, cy] = line[0].split(",");
        svg.append(element("circle", { cx, cy, r: 3, fill: colour }));
      } else {
        svg.append(element("polyline", { points: line.join(" "), fill: "none", stroke: colour, "stroke-width": 2 }));
      }
    }
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = metric;
    const key = document.createElement("span");
    key.className = "key";
    splits.forEach((split, i) => {
      const mark = document.createElement("i");
      mark.style.background = COLOURS[split] ?? "#808080";
      key.append(i ? "  " : "  ", mark, last[i]);
    });
    caption.append(key);
    figure.append(caption, svg);
    return figure;
  }

  function show(trainings) {
    const place = document.getElementById("training");
    document.getElementById("training-section").hidden = trainings.length === 0;
    place.replaceChildren(...trainings.flatMap((training) => {
      const head = document.createElement("p");
      head.style.flex = "1 0 100%";
      head.style.margin = "0";
      const name = document.createElement("code");
      name.dir = "auto";
      name.textContent = training.name;
      const still = training.age > 600 ? `; nothing new for ${Math.round(training.age / 60)} minutes: it may have ended` : "";
      head.append(name, ` epoch ${training.epoch} of ${training.epochs}${still}`);
      const metrics = ["loss", training.metric, "codebook_active"];
      return [head, ...metrics.map((metric) => chart(training, metric)).filter(Boolean)];
    }));
  }

  const known = new Set([...document.querySelectorAll("#compare input")].map((box) => box.value));
  async function look() {
    try {
      const state = await (await fetch("state.json")).json();
      show(state.training);
      document.getElementById("news").hidden = state.runs.every((run) => known.has(run));
    } catch {
      // The server was ended, or is busy: what was shown stays.
    }
    setTimeout(look, document.hidden ? 15000 : 3000);
  }
  look();
})();
