// The explorer, part 3: the map. A canvas with its marks, zoom, tip and keyboard, and the legend below it.
(() => {
  "use strict";
  const X = window.auraExplorerParts;
  const EDGE = 28;
  const FARTHEST = 60;

  const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const packed = ([red, green, blue]) => (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
  const within = (share) => Math.min(Math.max(share, 0), 1);

  // How far each pixel about a mark lies outside of it; below nothing inside. The same for all colours, and kept.
  const fields = new Map();
  function field(shape, size, reach) {
    const key = `${shape} ${size} ${reach}`;
    if (fields.has(key)) return fields.get(key);
    const corners = X.corners(shape, size), side = 2 * reach + 1, away = new Float32Array(side * side);
    for (let at = 0; at < away.length; at += 1) {
      const x = (at % side) - reach, y = Math.floor(at / side) - reach;
      if (!corners) {
        away[at] = Math.sqrt(x * x + y * y) - size * 1.08;
        continue;
      }
      let near = Infinity, inside = false;
      for (let i = 0, j = corners.length - 1; i < corners.length; j = i, i += 1) {
        const ax = corners[j][0], ay = corners[j][1], ex = corners[i][0] - ax, ey = corners[i][1] - ay;
        const along = within(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey));
        const dx = x - ax - along * ex, dy = y - ay - along * ey;
        near = Math.min(near, dx * dx + dy * dy);
        if (ay > y !== corners[i][1] > y && x < ax + ((y - ay) * ex) / ey) inside = !inside;
      }
      away[at] = inside ? -Math.sqrt(near) : Math.sqrt(near);
    }
    fields.set(key, away);
    return away;
  }

  // Marks as lists of pixels, made once each and copied into the picture of the map: twenty thousand of them in a few
  // milliseconds, without asking the canvas for anything back. Filled with a hair of paper about them, hollow if wrong.
  function stamps(theme) {
    const numbers = new Map(), looks = [], kept = new Map();
    const paper = channels(theme.paper), muted = channels(theme.muted), halo = channels(theme.halo);
    let made = [], radius = 0, ratio = 0, wide = 0;
    const begin = (...next) => {
      if (ratio !== next[1] || wide !== next[2]) kept.clear();
      [radius, ratio, wide] = next;
      if (!kept.has(radius)) kept.set(radius, []);
      made = kept.get(radius);
    };
    // The number of a look: equal looks share one.
    const number = (look) => {
      const key = `${look.shape} ${look.colour} ${look.hollow ? 1 : 0} ${look.small ? 1 : 0}`;
      if (!numbers.has(key)) numbers.set(key, looks.push(look) - 1);
      return numbers.get(key);
    };
    const make = (look) => {
      const size = (look.small ? 0.6 : 1) * radius * ratio;
      const colour = look.colour ? channels(look.colour) : muted;
      const hair = 0.7 * ratio, line = Math.max(1.3, radius * 0.42) * ratio, reach = Math.ceil(size * 1.35 + hair + 1);
      const side = 2 * reach + 1, away = field(look.shape, size, reach), solid = [], soft = [];
      let red = 0, green = 0, blue = 0, cover = 0;
      const over = (tint, share) => {
        if (share <= 0) return;
        const below = cover * (1 - share), all = share + below;
        red = (tint[0] * share + red * below) / all;
        green = (tint[1] * share + green * below) / all;
        blue = (tint[2] * share + blue * below) / all;
        cover = all;
      };
      for (let at = 0; at < away.length; at += 1) {
        const out = away[at], x = (at % side) - reach, y = Math.floor(at / side) - reach;
        if (out > hair + 0.5) continue;
        [red, green, blue, cover] = [0, 0, 0, 0];
        over(halo, theme.haloShare * within(0.5 - (out - hair)));
        over(colour, within(0.5 - out));
        if (look.hollow) over(paper, within(0.5 - (out + line)));
        if (cover > 0.99) solid.push([x, y, packed([Math.round(red), Math.round(green), Math.round(blue)])]);
        else if (cover > 0.01) soft.push([x, y, red * cover, green * cover, blue * cover, 1 - cover]);
      }
      const offset = ([x, y]) => y * wide + x;
      return { reach, solid, soft, at: Int32Array.from(solid, offset), colours: Uint32Array.from(solid, (pixel) => pixel[2]), softAt: Int32Array.from(soft, offset) };
    };
    const blend = (pixels, at, [, , red, green, blue, rest]) => {
      const below = pixels[at];
      pixels[at] = (0xff000000 | ((blue + ((below >> 16) & 255) * rest) << 16) | ((green + ((below >> 8) & 255) * rest) << 8) | (red + (below & 255) * rest)) >>> 0;
    };
    const stamp = (pixels, high, at, x, y) => {
      const mark = (made[at] ??= make(looks[at]));
      const { reach, solid, soft } = mark;
      if (x < -reach || y < -reach || x >= wide + reach || y >= high + reach) return;
      if (x >= reach && y >= reach && x < wide - reach && y < high - reach) {
        const base = y * wide + x;
        for (let i = 0; i < solid.length; i += 1) pixels[base + mark.at[i]] = mark.colours[i];
        for (let i = 0; i < soft.length; i += 1) blend(pixels, base + mark.softAt[i], soft[i]);
        return;
      }
      const inside = ([dx, dy]) => x + dx >= 0 && x + dx < wide && y + dy >= 0 && y + dy < high;
      for (const pixel of solid) if (inside(pixel)) pixels[(y + pixel[1]) * wide + x + pixel[0]] = pixel[2];
      for (const pixel of soft) if (inside(pixel)) blend(pixels, (y + pixel[1]) * wide + x + pixel[0], pixel);
    };
    const paperPixel = packed(paper), faint = packed(muted.map((value, at) => Math.round(0.32 * value + 0.68 * paper[at])));
    return { begin, number, stamp, paperPixel, faint };
  }

  function trace(context, shape, radius) {
    const corners = X.corners(shape, radius);
    context.beginPath();
    if (corners) corners.forEach(([x, y], at) => (at ? context.lineTo(x, y) : context.moveTo(x, y)));
    else context.arc(0, 0, radius * 1.08, 0, 2 * Math.PI);
    context.closePath();
  }

  function readTheme() {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(name).trim();
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    return { paper: get("--paper"), ink: get("--ink"), muted: get("--muted"), link: get("--link"), halo: dark ? "#ffffff" : get("--paper"), haloShare: dark ? 0.4 : 0.9 };
  }

  X.makeMap = (M, state) => {
    const canvas = X.byId("canvas"), stage = X.byId("canvas-box"), context = canvas.getContext("2d");
    const selection = d3.select(canvas);
    let theme = readTheme(), marks = stamps(theme), image = null, pixels = null, look = null, passing = [], frame = 0;
    let wide = 0, high = 0, ratio = 1, transform = d3.zoomIdentity;
    let points = [], rings = [], tree = null, place = new Map(), ringPlace = new Map();
    let cursor = null;
    const times = [];
    const mostUses = M.most(M.archetypes.uses ?? [], 1);

    // ---- Where things are ----

    // Of the map's own units to pixels at rest, the proportions kept.
    function lay() {
      const map = M.maps[state.map];
      const xs = [...map.x, ...map.ax], ys = [...map.y, ...map.ay];
      const span = (values) => values.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [Infinity, -Infinity]);
      const [x0, x1] = span(xs), [y0, y1] = span(ys);
      const scale = Math.min((wide - 2 * EDGE) / Math.max(x1 - x0, 1e-9), (high - 2 * EDGE) / Math.max(y1 - y0, 1e-9));
      const x = (v) => wide / 2 + (v - (x0 + x1) / 2) * scale, y = (v) => high / 2 - (v - (y0 + y1) / 2) * scale;
      points = map.sample.map((sample, at) => ({ kind: "sample", index: sample, x: x(map.x[at]), y: y(map.y[at]) }));
      rings = map.archetype.map((archetype, at) => ({
        kind: "archetype", index: archetype, x: x(map.ax[at]), y: y(map.ay[at]),
        radius: (5 + 8 * Math.sqrt(Math.max(M.archetypes.uses[archetype] ?? 0, 0) / mostUses)) * narrow(),
      }));
      // The most used ones lie lowest, so that none is hidden.
      rings.sort((a, b) => b.radius - a.radius);
      place = new Map(points.map((point) => [point.index, point]));
      ringPlace = new Map(rings.map((ring) => [ring.index, ring]));
      dress();
    }

    // What each mark looks like, and which can be hovered.
    function dress() {
      look = X.colouring(M, state);
      for (const point of points) {
        point.look = look.sample(point.index);
        // Where the colour says how wrong a sample is, its form need not.
        if (look.filled && point.look.hollow) point.look = { ...point.look, hollow: false };
        point.number = marks.number(point.look);
        point.shown = passing[point.index];
        point.faint = !point.shown || point.look.dim;
      }
      for (const ring of rings) ring.look = look.archetype(ring.index);
      // The wrong ones lie on top: they are what is looked for. Where marks crowd they would hide all others, and keep their order.
      const dense = points.length > 5000;
      const rank = (point) => (point.faint ? 0 : dense ? 1 : point.look.small ? 1 : point.look.hollow ? 3 : 2);
      points.sort((a, b) => rank(a) - rank(b));
      tree = d3.quadtree(points.filter((point) => point.shown), (point) => point.x, (point) => point.y);
      legend();
      redraw();
    }

    const toScreen = (point) => transform.apply([point.x, point.y]);

    // ---- Drawing ----

    // On a phone the marks are smaller, with the map.
    const narrow = () => (wide < 500 ? 0.75 : 1);

    const sampleRadius = () => {
      const rest = points.length <= 400 ? 4.6 : points.length <= 3000 ? 3.6 : points.length <= 8000 ? 2.9 : 2.3;
      return Math.round(2 * Math.min(rest * narrow() * transform.k ** 0.28, 7)) / 2;
    };

    function redraw() {
      frame ||= requestAnimationFrame(draw);
    }

    function draw() {
      frame = 0;
      if (!wide || !M.maps.length) return;
      const start = performance.now();
      context.setTransform(1, 0, 0, 1, 0, 0);
      drawSamples();
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      drawTies();
      rings.forEach(drawRing);
      drawNames();
      const chosen = state.sample !== null && place.get(state.sample);
      if (chosen) circle(chosen, sampleRadius() + 4.5, theme.ink, 2);
      if (cursor) circle(cursor, cursor.kind === "sample" ? sampleRadius() + 4 : cursor.radius + 5, theme.link, 2.5);
      times.push(performance.now() - start);
      if (times.length > 600) times.shift();
    }

    // The samples are written pixel by pixel over the ground: first what is filtered out or dimmed, as faint dots.
    function drawSamples() {
      const { k, x: dx, y: dy } = transform, { width, height } = canvas;
      marks.begin(sampleRadius(), ratio, width);
      pixels.fill(marks.paperPixel);
      const dot = Math.max(1, Math.round(1.6 * ratio));
      for (const point of points) {
        const x = Math.round((point.x * k + dx) * ratio), y = Math.round((point.y * k + dy) * ratio);
        if (!point.faint) marks.stamp(pixels, height, point.number, x, y);
        else if (x >= 0 && y >= 0 && x < width - dot && y < height - dot) {
          for (let down = 0; down < dot; down += 1) pixels.fill(marks.faint, (y + down) * width + x, (y + down) * width + x + dot);
        }
      }
      context.putImageData(image, 0, 0);
    }

    function circle(point, radius, colour, width) {
      const [x, y] = toScreen(point);
      for (const [line, paint] of [[width + 2, theme.paper], [width, colour]]) {
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.lineWidth = line;
        context.strokeStyle = paint;
        context.stroke();
      }
    }

    // Lines from the selected archetype to its samples, or from the selected sample to its first and second choice.
    function drawTies() {
      const tie = (from, to, dash, alpha) => {
        if (!from || !to) return;
        context.setLineDash(dash);
        context.globalAlpha = alpha;
        context.beginPath();
        context.moveTo(...toScreen(from));
        context.lineTo(...toScreen(to));
        context.stroke();
      };
      context.strokeStyle = theme.ink;
      context.lineWidth = 1;
      if (state.archetype !== null) {
        const ring = ringPlace.get(state.archetype);
        for (const i of M.matched[state.archetype]) if (passing[i]) tie(ring, place.get(i), [], 0.28);
      }
      if (state.sample !== null) {
        context.lineWidth = 1.5;
        tie(place.get(state.sample), ringPlace.get(M.columns.archetype[state.sample]), [], 0.9);
        tie(place.get(state.sample), ringPlace.get(M.columns.second[state.sample]), [4, 4], 0.7);
      }
      context.setLineDash([]);
      context.globalAlpha = 1;
    }

    function drawRing(ring) {
      const [x, y] = toScreen(ring);
      if (x < -30 || y < -30 || x > wide + 30 || y > high + 30) return;
      const only = look.only ?? null, chosen = state.archetype === ring.index;
      const { shape, colour } = ring.look;
      context.save();
      if (only !== null && only !== ring.index) context.globalAlpha = 0.25;
      context.translate(x, y);
      context.lineJoin = "round";
      trace(context, shape, ring.radius);
      context.lineWidth = chosen ? 9 : 5.5;
      context.strokeStyle = theme.ink;
      context.stroke();
      context.lineWidth = chosen ? 4 : 3;
      context.strokeStyle = theme.paper;
      context.stroke();
      context.fillStyle = colour ?? theme.muted;
      context.fill();
      context.restore();
    }

    // Names of archetypes where there is room, the most used first.
    function drawNames() {
      const taken = [];
      context.font = '600 11.5px "Open Sans", "Segoe UI", system-ui, sans-serif';
      context.textBaseline = "middle";
      context.lineJoin = "round";
      const only = look.only ?? null;
      const first = [...rings].sort((a, b) => (b.index === state.archetype) - (a.index === state.archetype) || b.radius - a.radius);
      const most = wide < 600 ? 14 : 40;
      for (const ring of first) {
        if (taken.length >= most) break;
        if (only !== null && only !== ring.index) continue;
        const [x, y] = toScreen(ring);
        if (x < 0 || y < 0 || x > wide || y > high) continue;
        ring.label ??= X.clip(M.archetypes.name[ring.index], 26);
        ring.wide ??= context.measureText(ring.label).width;
        const right = x + ring.radius * 1.3 + 5;
        const left = right + ring.wide > wide - 4 ? x - ring.radius * 1.3 - 5 - ring.wide : right;
        const box = [left - 2, y - 8, left + ring.wide + 2, y + 8];
        if (box[0] < 0 || taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
        taken.push(box);
        context.lineWidth = 3.5;
        context.strokeStyle = theme.paper;
        context.strokeText(ring.label, left, y);
        context.fillStyle = theme.ink;
        context.fillText(ring.label, left, y);
      }
    }

    // ---- Finding ----

    function nearest(x, y, touch) {
      const slack = touch ? 14 : 3;
      let best = null, least = Infinity;
      for (const ring of rings) {
        const [rx, ry] = toScreen(ring);
        const away = Math.hypot(rx - x, ry - y);
        if (away <= ring.radius + 3 + (touch ? 6 : 0) && away < least) [best, least] = [ring, away];
      }
      if (best) return best;
      const [bx, by] = transform.invert([x, y]);
      return tree?.find(bx, by, (sampleRadius() + slack + 3) / transform.k) ?? null;
    }

    function onCanvas(event) {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    }

    const clientOf = (point) => {
      const [x, y] = toScreen(point), box = canvas.getBoundingClientRect();
      return { x: box.left + x, y: box.top + y };
    };

    function hover(point, spoken = false) {
      cursor = point;
      redraw();
      if (!point) return X.hideTip();
      const { x, y } = clientOf(point);
      X.showTip(M, { [point.kind]: point.index }, { left: x, right: x, top: y, bottom: y });
      if (spoken) X.say(X.spoken(M, point.kind, point.index));
    }

    // ---- Pointer and zoom ----

    const zoom = d3.zoom().scaleExtent([1, FARTHEST]).clickDistance(4).on("zoom", (event) => {
      transform = event.transform;
      if (cursor && event.sourceEvent) hover(null);
      redraw();
    });
    const moved = () => (X.still() ? selection : selection.transition().duration(280));
    const zoomBy = (factor) => moved().call(zoom.scaleBy, factor);
    const reset = () => moved().call(zoom.transform, d3.zoomIdentity);

    // Brings a point into view if it is outside.
    function reveal(point) {
      const [x, y] = toScreen(point);
      if (x < EDGE || y < EDGE || x > wide - EDGE || y > high - EDGE) selection.call(zoom.translateTo, point.x, point.y);
    }

    function listen() {
      selection.call(zoom);
      canvas.addEventListener("pointermove", (event) => {
        if (event.pointerType === "touch" || event.buttons) return;
        const found = nearest(...onCanvas(event), false);
        canvas.classList.toggle("x-over", Boolean(found));
        if (found !== cursor) hover(found);
      });
      canvas.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && hover(null));
      canvas.addEventListener("click", (event) => {
        const found = nearest(...onCanvas(event), event.pointerType === "touch");
        hover(found);
        if (found) X.select({ [found.kind]: found.index }, { stay: true });
      });
      canvas.addEventListener("keydown", key);
      canvas.addEventListener("blur", () => hover(null));
      X.byId("zoom-in").addEventListener("click", () => zoomBy(1.6));
      X.byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.6));
      X.byId("zoom-reset").addEventListener("click", reset);
      new ResizeObserver(resize).observe(stage);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
        theme = readTheme();
        marks = stamps(theme);
        if (look) dress();
      });
      document.fonts?.ready.then(() => {
        for (const ring of rings) ring.wide = null;
        redraw();
      });
    }

    // ---- Keyboard ----

    const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

    // The nearest mark in the half of a right angle about a direction; without one, the mark nearest to the middle.
    function step(direction) {
      const shown = [...rings, ...points.filter((point) => point.shown)];
      const [fx, fy] = cursor ? toScreen(cursor) : [wide / 2, high / 2];
      let best = null, least = Infinity;
      for (const point of shown) {
        if (point === cursor) continue;
        const [x, y] = toScreen(point);
        const dx = x - fx, dy = y - fy;
        const ahead = dx * direction[0] + dy * direction[1], aside = Math.abs(dx * direction[1] + dy * direction[0]);
        if (cursor && (ahead <= 0.01 || aside > ahead)) continue;
        const cost = cursor ? ahead + 1.5 * aside : Math.hypot(dx, dy);
        if (cost < least) [best, least] = [point, cost];
      }
      if (best) reveal(best);
      if (best) hover(best, true);
      else X.say("No mark in this direction.");
    }

    function nextArchetype() {
      if (!rings.length) return;
      const at = cursor?.kind === "archetype" ? rings.indexOf(cursor) + 1 : 0;
      const ring = rings[at % rings.length];
      reveal(ring);
      hover(ring, true);
    }

    function key(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (ARROWS[event.key]) step(ARROWS[event.key]);
      else if (event.key === "Enter" || event.key === " ") cursor && X.select({ [cursor.kind]: cursor.index }, { stay: true });
      else if (event.key === "Escape") cursor ? hover(null) : X.select(null, { stay: true });
      else if (event.key === "+" || event.key === "=") zoomBy(1.6);
      else if (event.key === "-" || event.key === "−") zoomBy(1 / 1.6);
      else if (event.key === "0") reset();
      else if (event.key === "a" || event.key === "A") nextArchetype();
      else return;
      event.preventDefault();
    }

    // ---- Legend ----

    function legend() {
      const box = X.byId("legend"), { legend: says } = look;
      box.replaceChildren();
      if (says.title) box.append(X.el("span", { class: "x-legend-title" }, says.title));
      if (says.items) {
        box.append(X.el("ul", null, says.items.map((item) => {
          const inside = [X.glyph(item.shape, item.colour, item.hollow), X.bdi(X.clip(item.text, 32))];
          const on = says.filter && state.filter[says.filter] === item.key;
          return X.el("li", null, says.filter
            ? X.el("button", { type: "button", "aria-pressed": String(Boolean(on)), title: `Only ${says.filter === "class" ? "label" : "prediction"} ${X.clip(item.text, 60)}`,
                click: () => X.setFilter({ [says.filter]: on ? "" : item.key }) }, inside)
            : X.el("span", null, inside));
        })));
      } else if (says.low !== undefined) {
        const middle = (says.low + says.high) / 2, digits = says.high > 20 || Number.isInteger(middle) && says.high > 2 ? 0 : 2;
        const strip = X.el("span", { class: "x-ramp" });
        strip.style.backgroundImage = X.cividisGradient();
        box.append(X.el("span", { class: "x-scale" }, strip, X.el("span", { class: "x-ticks" }, [says.low, middle, says.high].map((v) => X.el("span", null, X.fixed(v, digits))))));
      }
      const notes = [];
      if (points.some((point) => !point.faint && point.look.hollow)) notes.push([X.glyph(0, "currentColor", true), "hollow: wrong"]);
      if (points.some((point) => !point.faint && point.look.small)) notes.push([X.glyph(0, "var(--muted)"), "small: not known"]);
      if (rings.length) notes.push([ringGlyph(), "archetype, area by uses"]);
      if (says.note) notes.push([X.bdi(says.note)]);
      for (const note of notes) box.append(X.el("span", { class: "x-note" }, note));
    }

    const ringGlyph = () => X.svg("svg", { class: "x-glyph", viewBox: "-8 -8 16 16", width: 15, height: 15, "aria-hidden": "true" },
      X.svg("circle", { r: 6.2, fill: "none", stroke: "var(--ink)", "stroke-width": 1.6 }), X.svg("circle", { r: 3.6, fill: "var(--muted)" }));

    function resize() {
      const box = stage.getBoundingClientRect();
      const [w, h, r] = [Math.floor(box.width), Math.floor(box.height), Math.min(window.devicePixelRatio || 1, 2)];
      if (!w || !h || (w === wide && h === high && r === ratio)) return;
      const back = wide ? [transform.x / wide, transform.y / high] : [0, 0];
      [wide, high, ratio] = [w, h, r];
      canvas.width = Math.round(w * r);
      canvas.height = Math.round(h * r);
      image = context.createImageData(canvas.width, canvas.height);
      pixels = new Uint32Array(image.data.buffer);
      zoom.extent([[0, 0], [w, h]]).translateExtent([[-w * 0.15, -h * 0.15], [w * 1.15, h * 1.15]]);
      selection.call(zoom.transform, d3.zoomIdentity.translate(back[0] * w, back[1] * h).scale(transform.k));
      lay();
      draw();
    }

    const on = (what) => Boolean(M.maps.length && wide && what);
    const api = {
      filter: (next) => { passing = next; if (M.maps.length && wide) { cursor = null; dress(); } },
      colour: () => on(look) && dress(),
      change: () => { transform = d3.zoomIdentity; if (wide) { selection.call(zoom.transform, transform); cursor = null; lay(); } },
      mark: (kind, index) => {
        cursor = index === null ? null : (kind === "sample" ? place : ringPlace).get(index) ?? null;
        redraw();
      },
      reveal: (kind, index) => { const point = (kind === "sample" ? place : ringPlace).get(index); if (point && wide) reveal(point); },
      redraw, resize,
      place: (kind, index) => { const point = (kind === "sample" ? place : ringPlace).get(index); return point && wide ? clientOf(point) : null; },
      onMap: () => (M.maps[state.map]?.sample ?? []).filter((i) => passing[i]).length,
      zoomed: () => ({ k: transform.k, x: transform.x, y: transform.y }),
      times: () => times.splice(0),
    };
    if (M.maps.length) listen();
    return api;
  };

  // ---- The tip ----

  const rows = (pairs) => X.el("dl", null, pairs.filter(([, value]) => value !== null).map(([name, value, alert]) => [X.el("dt", null, name), X.el("dd", { class: alert ? "x-bad" : null }, value)]));

  function sampleTip(M, i) {
    const { columns } = M, a = columns.archetype[i];
    return [X.face(M, i), X.el("div", null, X.el("b", null, X.bdi(X.clip(M.samples.id[i], 60))), rows([
      ["label", X.bdi(X.clip(M.text("label", i) ?? "not known", 60))],
      ["prediction", X.bdi(X.clip(M.text("prediction", i) ?? X.DASH, 60)), M.wrong(i)],
      ["error", M.affect && columns.error[i] !== null ? X.fixed(columns.error[i]) : null],
      ["archetype", X.bdi(a === null ? X.DASH : X.clip(M.archetypes.name[a], 40))],
      ["similarity", X.fixed(columns.similarity[i])],
      ["margin", M.marginText(i)],
    ]))];
  }

  function archetypeTip(M, a) {
    const support = (M.archetypes.support?.[a] ?? []).slice(0, 4);
    return [X.el("div", null, X.el("b", null, X.bdi(X.clip(M.archetypes.name[a], 60))), rows([
      ["archetype", String(M.archetypes.id[a])],
      ["uses", X.count(M.archetypes.uses[a] ?? 0)],
    ]), support.length > 0 && X.el("div", { class: "x-four" }, support.map((i) => X.face(M, i))))];
  }

  // Near what it belongs to and inside the window: below and right, else above, else left.
  X.showTip = (M, { sample, archetype }, box) => {
    const tip = X.byId("tip");
    tip.replaceChildren(...(sample !== undefined ? sampleTip(M, sample) : archetypeTip(M, archetype)));
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect(), gap = 14, edge = 8;
    const seen = document.documentElement.clientWidth;
    let x = box.right + gap, y = box.bottom + gap;
    if (x + width > seen - edge) x = box.left - gap - width;
    if (y + height > innerHeight - edge) y = box.top - gap - height;
    tip.style.left = `${Math.round(Math.max(edge, Math.min(x, seen - width - edge)))}px`;
    tip.style.top = `${Math.round(Math.max(edge, Math.min(y, innerHeight - height - edge)))}px`;
  };
  X.hideTip = () => { X.byId("tip").hidden = true; };

  X.spoken = (M, kind, index) => {
    if (kind === "archetype") return `Archetype ${M.archetypes.id[index]}: ${M.archetypes.name[index]}, ${X.plural(M.archetypes.uses[index] ?? 0, "use")}.`;
    const a = M.columns.archetype[index];
    return `Sample ${M.samples.id[index]}, label ${M.text("label", index) ?? "not known"}, prediction ${M.text("prediction", index) ?? "none"}, ` +
      `archetype ${a === null ? "none" : M.archetypes.name[a]}, margin ${M.marginText(index)}.`;
  };
})();
