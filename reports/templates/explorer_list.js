// The explorer, part 5: the controls of the filters, and the gallery of the samples that pass them.
(() => {
  "use strict";
  const X = window.auraExplorerParts;
  const PAGE = 60;

  function options(select, pairs) {
    select.replaceChildren(...pairs.map(([value, text]) => X.el("option", { value }, X.clip(text, 60))));
  }

  // ---- Filters ----

  X.makeFilters = (M, state) => {
    const field = (name) => X.byId(name), { columns } = M;
    const keep = (name, wanted) => { field(name).closest(".x-field").hidden = !wanted; return wanted; };
    const range = (name, most, step) => {
      field(name).max = String(Math.max(1, Math.ceil(most / step - 1e-9)));
      field(name).dataset.step = String(step);
    };
    const number = (name) => Number(field(name).value) * Number(field(name).dataset.step);
    const mostMargin = M.most(columns.margin, 0), mostError = M.most(columns.error, 0);

    const splits = (M.data.splits ?? []).filter((_, at) => columns.split.includes(at));
    if (keep("split", splits.length > 1)) options(field("split"), [["", "all"], ...splits.map((name) => [name, name])]);
    for (const [name, kind] of [["class", "label"], ["prediction", "prediction"]]) {
      if (keep(name, M.has(kind))) options(field(name), [["", "all"], ...X.choices(M, kind).map((choice) => [choice.key, choice.text])]);
    }
    if (keep("outcome", !M.affect && mostError > 0)) {
      const unknown = columns.error.includes(null) ? [["unknown", "not known"]] : [];
      options(field("outcome"), [["", "all"], ["right", M.units ? "all units right" : "right"], ["wrong", M.units ? "a unit wrong" : "wrong"], ...unknown]);
    }
    if (keep("error", !M.expression && mostError > 0)) range("error", mostError, M.units ? 1 : 0.02);
    X.byId("error-name").textContent = M.units ? "Wrong units at least" : "Error above";
    if (keep("margin", mostMargin > 0)) range("margin", mostMargin, mostMargin > 0.5 ? 0.01 : 0.002);
    if (keep("subject", (M.data.subjects ?? []).length > 0)) {
      field("subjects").replaceChildren(...M.data.subjects.slice(0, 2000).map((name) => X.el("option", { value: name })));
    }
    keep("issues", M.issues.sample.length > 0);
    if (keep("compare", M.compare !== null)) options(field("compare"), [["", "all"], ...Object.entries(M.affect ? X.AGAINST_AFFECT : X.AGAINST)]);

    for (const name of ["split", "class", "prediction", "outcome", "compare"]) field(name).addEventListener("change", () => X.setFilter({ [name]: field(name).value }));
    for (const name of ["subject", "sample"]) field(name).addEventListener("input", () => X.setFilter({ [name]: field(name).value }));
    field("issues").addEventListener("change", () => X.setFilter({ issues: field("issues").checked }));
    const rounded = (value) => Math.round(value * 1e6) / 1e6;
    field("error").addEventListener("input", () => X.setFilter({ error: field("error").value === "0" ? null : rounded(number("error")) }));
    field("margin").addEventListener("input", () => X.setFilter({ margin: field("margin").value === field("margin").max ? null : rounded(number("margin")) }));
    field("reset").addEventListener("click", () => { X.setFilter(X.freshFilter()); X.say("All filters are off."); });
    field("bar").addEventListener("submit", (event) => event.preventDefault());
    if (matchMedia("(max-width: 40rem)").matches) field("fold").open = false;

    const sum = (total) => {
      const set = X.filtersSet(state.filter);
      field("fold-name").textContent = set ? `Filters (${set} set)` : "Filters";
      field("reset").disabled = set === 0;
      field("count").textContent = `${X.count(total)} of ${X.plural(M.n, "sample")}`;
    };
    return {
      // The controls as the state has them: after an address, a reset, or a press on the legend.
      show: (total) => {
        const { filter } = state;
        for (const name of ["split", "class", "prediction", "outcome", "compare", "subject", "sample"]) {
          if (field(name).value !== filter[name]) field(name).value = filter[name];
        }
        field("issues").checked = filter.issues;
        for (const [name, off] of [["error", "0"], ["margin", field("margin").max]]) {
          const step = Number(field(name).dataset.step) || 1;
          const value = filter[name] === null ? off : String(Math.round(filter[name] / step));
          if (field(name).value !== value) field(name).value = value;
          const said = filter[name] === null ? "off" : X.fixed(filter[name], M.units && name === "error" ? 0 : step < 0.01 ? 3 : 2);
          field(name + "-value").textContent = said;
          field(name).setAttribute("aria-valuetext", said);
        }
        sum(total);
      },
    };
  };

  // ---- Which map, which colour ----

  X.makeChoosers = (M, state) => {
    const map = X.byId("map"), colour = X.byId("colour"), output = X.byId("output");
    options(map, M.maps.map((one, at) => [String(at), one.title ?? one.name]));
    map.closest(".x-field").hidden = M.maps.length < 2;
    const ways = X.colourings(M);
    options(colour, ways);
    options(output, M.classes.map((name, at) => [String(at), name]));
    map.addEventListener("change", () => X.setView({ map: Number(map.value) }));
    colour.addEventListener("change", () => X.setView({ colour: colour.value }));
    output.addEventListener("change", () => X.setView({ output: Number(output.value) }));
    return {
      show: () => {
        map.value = String(state.map);
        colour.value = state.colour;
        output.value = String(state.output);
        output.closest(".x-field").hidden = M.expression || !["label", "prediction"].includes(state.colour);
        const one = M.maps[state.map];
        const numbers = Object.entries(one?.measures ?? {}).filter(([, value]) => Number.isFinite(value)).map(([name, value]) => `${name} ${X.fixed(value)}`);
        X.byId("measures").replaceChildren(...(one ? [X.el("b", null, X.bdi(one.title ?? one.name)), X.el("span", { id: "x-on-map" }), numbers.length ? X.el("span", null, numbers.join(" · ")) : ""] : []));
      },
      count: (shown) => {
        const line = X.byId("on-map");
        if (line) line.textContent = `${X.count(shown)} of ${X.plural(M.maps[state.map].sample.length, "sample")} shown`;
      },
    };
  };

  // ---- Gallery ----

  X.makeGallery = (M, state) => {
    const sort = X.byId("sort"), tiles = X.byId("tiles"), { columns } = M;
    const some = (values) => values.some((value) => value !== null);
    const ways = [
      some(columns.margin) && ["margin", "least margin first"],
      some(columns.error) && ["error", M.expression ? "wrong first" : "largest error first"],
      some(columns.doubt) && ["doubt", "most doubted first"],
      ["id", "identifier"],
    ].filter(Boolean);
    options(sort, ways);
    let samples = [], page = 0;
    // What has no number comes last.
    const by = (values, sign) => (x, y) => (values[x] === null) - (values[y] === null) || sign * (values[x] - values[y]) || x - y;
    const margin = by(columns.margin, 1), error = by(columns.error, -1);
    const orders = { margin, error: (x, y) => error(x, y) || margin(x, y), doubt: by(columns.doubt, -1),
      id: (x, y) => String(M.samples.id[x]).localeCompare(String(M.samples.id[y]), "en", { numeric: true }) };
    const errorFirst = (x, y) => (columns.error[x] === null) - (columns.error[y] === null) || columns.error[y] - columns.error[x] || margin(x, y);
    orders.error = errorFirst;

    const caption = (i) => {
      const key = sort.value;
      const numbers = key === "margin" ? M.marginText(i) : key === "doubt" ? X.percent(columns.doubt[i] ?? 0) : null;
      const label = M.short("label", i), prediction = M.short("prediction", i);
      const words = M.expression
        ? M.wrong(i) ? [X.bdi(label), " → ", X.bdi(prediction)] : [X.bdi(label ?? prediction ?? X.DASH)]
        : M.units ? [M.errorText(i) ?? "not known"] : [X.bdi(label ?? X.DASH), columns.error[i] === null ? "" : ` off by ${X.fixed(columns.error[i])}`];
      return [X.el("span", null, words), numbers && X.el("span", { class: "x-number" }, numbers)].filter(Boolean);
    };
    const draw = () => {
      const pages = Math.max(1, Math.ceil(samples.length / PAGE));
      page = Math.min(page, pages - 1);
      tiles.replaceChildren(...samples.slice(page * PAGE, (page + 1) * PAGE).map((i) => X.el("li", null, X.tile(M, i, caption(i), M.wrong(i) === true))));
      X.byId("pages").hidden = pages < 2;
      X.byId("page").textContent = samples.length ? `${X.count(page * PAGE + 1)}–${X.count(Math.min((page + 1) * PAGE, samples.length))} of ${X.count(samples.length)}` : "";
      X.byId("previous").disabled = page === 0;
      X.byId("next").disabled = page >= pages - 1;
      X.byId("empty").hidden = samples.length > 0;
    };
    sort.addEventListener("change", () => { page = 0; order(); draw(); });
    X.byId("previous").addEventListener("click", () => { page -= 1; draw(); });
    X.byId("next").addEventListener("click", () => { page += 1; draw(); });
    const order = () => samples.sort(orders[sort.value]);
    return {
      filter: (passing) => {
        samples = passing.flatMap((passes, i) => (passes ? [i] : []));
        page = 0;
        order();
        draw();
      },
    };
  };
})();
