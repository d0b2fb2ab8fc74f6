// The explorer, part 2: what is shown. The filters, how marks are coloured, and the address that keeps both.
(() => {
  "use strict";
  const X = window.auraExplorerParts;

  const FILTERS = { split: "", class: "", prediction: "", outcome: "", error: null, margin: null, subject: "", sample: "", issues: false, compare: "" };
  X.freshFilter = () => ({ ...FILTERS });
  X.freshState = () => ({ map: 0, colour: "label", output: 0, archetype: null, sample: null, filter: X.freshFilter() });

  // ---- Filters ----

  const UNKNOWN = "unknown";
  // Choices of a label or a prediction: a class, a unit that is present, or a quadrant of the plane.
  X.choices = (M, kind) => {
    const found = M.expression
      ? M.classes.map((name, c) => ({ key: name, text: name, holds: (i) => M.value(kind, i) === c }))
      : M.units
        ? M.classes.map((name, unit) => ({ key: name, text: `${name} present`, holds: (i) => M.value(kind, i, unit) === 1 }))
        : [[1, 1], [1, -1], [-1, 1], [-1, -1]].map((signs) => ({
            key: signs.map((sign) => (sign > 0 ? "p" : "n")).join(""),
            text: M.classes.map((name, output) => `${name} ${signs[output] > 0 ? "≥" : "<"} 0`).join(", "),
            holds: (i) => M.known(kind, i) && signs.every((sign, output) => (M.value(kind, i, output) >= 0) === (sign > 0)),
          }));
    const unknown = { key: UNKNOWN, text: "not known", holds: (i) => !M.known(kind, i) };
    return M.n && Array.from({ length: M.n }, (_, i) => i).some(unknown.holds) ? [...found, unknown] : found;
  };

  X.AGAINST = { both: "both right", this: "only this run", other: "only the other run", neither: "both wrong" };
  X.AGAINST_AFFECT = { both: "equally near", this: "this run nearer", other: "the other run nearer" };

  // Which samples pass: the tests of the filters that are set, each a question about a sample's position.
  X.tests = (M, filter) => {
    const { columns } = M, tests = [];
    const add = (set, holds) => set && tests.push(holds);
    const named = (kind, key) => {
      const choice = X.choices(M, kind).find((one) => one.key === key);
      return choice ? choice.holds : () => false;
    };
    const contains = (text, part) => text !== null && text.toLowerCase().includes(part);
    add(filter.split, (i) => M.split(i) === filter.split);
    add(filter.class, named("label", filter.class));
    add(filter.prediction, named("prediction", filter.prediction));
    add(filter.outcome, { right: (i) => columns.error[i] === 0, wrong: (i) => columns.error[i] > 0, unknown: (i) => columns.error[i] === null }[filter.outcome] ?? (() => false));
    add(filter.error !== null, (i) => columns.error[i] !== null && (M.units ? columns.error[i] >= filter.error : columns.error[i] > filter.error));
    add(filter.margin !== null, (i) => columns.margin[i] !== null && columns.margin[i] < filter.margin);
    const subject = filter.subject.trim().toLowerCase();
    const whole = subject && M.data.subjects?.find((name) => name.toLowerCase() === subject);
    add(subject, (i) => (whole ? M.subject(i) === whole : contains(M.subject(i), subject)));
    const sample = filter.sample.trim().toLowerCase();
    add(sample, (i) => contains(String(M.samples.id[i]), sample));
    add(filter.issues, (i) => M.issuesOf.has(i));
    add(filter.compare, (i) => Object.keys(X.AGAINST)[M.against(i)] === filter.compare);
    return tests;
  };
  X.passing = (M, filter) => {
    const tests = X.tests(M, filter);
    return Array.from({ length: M.n }, (_, i) => tests.every((holds) => holds(i)));
  };
  X.filtersSet = (filter) => Object.keys(FILTERS).filter((key) => filter[key] !== FILTERS[key]).length;

  // ---- Colours ----

  const PLAIN = 0;
  const NOT_KNOWN = { shape: PLAIN, colour: null, small: true };

  // The ways to colour marks that this run has data for.
  X.colourings = (M) => {
    const some = (values) => values.some((value) => value !== null);
    const { columns } = M;
    return [
      M.has("label") && ["label", "label"],
      M.has("prediction") && ["prediction", "prediction"],
      some(columns.error) && ["outcome", M.expression ? "right or wrong" : M.units ? "wrong units" : "error"],
      some(columns.margin) && ["margin", "margin"],
      some(columns.doubt) && ["doubt", "doubt about the label"],
      M.count && some(columns.archetype) && ["archetype", "the selected archetype"],
      M.compare && ["compare", "this run and the other"],
    ].filter(Boolean);
  };

  // How each sample and archetype is drawn, and the legend that says so.
  X.colouring = (M, state) => {
    const { columns } = M;
    const hollow = (i) => M.wrong(i) === true;
    const shape = (i) => (M.expression ? (M.value("label", i) === null ? PLAIN : X.classShape(M.value("label", i))) : PLAIN);
    const step = (share) => Math.round(Math.min(Math.max(share, 0), 1) * X.STEPS) / X.STEPS;
    const scale = (title, low, high, value, archetype) => ({
      sample: (i) => (value(i) === null ? NOT_KNOWN : { shape: shape(i), colour: X.cividis(step((value(i) - low) / (high - low || 1))), hollow: hollow(i) }),
      archetype: (a) => (archetype && archetype(a) !== null ? { shape: PLAIN, colour: X.cividis((archetype(a) - low) / (high - low || 1)) } : plain(a)),
      legend: { title, low, high },
    });
    const ofClass = (c) => (c === null || c === undefined ? { shape: PLAIN, colour: null } : { shape: X.classShape(c), colour: X.classColour(c) });
    // Where colours do not mean classes, archetypes keep the form of theirs and have none.
    const plain = (a) => ({ ...ofClass(M.archetypeClass(a)), colour: null });
    const byClass = (kind, dim) => ({
      sample: (i) => {
        const c = M.value(kind, i);
        return { ...(c === null ? NOT_KNOWN : ofClass(c)), hollow: c !== null && hollow(i), dim: dim?.(i) };
      },
      archetype: (a) => ofClass(M.archetypeClass(a)),
      legend: { filter: kind === "label" ? "class" : "prediction", items: M.classes.map((text, c) => ({ text, key: text, ...ofClass(c) })) },
    });
    const states = (title, items, which, archetype) => ({
      sample: (i) => (which(i) === null ? NOT_KNOWN : { ...items[which(i)], hollow: items[which(i)].hollow ?? hollow(i) }),
      archetype: (a) => (archetype ? items[archetype(a)] ?? plain(a) : plain(a)),
      legend: { title, items },
    });
    const values = (kind) => {
      const output = state.output;
      if (M.expression) return byClass(kind);
      if (M.units) {
        const items = [{ text: "absent", shape: 0, colour: X.classColour(0), hollow: false }, { text: "present", shape: 2, colour: X.classColour(3), hollow: false }];
        return states(`${kind}: ${M.classes[output]}`, items, (i) => M.value(kind, i, output), (a) => {
          const value = M.archetypes.value?.[a]?.[output] ?? null;
          return value === null ? null : Number(value >= 0.5);
        });
      }
      return scale(`${kind}: ${M.classes[output]}`, -1, 1, (i) => M.value(kind, i, output), (a) => M.archetypes.value?.[a]?.[output] ?? null);
    };
    const selected = state.archetype ?? (state.sample !== null ? columns.archetype[state.sample] : null);
    switch (state.colour) {
      case "prediction": return values("prediction");
      case "outcome":
        if (M.expression) {
          const items = [{ text: "right", shape: 0, colour: X.RIGHT, hollow: false }, { text: "wrong", shape: 6, colour: X.WRONG, hollow: false }];
          return states(null, items, (i) => columns.error[i]);
        }
        return { ...scale(M.units ? "wrong units" : "error", 0, M.most(columns.error, 0) || 1, (i) => columns.error[i]), filled: true };
      case "margin": return scale("margin", 0, M.most(columns.margin, 0) || 1, (i) => columns.margin[i]);
      case "doubt": return scale("share of models that doubt the label", 0, 1, (i) => columns.doubt[i]);
      case "archetype": {
        const dim = (i) => selected !== null && columns.archetype[i] !== selected;
        const base = M.expression ? byClass("label", dim) : { sample: (i) => ({ shape: PLAIN, colour: X.RIGHT, hollow: hollow(i), dim: dim(i) }), archetype: () => ({ shape: PLAIN, colour: null }), legend: {} };
        const name = selected === null ? "Select an archetype: its samples stand out." : `Samples of ${X.clip(M.archetypes.name[selected], 40)} stand out.`;
        return { ...base, only: selected, legend: { ...base.legend, note: name } };
      }
      case "compare": {
        const names = Object.values(M.affect ? X.AGAINST_AFFECT : X.AGAINST);
        const looks = [[0, 6], [2, 0], [3, 1], [6, 3]];
        const items = names.map((text, at) => ({ text, shape: looks[at][0], colour: X.classColour(looks[at][1]), hollow: false }));
        return states(null, items, M.against);
      }
      default: return values("label");
    }
  };

  // ---- The address: #archetype=12&map=encoder&colour=margin&class=anger ----

  const KEYS = ["archetype", "sample", "map", "colour", "output", "split", "class", "prediction", "outcome", "error", "margin", "subject", "find", "issues", "compare"];
  const encode = (text) => encodeURIComponent(String(text).replace(/\p{Surrogate}/gu, "\ufffd"));

  X.toHash = (M, state) => {
    const parts = [], fresh = X.freshState(), { filter } = state;
    const put = (key, value) => parts.push(`${key}=${encode(value)}`);
    if (state.archetype !== null) put("archetype", M.archetypes.id[state.archetype]);
    if (state.sample !== null) put("sample", M.samples.id[state.sample]);
    if (state.map !== fresh.map) put("map", M.maps[state.map].name);
    if (state.colour !== fresh.colour) put("colour", state.colour);
    if (state.output !== fresh.output) put("output", M.classes[state.output]);
    for (const key of Object.keys(FILTERS)) {
      if (filter[key] !== FILTERS[key]) put(key === "sample" ? "find" : key, filter[key] === true ? 1 : filter[key]);
    }
    return parts.length ? "#" + parts.join("&") : "";
  };

  // The state an address asks for; nothing if the address is that of another part of the page.
  X.fromHash = (M, hash) => {
    const found = new Map();
    for (const part of hash.replace(/^#/, "").split("&")) {
      const at = part.indexOf("=");
      if (at < 0 || !KEYS.includes(part.slice(0, at))) continue;
      try {
        found.set(part.slice(0, at), decodeURIComponent(part.slice(at + 1)));
      } catch {
        // Not percent-encoded as it should be: as if it were not there.
      }
    }
    if (!found.size) return null;
    const state = X.freshState(), lost = [];
    const look = (key, find) => {
      if (!found.has(key)) return;
      const value = find(found.get(key));
      if (value === undefined || value === null || value < 0) lost.push(`${key} ${X.clip(found.get(key), 40)}`);
      else return value;
    };
    state.archetype = look("archetype", (id) => M.archetypeAt.get(id)) ?? null;
    state.sample = state.archetype === null ? look("sample", (id) => M.sampleAt.get(id)) ?? null : null;
    state.map = look("map", (name) => M.maps.findIndex((map) => map.name === name)) ?? 0;
    state.colour = look("colour", (key) => X.colourings(M).find(([one]) => one === key)?.[0]) ?? "label";
    state.output = look("output", (name) => M.classes.indexOf(name)) ?? 0;
    for (const key of Object.keys(FILTERS)) {
      const text = found.get(key === "sample" ? "find" : key);
      if (text === undefined) continue;
      if (FILTERS[key] === null) state.filter[key] = Number.isFinite(parseFloat(text)) ? parseFloat(text) : null;
      else state.filter[key] = typeof FILTERS[key] === "boolean" ? text === "1" : text;
    }
    return { state, lost };
  };
})();
