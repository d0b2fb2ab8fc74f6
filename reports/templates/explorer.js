// The explorer, part 7: its start, and how its parts hear of each other.
(() => {
  "use strict";
  const X = window.auraExplorerParts;
  delete window.auraExplorerParts;
  const section = document.getElementById("explorer");
  if (!section) return;

  function fail(text) {
    X.byId("message").textContent = X.visible(text);
    X.byId("message").hidden = false;
    document.documentElement.dataset.explorer = "failed";
  }

  // What the page carries; what `data-src` names only where the page was made to be served.
  async function read() {
    const embedded = document.getElementById("explorer-data");
    if (embedded) return JSON.parse(embedded.textContent);
    const answer = await fetch(section.dataset.src);
    if (!answer.ok) throw new Error(`its data were not sent: ${answer.status}`);
    return answer.json();
  }

  async function start() {
    let M;
    try {
      M = X.model(await read());
    } catch (error) {
      return fail(`The explorer cannot be shown: ${error.message}`);
    }
    await X.loadFaces(M);
    run(M);
  }

  function run(M) {
    const state = X.freshState();
    const ways = X.colourings(M);
    if (ways.length && !ways.some(([key]) => key === state.colour)) state.colour = ways[0][0];
    const base = state.colour;
    for (const note of M.data.notes ?? []) X.byId("notes").append(X.el("p", null, note));
    X.byId("notes").hidden = !M.data.notes?.length;
    X.byId("app").hidden = false;
    X.byId("no-map").hidden = M.maps.length > 0;
    X.byId("map-part").hidden = M.maps.length === 0;
    X.byId("main").classList.toggle("x-mapless", M.maps.length === 0);
    if (!M.n) {
      X.byId("no-samples").hidden = false;
      for (const name of ["bar", "gallery"]) X.byId(name).hidden = true;
    }

    let passing = [], total = 0;
    const review = X.makeReview(M, state), filters = X.makeFilters(M, state), choosers = X.makeChoosers(M, state);
    const gallery = X.makeGallery(M, state), panel = X.makePanel(M, state);
    X.makeList(M);
    const map = X.makeMap(M, state);

    // ---- Changes of state: every one goes through here ----

    function filterAll() {
      passing = X.passing(M, state.filter);
      total = passing.filter(Boolean).length;
      map.filter(passing);
      gallery.filter(passing);
      review.filter(passing);
      filters.show(total);
      choosers.count(map.onMap());
    }

    // A selection is a step of the history, a filter or a colour is not.
    function address(step) {
      const shown = { ...state, colour: state.colour === base ? "label" : state.colour };
      const hash = X.toHash(M, shown), ours = X.fromHash(M, location.hash) !== null;
      if (hash === location.hash || (!hash && !ours)) return;
      const url = hash || location.pathname + location.search;
      try {
        if (step) history.pushState(null, "", url);
        else history.replaceState(null, "", url);
      } catch {
        // Some browsers keep the history of a file to themselves.
        if (step) location.hash = hash;
        else location.replace(hash || "#explorer");
      }
    }

    X.setFilter = (change) => {
      Object.assign(state.filter, change);
      filterAll();
      address(false);
    };
    X.setView = (change) => {
      Object.assign(state, change);
      choosers.show();
      if ("map" in change) map.change();
      else map.colour();
      choosers.count(map.onMap());
      address(false);
    };

    // What is selected: { sample }, { archetype } or nothing; "stay" leaves the focus where it is.
    X.select = (what, { stay = false } = {}) => {
      const before = [state.archetype, state.sample].join();
      state.archetype = what?.archetype ?? null;
      state.sample = what?.sample ?? null;
      if (!stay) X.hideTip();
      showSelection(!stay);
      if (before !== [state.archetype, state.sample].join()) address(true);
      if (stay) return;
      if (what) map.reveal(what.archetype !== undefined ? "archetype" : "sample", what.archetype ?? what.sample);
      const box = X.byId("panel").getBoundingClientRect();
      if (what && (box.top < 0 || box.top > innerHeight * 0.6)) X.byId("main").scrollIntoView({ block: "start", behavior: X.still() ? "auto" : "smooth" });
      if (what && matchMedia("(max-width: 64rem)").matches) X.byId("panel").scrollIntoView({ block: "start", behavior: X.still() ? "auto" : "smooth" });
    };

    function showSelection(moveFocus) {
      panel.show(moveFocus);
      if (state.colour === "archetype") map.colour();
      else map.redraw();
      if (state.archetype !== null) X.say(`Shown: ${X.spoken(M, "archetype", state.archetype)}`);
      else if (state.sample !== null) X.say(`Shown: ${X.spoken(M, "sample", state.sample)}`);
    }

    // The state as the address has it; an address of another part of the page changes nothing.
    function follow(first) {
      const asked = X.fromHash(M, location.hash) ?? (location.hash === "" || first ? { state: X.freshState(), lost: [] } : null);
      if (!asked) return;
      if (asked.state.colour === "label") asked.state.colour = base;
      const other = state.map !== asked.state.map;
      Object.assign(state, asked.state);
      choosers.show();
      if (other && !first) map.change();
      filterAll();
      showSelection(false);
      X.byId("lost").hidden = !asked.lost.length;
      X.byId("lost").textContent = asked.lost.length ? `Not in this run: ${asked.lost.join(", ")}.` : "";
      if (first && X.fromHash(M, location.hash)) section.scrollIntoView({ behavior: "auto" });
    }

    // ---- Whatever names a sample or an archetype shows its tip and marks it on the map ----

    function linked(event) {
      const holder = event.target instanceof Element ? event.target.closest("[data-sample], [data-archetype]") : null;
      if (!holder || !section.contains(holder)) return;
      const kind = holder.dataset.sample !== undefined ? "sample" : "archetype", index = Number(holder.dataset[kind]);
      map.mark(kind, index);
      if (event.type === "focusin" && !event.target.matches(":focus-visible")) return;
      if (event.target.closest("tr, #x-archetypes")) return;
      X.showTip(M, { [kind]: index }, holder.getBoundingClientRect());
    }
    function unlinked(event) {
      if (!(event.target instanceof Element) || !event.target.closest("[data-sample], [data-archetype]")) return;
      X.hideTip();
      map.mark("sample", null);
    }
    for (const name of ["pointerover", "focusin"]) section.addEventListener(name, (event) => event.pointerType !== "touch" && linked(event));
    for (const name of ["pointerout", "focusout"]) section.addEventListener(name, (event) => event.target !== X.byId("canvas") && unlinked(event));
    addEventListener("scroll", () => X.hideTip(), { passive: true });
    addEventListener("keydown", (event) => event.key === "Escape" && X.hideTip());

    addEventListener("popstate", () => follow(false));
    addEventListener("hashchange", () => follow(false));
    follow(true);
    if (M.maps.length) map.resize();

    window.auraExplorer = {
      place: (id) => map.place("sample", M.sampleAt.get(String(id))),
      placeArchetype: (id) => map.place("archetype", M.archetypeAt.get(String(id))),
      counts: () => ({ shown: total, total: M.n, map: map.onMap(), ...review.counts() }),
      view: () => map.zoomed(),
      drawTimes: () => map.times(),
    };
    document.documentElement.dataset.explorer = "ready";
  }

  start();
})();
