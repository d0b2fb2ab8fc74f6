// The explorer, part 1: what its parts share. Elements and text, numbers, colours and marks, the data, the state, faces.
(() => {
  "use strict";
  const X = (window.auraExplorerParts = {});

  // ---- Text ----

  // Data may hold anything. What controls, turns or hides text is shown as an escape.
  X.visible = (text) =>
    String(text)
      .replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, escape)
      .replace(/\p{Surrogate}/gu, escape);
  const escape = (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0");

  X.clip = (text, most) => {
    const letters = [...X.visible(text)];
    return letters.length > most ? letters.slice(0, most - 1).join("") + "…" : letters.join("");
  };

  X.DASH = "–";
  X.fixed = (value, digits = 2) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return X.DASH;
    const text = value.toFixed(digits);
    return /^-0?\.?0*$/.test(text) ? text.slice(1) : text.replace("-", "−");
  };
  X.count = (value) => Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  X.plural = (count, one, more = one + "s") => `${X.count(count)} ${count === 1 ? one : more}`;
  X.percent = (share) => `${Math.round(100 * share)} %`;

  // ---- Elements ----

  const READ_ALOUD = new Set(["aria-label", "title", "placeholder"]);

  function fill(element, props, children) {
    for (const [key, value] of Object.entries(props ?? {})) {
      if (value === null || value === undefined || value === false) continue;
      if (typeof value === "function") element.addEventListener(key, value);
      else element.setAttribute(key, value === true ? "" : READ_ALOUD.has(key) ? X.visible(value) : value);
    }
    for (const child of children.flat(Infinity)) {
      if (child === null || child === undefined || child === false) continue;
      element.append(child instanceof Node ? child : X.visible(child));
    }
    return element;
  }

  // An element: a function among the properties listens to the event of that name, text never becomes markup.
  X.el = (tag, props, ...children) => fill(document.createElement(tag), props, children);
  X.svg = (tag, props, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
  // A piece of data among words: its direction stays its own.
  X.bdi = (text, props) => X.el("bdi", props, text ?? X.DASH);
  X.byId = (name) => document.getElementById("x-" + name);

  // ---- Colours and marks: those of the figures of the report ----

  const CLASSES = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#808080", "#b8a900"];
  const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#fee838"];
  X.RIGHT = CLASSES[0];
  X.WRONG = CLASSES[3];
  X.classColour = (index) => CLASSES[index % 8];
  // Beyond eight classes the colours come again with other shapes.
  X.classShape = (index) => (index + Math.floor(index / 8)) % 8;

  const bytes = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const ramp = CIVIDIS.map(bytes);
  X.STEPS = 28;
  X.cividis = (share) => {
    const at = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
    const i = Math.min(Math.floor(at), ramp.length - 2);
    const mixed = ramp[i].map((low, channel) => Math.round(low + (ramp[i + 1][channel] - low) * (at - i)));
    return "#" + mixed.map((value) => value.toString(16).padStart(2, "0")).join("");
  };
  X.cividisGradient = () => `linear-gradient(to right, ${CIVIDIS.join(", ")})`;

  // The corners of a mark of radius r about the origin: square, diamond, triangles, plus, cross, bar; none for a circle.
  X.corners = (shape, r) => {
    const long = r * 1.3;
    const arm = r * 1.25, half = r * 0.45;
    const plus = [
      [-half, -half], [-half, -arm], [half, -arm], [half, -half], [arm, -half], [arm, half],
      [half, half], [half, arm], [-half, arm], [-half, half], [-arm, half], [-arm, -half],
    ];
    switch (shape) {
      case 1: return [[-r, -r], [r, -r], [r, r], [-r, r]];
      case 2: return [[0, -long], [long, 0], [0, long], [-long, 0]];
      case 3: return [[0, -long], [long, r], [-long, r]];
      case 4: return [[0, long], [long, -r], [-long, -r]];
      case 5: return plus;
      case 6: return plus.map(([a, b]) => [(a - b) * Math.SQRT1_2, (a + b) * Math.SQRT1_2]);
      case 7: return [[-long, -r / 2], [long, -r / 2], [long, r / 2], [-long, r / 2]];
      default: return null;
    }
  };

  // A mark as a small picture between words.
  X.glyph = (shape, colour, hollow = false) => {
    const corners = X.corners(shape, 4.6);
    const paint = hollow ? { fill: "none", stroke: colour, "stroke-width": "1.7" } : { fill: colour };
    const form = corners
      ? X.svg("polygon", { points: corners.map((corner) => corner.map((v) => v.toFixed(2)).join()).join(" "), ...paint })
      : X.svg("circle", { r: 5, ...paint });
    return X.svg("svg", { class: "x-glyph", viewBox: "-8 -8 16 16", width: 14, height: 14, "aria-hidden": "true" }, form);
  };
  X.classGlyph = (index) =>
    index === null || index === undefined ? null : X.glyph(X.classShape(index), X.classColour(index));

  // ---- Data ----

  // The data with its questions: what a sample's label reads, whether it is wrong, which samples an archetype has.
  X.model = (data) => {
    if (data.schema !== 1) throw new Error(`The data are of version ${data.schema}; this page reads version 1.`);
    const samples = data.samples;
    const n = samples.id.length;
    const nothing = new Array(n).fill(null);
    const column = (name) => (Array.isArray(samples[name]) && samples[name].length === n ? samples[name] : nothing);
    if (samples.file?.before !== undefined) samples.file = samples.id.map((id) => `${samples.file.before}${id}${samples.file.after}`);
    const archetypes = data.archetypes ?? { id: [], name: [], uses: [], support: [] };
    const count = archetypes.id.length;
    const expression = data.task === "expression", units = data.task === "action_units";
    const columns = Object.fromEntries(
      ["file", "split", "subject", "archetype", "similarity", "second", "margin", "error", "doubt", "flipped", "face"]
        .map((name) => [name, column(name)]));
    const M = {
      data, n, samples, columns, archetypes, count, expression, units, affect: !expression && !units,
      classes: data.classes, maps: data.maps ?? [], compare: data.compare ?? null, run: data.run,
      issues: data.issues ?? { sample: [] }, flows: data.flows ?? { epoch: [] }, faces: data.faces ?? { kind: "none", why: {} },
    };
    M.most = (values, least = 0) => values.reduce((most, value) => (value !== null && value > most ? value : most), least);
    const empty = (values) => !values || !values.length;
    const source = (kind) => (kind === "compare" ? M.compare?.prediction : samples[kind]);

    // The value of an output of a sample; of an expression there is one, its class.
    M.value = (kind, i, output = 0) => {
      const values = source(kind);
      if (empty(values)) return null;
      return (expression ? values[i] : values[output]?.[i]) ?? null;
    };
    M.known = (kind, i) => M.classes.some((_, output) => M.value(kind, i, output) !== null);
    M.has = (kind) => !empty(source(kind)) && Array.from({ length: n }, (_, i) => i).some((i) => M.known(kind, i));
    M.present = (kind, i) => M.classes.map((_, output) => output).filter((output) => M.value(kind, i, output) === 1);
    M.text = (kind, i) => {
      if (!M.known(kind, i)) return null;
      if (expression) return M.classes[M.value(kind, i)] ?? null;
      if (units) return M.present(kind, i).map((output) => M.classes[output]).join(" ") || "no unit";
      return M.classes.map((name, output) => `${name} ${X.fixed(M.value(kind, i, output))}`).join(", ");
    };
    M.short = (kind, i) => {
      if (!M.known(kind, i) || !M.affect) return M.text(kind, i);
      return M.classes.map((_, output) => X.fixed(M.value(kind, i, output))).join(", ");
    };
    M.isWrong = (error) => (error === null || error === undefined || M.affect ? null : error > 0);
    M.wrong = (i) => M.isWrong(columns.error[i]);
    M.errorText = (i) => {
      const error = columns.error[i];
      if (error === null) return null;
      if (expression) return error ? "wrong" : "right";
      return units ? X.plural(error, "wrong unit") : `off by ${X.fixed(error)}`;
    };
    // Where samples have none of their own, they have that of their archetype: the primal read-out says what it says.
    M.output = (i) => (empty(samples.output)
      ? archetypes.output?.[columns.archetype[i] ?? -1] ?? null
      : M.classes.map((_, output) => samples.output[output]?.[i] ?? null));
    // Of small margins three digits are told.
    const digits = M.most(columns.margin, 0) < 0.3 ? 3 : 2;
    M.marginText = (i) => X.fixed(columns.margin[i], digits);
    M.archetypeClass = (a) => (expression ? archetypes.label?.[a] ?? null : null);
    M.split = (i) => data.splits?.[columns.split[i]] ?? null;
    M.subject = (i) => data.subjects?.[columns.subject[i]] ?? null;

    M.matched = Array.from({ length: count }, () => []);
    columns.archetype.forEach((a, i) => M.matched[a]?.push(i));
    M.sampleAt = new Map();
    samples.id.forEach((id, i) => M.sampleAt.has(String(id)) || M.sampleAt.set(String(id), i));
    M.archetypeAt = new Map(archetypes.id.map((id, a) => [String(id), a]));
    M.issuesOf = new Map();
    M.issues.sample.forEach((i, issue) => M.issuesOf.set(i, [...(M.issuesOf.get(i) ?? []), issue]));

    // With another run: 0 both right, 1 only this one, 2 only the other, 3 both wrong; for affect 1 or 2 is the nearer.
    M.against = (i) => {
      const here = columns.error[i], there = M.compare?.error?.[i] ?? null;
      if (here === null || there === null) return null;
      if (M.affect) return here === there ? 0 : here < there ? 1 : 2;
      return (here > 0 ? 2 : 0) + (there > 0 ? 1 : 0);
    };
    return M;
  };

  // ---- State: one place, and who wants to hear of its changes ----

  const listeners = {};
  X.on = (event, act) => (listeners[event] ??= []).push(act);
  X.emit = (event, detail) => (listeners[event] ?? []).forEach((act) => act(detail));
  X.say = (text) => { X.byId("live").textContent = X.visible(text); };
  X.still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  // ---- Faces ----

  let sheets = [];

  // Every sheet is decoded once and becomes one rule of style, whatever the number of faces that show a part of it.
  X.loadFaces = async (M) => {
    const faces = M.faces;
    if (faces.kind !== "sprites") return;
    const style = document.createElement("style");
    sheets = await Promise.all(faces.sheets.map(async (url, sheet) => {
      if (!/^data:image\/[a-z]+;base64,[A-Za-z0-9+/=]*$/.test(url)) return null;
      const image = new Image();
      image.src = url;
      try {
        await image.decode();
      } catch {
        return null;
      }
      style.append(`.x-sheet-${sheet} { background-image: url("${url}"); }\n`);
      return { rows: Math.max(1, Math.round(image.naturalHeight / faces.side)), columns: faces.columns };
    }));
    document.head.append(style);
  };

  const missing = (reason, id) =>
    X.el("span", { class: "grey x-face x-missing", role: "img", "aria-label": `No picture of ${id}: ${reason}` }, X.el("span", null, reason));

  // The face of a sample, or the place of one with the reason why there is none.
  X.face = (M, i) => {
    const { faces } = M, index = M.columns.face[i], id = M.samples.id[i];
    const why = faces.why?.[i] ?? faces.why?.[""] ?? "no picture";
    if (index === null || faces.kind === "none") return missing(why, id);
    if (faces.kind === "url") {
      const image = X.el("img", { class: "x-face", src: faces.prefix + index, alt: X.visible(`Face of ${id}`), loading: "lazy", decoding: "async" });
      image.addEventListener("error", () => image.replaceWith(missing("not loaded", id)), { once: true });
      return image;
    }
    const sheet = Math.floor(index / faces.per_sheet), at = index % faces.per_sheet, size = sheets[sheet];
    if (!size) return missing("not decoded", id);
    const share = (place, places) => (places > 1 ? (100 * place) / (places - 1) : 0);
    const face = X.el("span", { class: `x-face x-sheet-${sheet}`, role: "img", "aria-label": `Face of ${id}` });
    face.style.backgroundSize = `${100 * size.columns}% ${100 * size.rows}%`;
    face.style.backgroundPosition = `${share(at % size.columns, size.columns)}% ${share(Math.floor(at / size.columns), size.rows)}%`;
    return face;
  };

  // A face to press, with words below it; what is hovered or focused shows its tip and is marked on the map.
  X.tile = (M, i, words, alert = false) => {
    const button = X.el("button", { type: "button", class: alert ? "x-tile x-alert" : "x-tile", "data-sample": i, click: () => X.select({ sample: i }) },
      X.face(M, i), X.el("span", { class: "x-words" }, words));
    const name = words.map((word) => (word instanceof Node ? word.textContent : word)).join(" ");
    button.setAttribute("aria-label", X.visible(`Sample ${M.samples.id[i]}: ${name}`));
    return button;
  };
  X.strip = (M, samples, words, alert) =>
    X.el("ul", { class: "x-strip" }, samples.map((i, at) => X.el("li", null, X.tile(M, i, words(i, at), alert?.(i)))));

  // An archetype to press.
  X.mention = (M, a) =>
    X.el("button", { type: "button", class: "x-mention", "data-archetype": a, click: () => X.select({ archetype: a }) },
      X.classGlyph(M.archetypeClass(a)), X.bdi(X.clip(M.archetypes.name[a], 60)));

  // Rows of a name, bars and a number; the width of a bar is a share of one, that of a signed one starts in the middle.
  X.bars = (rows, signed = false) =>
    X.el("ul", { class: signed ? "x-bars x-signed" : "x-bars" }, rows.map((row) =>
      X.el("li", { class: row.mark ? "x-marked" : null },
        X.el("span", { class: "x-name" }, X.bdi(X.clip(row.name, 60)), row.mark && X.el("small", null, " ", row.mark)),
        X.el("span", { class: "x-tracks" }, row.bars.map((bar, at) => {
          const span = X.el("span", { class: `x-bar x-bar-${at}` });
          const share = Math.min(Math.abs(bar ?? 0), 1) * (signed ? 50 : 100);
          span.style.width = `${share}%`;
          if (signed) span.style.marginLeft = `${bar < 0 ? 50 - share : 50}%`;
          return X.el("span", { class: "x-track" }, span);
        })),
        X.el("span", { class: "x-number" }, row.text))));
})();
