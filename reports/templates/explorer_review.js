// The explorer, part 6: the review of suspected labels. Decisions, their keys, and the file that carries them.
(() => {
  "use strict";
  const X = window.auraExplorerParts;
  const PAGE = 20;
  const HEADER = ["sample_id", "output", "from", "decision", "to"];
  const KINDS = { keep: "Keep", unsure: "Unsure", change: "Change" };

  // ---- Comma-separated values, as RFC 4180 has them ----

  X.toCsv = (rows) => rows.map((row) => row.map((value) => (/[",\r\n]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(",") + "\r\n").join("");

  X.fromCsv = (text) => {
    const rows = [];
    // As a recipe reads it: the separator is the one that the first line has.
    const head = text.split(/\r?\n/, 1)[0], separator = [",", ";", "\t"].find((one) => head.includes(one)) ?? ",";
    let row = [], value = "", at = text.startsWith("\ufeff") ? 1 : 0, quoted = false, any = false;
    const endRow = () => {
      row.push(value);
      if (row.length > 1 || value !== "" || any) rows.push(row);
      [row, value, any] = [[], "", false];
    };
    for (; at < text.length; at += 1) {
      const c = text[at];
      if (quoted) {
        if (c !== '"') value += c;
        else if (text[at + 1] === '"') { value += c; at += 1; }
        else quoted = false;
      } else if (c === '"' && value === "") [quoted, any] = [true, true];
      else if (c === separator) { row.push(value); value = ""; any = true; }
      else if (c === "\r" && text[at + 1] === "\n") continue;
      else if (c === "\n") endRow();
      else value += c;
    }
    if (quoted) throw new Error("a quotation mark is opened and not closed");
    endRow();
    return rows;
  };

  // ---- The issues and what was decided about them ----

  function makeDecisions(M) {
    const { issues } = M, name = `aura-bench review ${M.run}`;
    const outputOf = (issue) => (M.expression ? "expression" : M.classes[issues.output[issue]]);
    const key = (issue) => JSON.stringify([String(M.samples.id[issues.sample[issue]]), outputOf(issue)]);
    const decided = new Map(), at = new Map(issues.sample.map((_, issue) => [key(issue), issue]));
    // What was decided before, by the list that is in force or in a file that was loaded, about labels that may not be listed here: a
    // new file holds it too, and of a label that was changed it says what the database says.
    const before = new Map((M.data.reviewed ?? []).map((row) => [JSON.stringify(row.slice(0, 2)), row]));
    const own = new Map([...before].map(([one, row]) => [one, row[2]]));
    let keeps = true;
    const write = () => {
      try {
        localStorage.setItem(name, JSON.stringify([...decided].map(([issue, { decision, to }]) => [key(issue), decision, to])));
      } catch {
        keeps = false;
      }
    };
    // Numbers may be rounded, to two decimals at least.
    const same = (one, other) => one === other || (M.affect && one !== "" && other !== "" && Math.abs(Number(one) - Number(other)) < 0.0051);
    const text = (value) => (value === null || value === undefined ? "" : M.expression ? M.classes[value] ?? "" : String(value));
    // What may be written as the new label of an issue; nothing if it may not.
    const valid = (value) => {
      if (M.expression) return M.classes.includes(value) ? value : null;
      if (M.units) return value === "0" || value === "1" ? value : null;
      return /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(value) && Math.abs(Number(value)) <= 1 ? value : null;
    };
    try {
      for (const [one, decision, to] of JSON.parse(localStorage.getItem(name) ?? "[]")) {
        if (at.has(one) && KINDS[decision]) decided.set(at.get(one), { decision, to: decision === "change" ? valid(to) ?? "" : "" });
      }
    } catch {
      keeps = false;
    }
    return {
      decided, outputOf, text, valid, outputs: M.expression ? ["expression"] : M.classes, keeps: () => keeps,
      find: (id, output) => at.get(JSON.stringify([id, output])),
      set: (issue, decision, to = "") => {
        if (decision) decided.set(issue, { decision, to: decision === "change" ? to : "" });
        else decided.delete(issue);
        write();
        X.emit("decision", issue);
      },
      // Keeping what a list changed is to change it again.
      rows: () => {
        const rows = new Map(before);
        for (const [issue, one] of decided) {
          const sample = String(M.samples.id[issues.sample[issue]]), now = text(issues.label[issue]), from = own.get(key(issue)) ?? now;
          const to = one.decision === "change" ? one.to : from === now ? "" : now;
          const kept = to === from || to === "";
          rows.set(key(issue), [sample, outputOf(issue), from, kept ? (one.decision === "unsure" ? "unsure" : "keep") : "change", kept ? "" : to]);
        }
        return [...rows.values()];
      },
      carry: (row) => before.set(JSON.stringify(row.slice(0, 2)), row),
      knows: (issue, from) => same(from, own.get(key(issue)) ?? text(issues.label[issue])) || same(from, text(issues.label[issue])),
    };
  }

  X.makeReview = (M, state) => {
    const { issues, columns } = M, D = makeDecisions(M);
    const body = X.byId("issues-body"), undecided = X.byId("undecided");
    let passing = [], shown = [], page = 0, current = 0;
    X.byId("review").hidden = !issues.sample.length;

    const seen = (value) => (value === null || value === undefined ? "not known" : M.affect ? X.fixed(value) : M.units ? (value ? "present" : "absent") : M.classes[value]);
    const idOf = (issue) => String(M.samples.id[issues.sample[issue]]);

    // ---- The controls of one issue; there may be two of them, in the table and in the panel ----

    function controls(issue) {
      const about = `${idOf(issue)}${M.expression ? "" : `, ${D.outputOf(issue)}`}`;
      const suggested = issues.suggested[issue];
      const start = D.decided.get(issue)?.to || D.text(M.affect && suggested !== null ? Number(suggested.toFixed(3)) : suggested);
      const present = D.text(issues.label[issue]);
      let before = null;
      const to = M.affect
        ? X.el("input", { type: "number", min: -1, max: 1, step: "any", value: start, "aria-label": `New ${D.outputOf(issue)} of ${about}` })
        : X.el("select", { "aria-label": `New label of ${about}` }, (M.expression ? M.classes : ["0", "1"]).filter((value) => value !== present)
          .map((value) => X.el("option", { value, selected: value === start }, M.expression ? X.clip(value, 40) : seen(Number(value)))));
      const box = X.el("div", { class: "x-decide", "data-issue": issue },
        Object.entries(KINDS).map(([kind, name]) => X.el("button", { type: "button", "data-decision": kind, "aria-label": `${name}: ${about}`,
          // A number that is typed is taken before the click that follows: only what was pressed before is taken back.
          pointerdown: (event) => { before = event.currentTarget.getAttribute("aria-pressed"); },
          click: (event) => { press(issue, kind, box, (before ?? event.currentTarget.getAttribute("aria-pressed")) === "true"); before = null; } },
          X.el("u", null, name[0]), name.slice(1))),
        X.el("label", { class: "x-to" }, "to ", to));
      to.addEventListener("change", () => press(issue, "change", box));
      dressControls(box);
      return box;
    }

    function press(issue, kind, box, undo = false) {
      const to = box.querySelector("select, input");
      if (kind === "change" && D.valid(to.value.trim()) === null) {
        to.setCustomValidity("A number from −1 to 1.");
        to.reportValidity();
        return false;
      }
      to.setCustomValidity?.("");
      const before = D.decided.get(issue);
      const same = undo && before?.decision === kind && (kind !== "change" || before.to === to.value.trim());
      D.set(issue, same ? null : kind, to.value.trim());
      X.say(same ? `${idOf(issue)}: undecided.` : `${idOf(issue)}: ${kind}${kind === "change" ? ` to ${to.value}` : ""}.`);
      return true;
    }

    function dressControls(box) {
      const one = D.decided.get(Number(box.dataset.issue));
      for (const button of box.querySelectorAll("button")) button.setAttribute("aria-pressed", String(one?.decision === button.dataset.decision));
      const to = box.querySelector("select, input");
      if (one?.decision === "change" && one.to && to.value !== one.to) to.value = one.to;
      box.closest("tr")?.classList.toggle("x-done", Boolean(one));
    }

    const suggestion = (issue) => [issues.votes[issue] ? `${X.count(issues.votes[issue])} of ${X.plural(issues.seeds[issue] ?? 0, "model")}` : null,
      issues.score?.[issue] === null || issues.score?.[issue] === undefined ? null : `score ${X.fixed(issues.score[issue])}`].filter(Boolean).join(", ");

    X.issueCard = (issue) => [
      X.el("p", { class: "x-said" }, M.expression ? "" : [X.bdi(D.outputOf(issue)), ": "], "labelled ", X.el("b", null, X.bdi(seen(issues.label[issue]))),
        ", suggested ", X.el("b", null, X.bdi(seen(issues.suggested[issue]))), ` (${suggestion(issue)}).`),
      controls(issue),
    ];

    // ---- The table ----

    function row(issue, at) {
      const i = issues.sample[issue], a = columns.archetype[i];
      const cell = (name, ...children) => X.el("td", { role: "cell", "data-name": name }, children);
      return X.el("tr", { role: "row", tabindex: at === current ? 0 : -1, "data-row": issue, "data-sample": i },
        X.el("td", { role: "cell", class: "x-picture" }, X.face(M, i)),
        cell("Sample", X.el("button", { type: "button", class: "x-link", click: () => X.select({ sample: i }) }, X.bdi(X.clip(idOf(issue), 80)))),
        !M.expression && cell("Output", X.bdi(D.outputOf(issue))),
        cell("Label", X.bdi(seen(issues.label[issue]))),
        cell("Suggested", X.el("b", null, X.bdi(seen(issues.suggested[issue])))),
        cell("Votes", suggestion(issue)),
        cell("Margin", M.marginText(i)),
        cell("Archetype", a === null ? X.DASH : X.mention(M, a)),
        X.el("td", { role: "cell" }, controls(issue)));
    }

    function draw() {
      const pages = Math.max(1, Math.ceil(shown.length / PAGE));
      page = Math.min(page, pages - 1);
      const part = shown.slice(page * PAGE, (page + 1) * PAGE);
      current = Math.min(current, Math.max(part.length - 1, 0));
      body.replaceChildren(...part.map(row));
      for (const box of body.querySelectorAll(".x-decide")) dressControls(box);
      X.byId("issue-pages").hidden = pages < 2;
      X.byId("issue-page").textContent = shown.length ? `${X.count(page * PAGE + 1)}–${X.count(page * PAGE + part.length)} of ${X.count(shown.length)}` : "";
      X.byId("issue-previous").disabled = page === 0;
      X.byId("issue-next").disabled = page >= pages - 1;
      X.byId("issue-empty").hidden = shown.length > 0;
      progress();
    }

    function progress() {
      const all = issues.sample.length, done = D.decided.size;
      X.byId("progress").textContent = `${X.count(done)} of ${X.count(all)} decided${shown.length < all ? `, ${X.count(shown.length)} listed` : ""}`;
      X.byId("meter").max = all || 1;
      X.byId("meter").value = done;
      X.byId("export").disabled = D.rows().length === 0;
      X.byId("unkept").hidden = D.keeps();
    }

    function list() {
      shown = issues.sample.flatMap((i, issue) => (passing[i] && !(undecided.checked && D.decided.has(issue)) ? [issue] : []));
      draw();
    }

    function go(at) {
      const rows = [...body.rows];
      const next = Math.min(Math.max(at, 0), rows.length - 1);
      if (!rows[next]) return;
      rows[current]?.setAttribute("tabindex", "-1");
      rows[next].setAttribute("tabindex", "0");
      current = next;
      rows[next].focus();
    }

    const KEYS = { k: "keep", c: "change", u: "unsure" };
    function key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
      const line = event.target.closest("tr"), at = [...body.rows].indexOf(line), kind = KINDS[KEYS[event.key.toLowerCase()]] && KEYS[event.key.toLowerCase()];
      if (at < 0) return;
      if (event.key === "ArrowDown" || event.key === "j") go(at + 1);
      else if (event.key === "ArrowUp") go(at - 1);
      else if (event.key === "Home") go(0);
      else if (event.key === "End") go(body.rows.length - 1);
      else if (event.key === "Enter" && event.target === line) X.select({ sample: Number(line.dataset.sample) });
      else if (kind) press(Number(line.dataset.row), kind, line.querySelector(".x-decide")) && go(at + 1);
      else return;
      event.preventDefault();
    }
    body.addEventListener("keydown", key);
    body.addEventListener("focusin", (event) => {
      const at = [...body.rows].indexOf(event.target.closest("tr"));
      if (at < 0 || at === current) return;
      body.rows[current]?.setAttribute("tabindex", "-1");
      current = at;
      body.rows[at].setAttribute("tabindex", "0");
    });
    undecided.addEventListener("change", () => { page = 0; current = 0; list(); });
    X.byId("issue-previous").addEventListener("click", () => { page -= 1; current = 0; draw(); });
    X.byId("issue-next").addEventListener("click", () => { page += 1; current = 0; draw(); });
    X.on("decision", (issue) => {
      for (const box of document.querySelectorAll(`.x-decide[data-issue="${issue}"]`)) dressControls(box);
      progress();
    });

    // ---- The file ----

    const file = `review-${String(M.run).replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 80)}.csv`;
    X.byId("relabel").textContent = `protocol.relabel = "${file}"`;
    X.byId("export").addEventListener("click", () => {
      const url = URL.createObjectURL(new Blob([X.toCsv([HEADER, ...D.rows()])], { type: "text/csv;charset=utf-8" }));
      X.el("a", { href: url, download: file }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
      X.said(`${X.plural(D.rows().length, "decision")} written to ${file}.`);
    });
    X.said = (text) => { X.byId("said").textContent = X.visible(text); };

    function load(text) {
      const rows = X.fromCsv(text);
      const places = HEADER.map((name) => (rows[0] ?? []).findIndex((found) => found.trim() === name));
      if (places.includes(-1)) throw new Error(`its first line does not name ${HEADER.join(", ")}`);
      let read = 0, carried = 0;
      const skipped = [];
      rows.slice(1).forEach((row, at) => {
        const [id, output, from, decision, to] = places.map((place) => row[place] ?? ""), issue = D.find(id, output);
        if (row.length !== rows[0].length) skipped.push(`row ${at + 2} has ${X.plural(row.length, "value")}`);
        else if (issue === undefined && KINDS[decision] && D.outputs.includes(output)) { D.carry([id, output, from, decision, to]); carried += 1; }
        else if (issue === undefined) skipped.push(`row ${at + 2} is about no label of this run`);
        else if (!D.knows(issue, from)) skipped.push(`row ${at + 2} is about another label than the one that is here`);
        else if (!KINDS[decision]) skipped.push(`row ${at + 2} decides "${X.clip(decision, 20)}"`);
        else if (decision === "change" && D.valid(to) === null) skipped.push(`row ${at + 2} changes to "${X.clip(to, 20)}"`);
        else { D.set(issue, decision, to); read += 1; }
      });
      list();
      X.said(`${X.plural(read, "decision")} read.${carried ? ` ${X.count(carried)} about labels that are not listed here go into the next file.` : ""}${skipped.length ? ` Left out: ${skipped.slice(0, 3).join("; ")}${skipped.length > 3 ? `; and ${skipped.length - 3} more` : ""}.` : ""}`);
    }
    X.byId("load").addEventListener("change", async (event) => {
      const chosen = event.target.files[0];
      if (!chosen) return;
      try {
        load(await chosen.text());
      } catch (error) {
        X.said(`${chosen.name} was not read: ${error.message}.`);
      }
      event.target.value = "";
    });

    if (M.expression) X.byId("output-head").remove();
    return {
      filter: (next) => { passing = next; page = 0; list(); },
      counts: () => ({ issues: shown.length, decided: D.decided.size }),
    };
  };
})();
