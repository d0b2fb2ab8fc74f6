// The explorer, part 4: the panel beside the map. All archetypes, one archetype, or one sample and why it was read so.
(() => {
  "use strict";
  const X = window.auraExplorerParts;
  const SUPPORT = 12;
  const FAILURES = 12;

  const part = (title, ...children) => X.el("section", { class: "x-part" }, X.el("h4", null, title), children);
  const word = (text) => X.el("p", { class: "x-said" }, text);
  const facts = (pairs) => X.el("dl", { class: "x-facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== false)
    .map(([name, value, alert]) => [X.el("dt", null, name), X.el("dd", { class: alert ? "x-bad" : null }, value instanceof Node || Array.isArray(value) ? value : X.bdi(value))]));

  // ---- All archetypes ----

  X.makeList = (M) => {
    const search = X.byId("find"), list = X.byId("archetypes"), none = X.byId("none");
    const most = M.most(M.archetypes.uses ?? [], 1);
    const order = M.archetypes.id.map((_, a) => a).sort((a, b) => (M.archetypes.uses[b] ?? 0) - (M.archetypes.uses[a] ?? 0));
    const rows = order.map((a) => {
      const bar = X.el("span", { class: "x-bar" });
      bar.style.width = `${(100 * (M.archetypes.uses[a] ?? 0)) / most}%`;
      const about = M.affect ? (M.archetypes.value?.[a] ?? []).map((v) => X.fixed(v)).join(", ") : "";
      const button = X.el("button", { type: "button", "data-archetype": a, click: () => X.select({ archetype: a }) },
        X.classGlyph(M.archetypeClass(a)) ?? X.glyph(0, "var(--muted)"),
        X.el("span", { class: "x-name" }, X.bdi(X.clip(M.archetypes.name[a], 80)), X.el("small", null, ` ${M.archetypes.id[a]}`, about && `  (${about})`)),
        X.el("span", { class: "x-track", "aria-hidden": "true" }, bar),
        X.el("span", { class: "x-number" }, X.count(M.archetypes.uses[a] ?? 0), X.el("span", { class: "x-hidden" }, " uses")));
      return { a, text: `${M.archetypes.name[a]} ${M.archetypes.id[a]}`.toLowerCase(), item: X.el("li", null, button) };
    });
    list.append(...rows.map((row) => row.item));
    X.byId("archetypes-count").textContent = M.count ? `${X.plural(M.count, "archetype")}, the most used first` : "";
    const narrow = () => {
      const wanted = search.value.trim().toLowerCase();
      let left = 0;
      for (const row of rows) {
        row.item.hidden = !row.text.includes(wanted);
        if (!row.item.hidden) left += 1;
      }
      none.hidden = left > 0;
      none.textContent = M.count ? "No archetype has this in its name or number." : "This run has no archetypes.";
    };
    search.addEventListener("input", narrow);
    narrow();
  };

  // ---- One archetype ----

  function supportStrip(M, a, most = SUPPORT) {
    const samples = (M.archetypes.support?.[a] ?? []).slice(0, most);
    if (!samples.length) return word("The page holds no training samples of it.");
    const own = M.archetypeClass(a);
    const contradicts = (i) => own !== null && M.value("label", i) !== null && M.value("label", i) !== own;
    return X.strip(M, samples, (i, at) => [
      X.fixed(M.archetypes.support_similarity?.[a]?.[at]), contradicts(i) ? X.el("b", null, X.bdi(M.text("label", i))) : "",
    ].filter(Boolean), contradicts);
  }

  // How the labels of two groups of samples are spread: in shares, each group stated with its size.
  function spread(M, support, shown) {
    const groups = [support, shown];
    const shares = (group, output) => {
      const known = group.filter((i) => (M.units ? M.value("label", i, output) : M.value("label", i)) !== null);
      const hits = known.filter((i) => (M.units ? M.value("label", i, output) === 1 : M.value("label", i) === output));
      return [known.length ? hits.length / known.length : 0, hits.length];
    };
    const rows = M.classes.map((name, output) => {
      const found = groups.map((group) => shares(group, output));
      return { name, bars: found.map(([share]) => share), text: found.map(([, hits]) => hits).join(" · "), any: found.some(([, hits]) => hits) };
    }).filter((row) => row.any);
    return [
      X.el("p", { class: "x-key" }, X.el("span", { class: "x-swatch x-bar-0" }), ` ${X.plural(support.length, "nearest training sample")} `,
        X.el("span", { class: "x-swatch x-bar-1" }), ` ${X.plural(shown.length, "other sample")} here`),
      rows.length ? X.bars(rows) : word("None of them has a label."),
    ];
  }

  // Labels in the plane of valence and arousal, with the archetype's own value.
  function plane(M, a, support, shown) {
    const at = (v) => (100 * Math.min(Math.max(v, -1), 1)).toFixed(1);
    const dots = (group, look) => group.filter((i) => M.known("label", i)).map((i) =>
      X.svg("circle", { cx: at(M.value("label", i, 0)), cy: at(-M.value("label", i, 1)), r: 3.4, class: look }));
    const value = M.archetypes.value?.[a];
    const [x, y] = value ? [at(value[0]), at(-value[1])].map(Number) : [0, 0];
    return [
      X.svg("svg", { class: "x-plane", viewBox: "-122 -112 244 236", role: "img",
        "aria-label": `Labels of ${support.length} nearest training samples and ${shown.length} other samples in the plane of ${M.classes[0]} and ${M.classes[1]}` },
      X.svg("rect", { x: -100, y: -100, width: 200, height: 200, class: "x-frame" }),
      X.svg("path", { d: "M-100 0H100M0 -100V100", class: "x-axes" }),
      X.svg("text", { x: 100, y: 116, "text-anchor": "end" }, `${M.classes[0]} →`), X.svg("text", { x: -100, y: 116 }, "−1 to 1"),
      X.svg("text", { x: -106, y: -100, "text-anchor": "end", transform: "rotate(-90 -106 -100)" }, `${M.classes[1]} →`),
      dots(shown, "x-dot-1"), dots(support, "x-dot-0"),
      value && X.svg("path", { d: `M${x - 8} ${y}H${x + 8}M${x} ${y - 8}V${y + 8}`, class: "x-cross" })),
      X.el("p", { class: "x-key" }, X.el("span", { class: "x-swatch x-bar-0" }), ` ${X.plural(support.length, "nearest training sample")} `,
        X.el("span", { class: "x-swatch x-bar-1" }), ` ${X.plural(shown.length, "other sample")} here `, value && X.el("span", { class: "x-bar-gap" }, "+ the archetype")),
    ];
  }

  function outputs(M, a) {
    const scores = M.archetypes.output?.[a] ?? M.archetypes.value?.[a];
    if (!scores || scores.every((v) => v === null)) return word("The run holds no output of it.");
    const rows = M.classes.map((name, output) => ({ name, bars: [scores[output]], value: scores[output] ?? 0, text: X.fixed(scores[output]) }));
    if (M.expression) rows.sort((x, y) => y.value - x.value);
    return X.bars(rows, M.affect || rows.some((row) => row.value < 0));
  }

  function neighbours(M, a) {
    const near = M.archetypes.neighbours?.[a] ?? [];
    if (!near.length) return word("None is stated.");
    return X.el("ul", { class: "x-near" }, near.map(([other, cosine]) => X.el("li", null, X.mention(M, other), X.el("span", { class: "x-number" }, X.fixed(cosine)))));
  }

  function failures(M, shown) {
    const { columns } = M;
    const wrong = shown.filter((i) => columns.error[i] > 0).sort((x, y) => columns.error[y] - columns.error[x] || (columns.margin[x] ?? 0) - (columns.margin[y] ?? 0));
    const known = shown.filter((i) => columns.error[i] !== null).length;
    if (!known) return word("No sample here is matched with it and has a label.");
    if (!wrong.length) return word(`None of the ${X.plural(known, "labelled sample")} here.`);
    const said = M.affect ? `The largest errors of ${X.plural(known, "labelled sample")} here.`
      : `${X.count(wrong.length)} of ${X.plural(known, "labelled sample")} here${wrong.length > FAILURES ? `; ${M.units ? "the worst" : "the least sure"} ${FAILURES} are shown` : ""}.`;
    return [word(said), X.strip(M, wrong.slice(0, FAILURES), (i) => M.expression
      ? [X.el("b", null, X.bdi(M.text("label", i))), X.el("b", null, "→ ", X.bdi(M.text("prediction", i)))] : [M.errorText(i)], (i) => M.wrong(i))];
  }

  // What came and went over training, an epoch a column: in above the line, out below it.
  function flows(M, a) {
    const F = M.flows, rows = F.epoch.map((_, row) => row);
    if (!rows.length) return word("The run recorded no flow of samples between archetypes.");
    const sum = (list) => list.reduce((total, row) => total + F.n[row], 0);
    const start = rows.filter((row) => F.cause[row] === "start" && F.to[row] === a);
    const into = rows.filter((row) => F.cause[row] !== "start" && F.to[row] === a && F.from[row] !== a);
    const out = rows.filter((row) => F.cause[row] !== "start" && F.from[row] === a && F.to[row] !== a);
    const pieces = [word(`It began with ${X.plural(sum(start), "sample")}; over training ${X.count(sum(into))} came and ${X.count(sum(out))} left.`)];
    if (into.length + out.length) {
      const last = M.most(F.epoch, 1), by = (list, epoch) => sum(list.filter((row) => F.epoch[row] === epoch));
      const epochs = Array.from({ length: last + 1 }, (_, epoch) => [by(into, epoch), by(out, epoch)]);
      const most = Math.max(1, ...epochs.flat()), width = 240 / epochs.length;
      pieces.push(X.svg("svg", { class: "x-flow", viewBox: "0 0 240 44", role: "img", "aria-label": `Samples in and out, epoch 0 to ${last}, at most ${most} in one` },
        epochs.map(([came, left], epoch) => [
          X.svg("rect", { x: epoch * width + width * 0.12, width: width * 0.76, y: 22 - (20 * came) / most, height: (20 * came) / most, class: "x-in" }),
          X.svg("rect", { x: epoch * width + width * 0.12, width: width * 0.76, y: 22, height: (20 * left) / most, class: "x-out" }),
        ]), X.svg("path", { d: "M0 22H240", class: "x-axes" })),
      X.el("p", { class: "x-key" }, X.el("span", { class: "x-swatch x-bar-0" }), " in ", X.el("span", { class: "x-swatch x-bar-1" }), ` out, by epoch, 0 to ${last}; the tallest is ${X.count(most)}`));
    }
    const partners = (list, end) => {
      const totals = new Map();
      for (const row of list) totals.set(F[end][row], (totals.get(F[end][row]) ?? 0) + F.n[row]);
      return [...totals].sort((x, y) => y[1] - x[1]).slice(0, 3).map(([other, n]) =>
        X.el("li", null, other === null ? X.el("span", null, "archetypes not kept") : X.mention(M, other), X.el("span", { class: "x-number" }, X.count(n))));
    };
    const merged = sum([...into, ...out].filter((row) => F.cause[row] === "freezing"));
    const columns = [["Most came from", partners(into, "from")], ["Most went to", partners(out, "to")]].filter(([, items]) => items.length);
    if (columns.length) pieces.push(X.el("div", { class: "x-two" }, columns.map(([title, items]) => X.el("div", null, X.el("h5", null, title), X.el("ul", { class: "x-near" }, items)))));
    if (merged) pieces.push(word(`${X.count(merged)} of these moved at the end, when archetypes that were not kept gave theirs to the nearest that were.`));
    return pieces;
  }

  X.archetypeView = (M, a) => {
    const support = M.archetypes.support?.[a] ?? [], own = new Set(support);
    const shown = M.matched[a].filter((i) => !own.has(i));
    return [
      X.el("h3", { tabindex: "-1" }, X.classGlyph(M.archetypeClass(a)), X.bdi(M.archetypes.name[a])),
      X.el("p", { class: "x-sub" }, `archetype ${M.archetypes.id[a]} · ${X.plural(M.archetypes.uses[a] ?? 0, "training sample")} matched with it`),
      part("Nearest training samples, with cosine", supportStrip(M, a)),
      part("Labels", M.affect && M.classes.length === 2 ? plane(M, a, support, shown) : spread(M, support, shown)),
      part(M.expression ? "Output" : M.units ? "Output, by unit" : "Its value", outputs(M, a)),
      part(M.affect ? "Largest errors" : "Failures", failures(M, shown)),
      part("Nearest archetypes, by cosine", neighbours(M, a)),
      part("Over training", flows(M, a)),
    ];
  };

  // ---- One sample ----

  function choice(M, a, title, similarity) {
    if (a === null) return null;
    return X.el("div", { class: "x-choice" },
      X.el("p", null, X.el("span", { class: "x-key" }, title), X.mention(M, a), similarity !== null && X.el("span", { class: "x-number" }, `cosine ${X.fixed(similarity)}`)),
      supportStrip(M, a, 6));
  }

  function why(M, i) {
    const { columns } = M, a = columns.archetype[i], second = columns.second[i], margin = columns.margin[i];
    if (a === null) return word("The run does not say which archetype it is matched with.");
    const name = (at) => X.bdi(M.archetypes.name[at]);
    const said = X.el("p", { class: "x-said" }, "It is read off ", name(a), ", the nearest archetype",
      margin !== null ? [`: nearer by ${M.marginText(i)}`, second !== null && [" than the second choice, ", name(second)], "."] : ".",
      M.data.archetypes.label && M.value("prediction", i) !== null && M.archetypeClass(a) !== null && M.archetypeClass(a) !== M.value("prediction", i)
        && " The run's prediction is another class than this archetype's.");
    const similarity = columns.similarity[i];
    return [said, choice(M, a, "first", similarity), choice(M, second, "second", similarity !== null && margin !== null ? similarity - margin : null)];
  }

  function sampleOutputs(M, i) {
    const output = M.output(i) ?? (M.affect ? M.classes.map((_, o) => M.value("prediction", i, o)) : null);
    if (!output || output.every((v) => v === null)) return null;
    const rows = M.classes.map((name, o) => {
      const label = M.value("label", i, o), prediction = M.value("prediction", i, o);
      if (M.affect) return { name, bars: [output[o], label], value: 0, text: `${X.fixed(output[o])} · ${X.fixed(label)}` };
      const marks = M.expression ? [label === o && "label", prediction === o && "prediction"] : [label === 1 && "label", prediction === 1 && "prediction"];
      return { name, bars: [output[o]], value: output[o] ?? 0, text: X.fixed(output[o]), mark: marks.filter(Boolean).join(", ") };
    });
    if (M.expression) rows.sort((x, y) => y.value - x.value);
    return part("Output", M.affect && X.el("p", { class: "x-key" }, X.el("span", { class: "x-swatch x-bar-0" }), " prediction ", X.el("span", { class: "x-swatch x-bar-1" }), " label, from −1 to 1"), X.bars(rows, M.affect));
  }

  function other(M, i) {
    if (!M.compare) return null;
    const { compare } = M, against = M.against(i);
    return part("The other run", facts([
      ["run", X.bdi(compare.run)],
      ["prediction", X.bdi(M.text("compare", i)), M.isWrong(compare.error?.[i])],
      ["archetype", compare.archetype_name?.[i] ?? null],
      ["margin", compare.margin?.[i] === undefined || compare.margin[i] === null ? null : X.fixed(compare.margin[i])],
      [M.affect ? "error" : "together", against === null ? null : M.affect ? `${X.fixed(compare.error[i])}; here ${X.fixed(M.columns.error[i])}` : Object.values(X.AGAINST)[against]],
    ]));
  }

  X.sampleView = (M, i) => {
    const { columns } = M, wrong = M.wrong(i);
    return [
      X.el("div", { class: "x-head" }, X.face(M, i), X.el("div", null,
        X.el("h3", { tabindex: "-1" }, X.bdi(M.samples.id[i])),
        facts([
          ["label", M.text("label", i) ?? "not known"],
          ["prediction", M.text("prediction", i), wrong],
          [M.affect ? "error" : "outcome", M.affect ? columns.error[i] !== null && X.fixed(columns.error[i]) : M.errorText(i), wrong],
          ["doubt", columns.doubt[i] === null ? null : `${X.percent(columns.doubt[i])} of the models doubt the label`],
          ["stand-in", columns.flipped[i] === null ? null : columns.flipped[i] ? "label changed on purpose" : "label as it was drawn"],
          ["split", M.split(i)], ["subject", M.subject(i)],
        ]))),
      columns.file[i] !== null && X.el("p", { class: "x-path" }, X.el("code", { dir: "auto" }, columns.file[i])),
      (M.issuesOf.get(i) ?? []).map((issue) => part("Its label is suspected", X.issueCard(issue))),
      part("Why", why(M, i)),
      sampleOutputs(M, i),
      other(M, i),
    ];
  };

  // ---- The panel itself ----

  X.makePanel = (M, state) => {
    const all = X.byId("all"), detail = X.byId("detail"), body = X.byId("detail-body"), panel = X.byId("panel");
    X.byId("back").addEventListener("click", () => X.select(null));
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !detail.hidden && !event.target.matches("input, select")) X.select(null);
    });
    X.byId("back").hidden = false;
    return {
      show: (moveFocus) => {
        const chosen = state.archetype !== null || state.sample !== null;
        const had = document.activeElement && panel.contains(document.activeElement);
        all.hidden = chosen;
        detail.hidden = !chosen;
        body.replaceChildren(...(state.archetype !== null ? X.archetypeView(M, state.archetype) : state.sample !== null ? X.sampleView(M, state.sample) : []).flat(Infinity).filter(Boolean));
        X.byId("detail-scroll").scrollTop = 0;
          if (moveFocus || had) (chosen ? body.querySelector("h3") : X.byId("find")).focus({ preventScroll: true });
      },
    };
  };
})();
