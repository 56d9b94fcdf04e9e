// Makes a document easier to explore. Every document works without it, and each part leaves a missing section alone.
// Text of the archive is foreign: it becomes text nodes only, never markup.
"use strict";
(() => {
  const DAY = 86400;
  const byId = (id) => document.getElementById(id);
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  /** Makes an element of HTML. */
  function element(name, attributes = {}, ...children) {
    return filled(document.createElement(name), attributes, children);
  }

  /** Makes an element of SVG. */
  function drawing(name, attributes = {}, ...children) {
    return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
  }

  function filled(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  /** Isolates text of unknown direction from the text around it. */
  const foreign = (text) => element("bdi", {}, text);

  /** Seconds as `2026-11-28 14:03:07`; they already are local. */
  const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");

  /** A duration in its two largest units. */
  function duration(seconds) {
    const two = (number, unit) => `${String(number).padStart(2, "0")}${unit}`;
    const whole = (length) => Math.floor(seconds / length);
    if (seconds < 60) return `${seconds}s`;
    if (seconds < 3600) return `${whole(60)}m ${two(seconds % 60, "s")}`;
    if (seconds < DAY) return `${whole(3600)}h ${two(whole(60) % 60, "m")}`;
    return `${whole(DAY)}d ${whole(3600) % 24}h`;
  }

  /** The embedded actions, newest first. Each getter takes the index of a row. */
  class Actions {
    constructor(data) {
      this.data = data;
      this.length = data.id.length;
      this.id = new Float64Array(this.length);
      this.started = new Float64Array(this.length);
      this.local = new Float64Array(this.length);
      let [id, started, step, offset] = [0, 0, 0, 0];
      for (let row = 0; row < this.length; row += 1) {
        this.id[row] = id += data.id[row];
        while (step < data.offsets.length && data.offsets[step][0] <= row) offset = data.offsets[step++][1];
        const difference = data.started[row];
        if (difference !== null) started += difference;
        this.started[row] = difference === null ? NaN : started;
        this.local[row] = this.started[row] + offset;
      }
    }

    type(row) { return this.data.types[this.data.type[row]] ?? ""; }
    status(row) { return this.data.statuses[this.data.status[row]] ?? ""; }
    region(row) { return this.data.regions[this.data.region[row]] ?? ""; }
    resource(row) { return this.data.resources[this.data.resource[row]] ?? [null, "", null]; }
    resourceText(row) {
      const [name, type, id] = this.resource(row);
      return name ?? (id === null ? "" : `${type} ${id}`);
    }

    /** Seconds, or null without a known duration. */
    took(row) {
      const took = this.data.took[row];
      return took === null || took < 0 ? null : took;
    }

    tookText(row) {
      const took = this.took(row);
      if (took !== null) return duration(took);
      return this.status(row) === "in-progress" ? "in progress" : "";
    }

    startedText(row) { return Number.isNaN(this.local[row]) ? "" : clock(this.local[row]); }

    /** The rows of each droplet whose start is known, oldest first. */
    byDroplet() {
      const found = this.data.resources.map(() => []);
      for (let row = this.length - 1; row >= 0; row -= 1) {
        if (!Number.isNaN(this.started[row])) found[this.data.resource[row]]?.push(row);
      }
      const droplets = new Map();
      this.data.resources.forEach(([, type, id], index) => {
        if (type === "droplet") droplets.set(String(id), found[index].sort((a, b) => this.started[a] - this.started[b]));
      });
      return droplets;
    }
  }

  function readActions() {
    const rows = byId("rows");
    return rows && new Actions(JSON.parse(rows.textContent));
  }

  // The table of actions

  const COLUMNS = ["id", "started", "type", "status", "took", "resource", "region"];
  const NUMBERS = ["id", "started", "took"];

  /** What a column sorts by, for each row. The unknown is the largest, so that it comes last in both directions. */
  function sortKeys(actions, column, sign) {
    const { data } = actions;
    const keys = new Float64Array(actions.length);
    const known = (number) => (number === null || Number.isNaN(number) ? Number.MAX_VALUE : sign * number);
    if (NUMBERS.includes(column)) {
      const number = { id: (row) => actions.id[row], started: (row) => actions.started[row], took: (row) => actions.took(row) }[column];
      return keys.map((_, row) => known(number(row)));
    }
    const names = {
      type: data.types, status: data.statuses, region: data.regions,
      resource: data.resources.map(([name, type, id]) => name ?? `${type} ${id}`),
    }[column];
    const { compare } = new Intl.Collator("en", { numeric: true });
    const ranks = [];
    names.map((_, index) => index).sort((a, b) => compare(names[a], names[b])).forEach((index, rank) => { ranks[index] = rank; });
    return keys.map((_, row) => known(ranks[data[column][row]] ?? null));
  }

  /** All rows in an order. Rows that are equal stay as they were. */
  function sorted(actions, { column, sign }) {
    const rows = Uint32Array.from({ length: actions.length }, (_, row) => row);
    if (column === "started" && sign < 0) return rows;
    const keys = sortKeys(actions, column, sign);
    return rows.sort((a, b) => keys[a] - keys[b]);
  }

  /** The conditions that a row has to meet. */
  function conditions({ data, id, local }, wanted) {
    const found = [];
    const chosen = (column, names, matches) => {
      const is = names.map(matches);
      found.push((row) => is[data[column][row]]);
    };
    for (const word of wanted.text.toLowerCase().split(/\s+/).filter(Boolean)) {
      const has = (text) => String(text ?? "").toLowerCase().includes(word);
      const [types, regions] = [data.types.map(has), data.regions.map(has)];
      const resources = data.resources.map(([name, , number]) => has(name) || has(number));
      const mayBeId = /^\d+$/.test(word);
      found.push((row) => types[data.type[row]] || regions[data.region[row]] || resources[data.resource[row]]
        || (mayBeId && has(id[row])));
    }
    if (wanted.droplet) chosen("resource", data.resources, ([name, , number]) => [name, String(number)].includes(wanted.droplet));
    if (wanted.type) chosen("type", data.types, (name) => name === wanted.type);
    if (wanted.status) chosen("status", data.statuses, (name) => name === wanted.status);
    if (wanted.region) chosen("region", data.regions, (name) => name === wanted.region);
    if (wanted.day) {
      const day = Date.parse(wanted.day) / 1000;
      found.push((row) => local[row] >= day && local[row] < day + DAY);
    }
    return found;
  }

  /** Keeps only the rows near the visible ones in the document. All rows have the same height. */
  class VirtualBody {
    constructor(table, makeRow) {
      this.table = table;
      this.makeRow = makeRow;
      this.count = 0;
      this.drawn = new Map();
      const spacer = () => element("tr", { class: "spacer", "aria-hidden": "true" }, element("td", { colspan: COLUMNS.length }));
      [this.above, this.below] = [spacer(), spacer()];
      this.body = table.tBodies[0];
      this.body.replaceChildren(this.above, this.below);
      this.scroller = element("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "Actions" });
      this.scroller.style.overflowAnchor = "none";
      table.replaceWith(this.scroller);
      this.scroller.append(table);
      table.classList.add("virtual");
      this.scroller.addEventListener("scroll", () => this.drawVisible(), { passive: true });
      addEventListener("resize", () => { this.height = 0; this.drawVisible(); });
      addEventListener("beforeprint", () => this.draw(0, Math.min(this.count, 500)));
    }

    show(count) {
      this.count = count;
      this.table.setAttribute("aria-rowcount", count + 1);
      this.draw(0, 0);
      if (this.height) this.scroller.scrollTop = 0;
      // The first time, the document has no layout yet.
      if (this.height) this.drawVisible();
      else requestAnimationFrame(() => this.drawVisible());
    }

    drawVisible() {
      if (!this.height) {
        this.draw(0, Math.min(this.count, 1));
        this.height = this.above.nextSibling.getBoundingClientRect().height || 28;
      }
      const { scrollTop, clientHeight } = this.scroller;
      const first = clamp(Math.floor(scrollTop / this.height) - 10, 0, this.count);
      this.draw(first - (first % 2), Math.min(Math.ceil((scrollTop + clientHeight) / this.height) + 10, this.count));
    }

    draw(first, last) {
      const hadFocus = this.body.contains(document.activeElement);
      for (const [position, row] of this.drawn) {
        if (position >= first && position < last) continue;
        row.remove();
        this.drawn.delete(position);
      }
      let previous = this.above;
      for (let position = first; position < last; position += 1) {
        let row = this.drawn.get(position);
        if (!row) {
          row = this.makeRow(position);
          row.setAttribute("aria-rowindex", position + 2);
          this.drawn.set(position, row);
          previous.after(row);
        }
        previous = row;
      }
      for (const [spacer, rows] of [[this.above, first], [this.below, this.count - last]]) {
        spacer.hidden = rows <= 0;
        spacer.style.height = `${rows * this.height}px`;
      }
      if (hadFocus && !this.body.contains(document.activeElement)) this.scroller.focus({ preventScroll: true });
    }
  }

  function makeRow(actions, row, isLinked) {
    const [, type, resource] = actions.resource(row);
    const cell = (column, text, link) => {
      const content = foreign(text);
      const td = element("td", { class: column }, isLinked && link ? element("a", { href: link }, content) : content);
      if (text.length > 20) td.title = text;
      return td;
    };
    const id = String(actions.id[row]);
    const tr = element("tr", {},
      cell("id", id, `show/${id}`), cell("started", actions.startedText(row)), cell("type", actions.type(row)),
      cell("status", actions.status(row)), cell("took", actions.tookText(row)),
      cell("resource", actions.resourceText(row), type === "droplet" && `timeline/${resource}`), cell("region", actions.region(row)));
    tr.dataset.status = actions.status(row);
    return tr;
  }

  /** The choices of a control that the document leaves empty. */
  function fill(control, choices) {
    const list = control?.tagName === "INPUT" ? control.list : control;
    if (!list || list.options.length > 1) return;
    if (list === control && !list.options.length) list.append(element("option", { value: "" }, "all"));
    const { compare } = new Intl.Collator("en", { numeric: true });
    choices.sort(([, a], [, b]) => compare(a, b));
    list.append(...choices.map(([value, label]) => element("option", { value, dir: "auto" }, label.slice(0, 80))));
  }

  function fillAll(controls, data) {
    const plain = (names) => names.map((name) => [name, name]);
    fill(controls.type, plain(data.types));
    fill(controls.status, plain(data.statuses));
    fill(controls.region, plain(data.regions));
    const droplets = data.resources.filter(([, type]) => type === "droplet");
    const uses = new Map();
    for (const [name] of droplets) uses.set(name, (uses.get(name) ?? 0) + 1);
    fill(controls.droplet, droplets.map(([name, , id]) => {
      const label = name ?? `droplet ${id}`;
      return [String(id), uses.get(name) > 1 && name !== null ? `${label} (${id})` : label];
    }));
  }

  const CSV_HEADER = "id,status,type,started_at,completed_at,duration_seconds,droplet_name,resource_id,resource_type,region_slug";

  /** A field of RFC 4180. It is quoted as well when a spreadsheet could take it for a formula. */
  function csvField(value) {
    const text = String(value ?? "");
    return /[",\r\n]|^[=+\-@\s]|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function csv(actions, rows) {
    const time = (seconds) => (Number.isNaN(seconds) ? "" : `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`);
    const lines = [CSV_HEADER];
    for (const row of rows) {
      const [name, type, id] = actions.resource(row);
      const ended = actions.data.took[row] === null ? NaN : actions.started[row] + actions.data.took[row];
      lines.push([actions.id[row], actions.status(row), actions.type(row), time(actions.started[row]), time(ended),
        actions.took(row), type === "droplet" ? name : "", id, type, actions.region(row)].map(csvField).join(","));
    }
    return `${lines.join("\n")}\n`;
  }

  function download(text, name) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    element("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  /** Returns the function that shows only one day, or nothing without a table. */
  function actionTable(actions) {
    const section = byId("actions");
    const table = section?.querySelector("table");
    if (!actions || !table?.tHead || !table.tBodies[0]) return undefined;
    const controls = {};
    for (const name of ["text", "droplet", "type", "status", "region"]) controls[name] = byId(`filter-${name}`);
    const headings = [...table.tHead.rows[0].cells].slice(0, COLUMNS.length);
    const isLinked = table.hasAttribute("data-linked");
    let [order, view, sort, day] = [[], [], {}, ""];
    const body = new VirtualBody(table, (position) => makeRow(actions, view[position], isLinked));
    const dayButton = element("button", { type: "button", id: "filter-day" });
    (byId("shown") ?? body.scroller).before(dayButton);

    function show() {
      const wanted = { day };
      for (const [name, control] of Object.entries(controls)) wanted[name] = control?.value.trim() ?? "";
      const all = conditions(actions, wanted);
      view = order.filter((row) => all.every((condition) => condition(row)));
      body.show(view.length);
      dayButton.hidden = !day;
      dayButton.textContent = `Only ${day}: show all days`;
      const number = (count) => count.toLocaleString("en");
      const { total } = actions.data;
      const of = total > actions.length ? `the newest ${number(actions.length)} actions (${number(total)} in all)` : `${number(actions.length)} actions`;
      byId("shown")?.replaceChildren(`${number(view.length)} of ${of}`);
      remember(wanted);
    }

    function sortBy(next) {
      if (next.column !== sort.column || next.sign !== sort.sign) order = sorted(actions, next);
      sort = next;
      headings.forEach((heading, index) => {
        if (COLUMNS[index] !== sort.column) heading.removeAttribute("aria-sort");
        else heading.setAttribute("aria-sort", sort.sign > 0 ? "ascending" : "descending");
      });
    }

    /** Keeps the filters in the address, so that a reload or a bookmark shows the same. */
    function remember(wanted) {
      const kept = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
      if (sort.column !== "started" || sort.sign > 0) kept.set("sort", `${sort.sign < 0 ? "-" : ""}${sort.column}`);
      const hash = kept.size || location.hash.includes("=") ? `#${kept}` : location.hash;
      if (hash !== location.hash) history.replaceState(null, "", hash);
    }

    function recall() {
      const kept = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
      for (const [name, control] of Object.entries(controls)) {
        if (!control) continue;
        control.value = kept.get(name) ?? "";
        if (control.selectedIndex === -1) control.value = "";
      }
      const [, minus, column] = /^(-?)(.*)$/.exec(kept.get("sort") ?? "");
      sortBy(COLUMNS.includes(column) ? { column, sign: minus ? -1 : 1 } : { column: "started", sign: -1 });
      day = /^\d{4}-\d\d-\d\d$/.test(kept.get("day") ?? "") ? kept.get("day") : "";
      show();
    }

    headings.forEach((heading, index) => {
      let button = heading.querySelector("button");
      if (!button) {
        button = element("button", { type: "button" }, ...heading.childNodes);
        heading.append(button);
      }
      const column = COLUMNS[index];
      button.addEventListener("click", () => {
        const first = NUMBERS.includes(column) ? -1 : 1;
        sortBy({ column, sign: sort.column === column ? -sort.sign : first });
        show();
      });
    });
    fillAll(controls, actions.data);
    for (const control of Object.values(controls)) {
      control?.setAttribute("autocomplete", "off");
      control?.addEventListener("input", show);
    }
    byId("download-csv")?.addEventListener("click", () => download(csv(actions, view), "actions.csv"));
    addEventListener("hashchange", () => { if (location.hash.includes("=")) recall(); });
    const showDay = (wanted) => {
      day = wanted === day ? "" : wanted;
      show();
    };
    dayButton.addEventListener("click", () => {
      showDay("");
      (controls.text ?? body.scroller).focus();
    });
    recall();
    return (wanted) => {
      showDay(wanted);
      if (day) dayButton.focus();
    };
  }

  // The fleet

  const WIDTH = 100000;
  const SECOND_STEPS = [3600, 3 * 3600, 6 * 3600, 12 * 3600, DAY, 7 * DAY];
  const MONTH_STEPS = [1, 3, 6, 12, 24, 60, 120];

  /** Returns a function from UTC to the local time of a zone, both in seconds. An unknown zone is UTC. */
  function localTime(zone) {
    try {
      const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
      return (seconds) => Date.parse(`${format.format(seconds * 1000).replace(" ", "T")}Z`) / 1000;
    } catch {
      return (seconds) => seconds;
    }
  }

  /** The round times between two local times, with their labels. `shortest` is the least distance of two. */
  function ticks(from, to, shortest) {
    const found = [];
    const step = SECOND_STEPS.find((seconds) => seconds >= shortest);
    if (step) {
      const monday = step > DAY ? 4 * DAY : 0;
      for (let time = Math.floor((from - monday) / step) * step + monday; time <= to; time += step) {
        found.push([time, step < DAY ? clock(time).slice(5, 16) : clock(time).slice(0, 10)]);
      }
      return found;
    }
    const months = MONTH_STEPS.find((count) => count * 30 * DAY >= shortest) ?? MONTH_STEPS.at(-1);
    const first = new Date(from * 1000);
    const monthsSinceYear0 = first.getUTCFullYear() * 12 + first.getUTCMonth();
    for (let month = Math.floor(monthsSinceYear0 / months) * months; ; month += months) {
      const time = Date.UTC(2000, month - 2000 * 12) / 1000;
      if (time > to) return found;
      found.push([time, clock(time).slice(0, months < 12 ? 7 : 4)]);
    }
  }

  /** Zooms and pans the lanes, and tells about the action under the pointer or the keyboard. */
  function fleet(actions) {
    const lanes = byId("lanes");
    const all = [...(lanes?.querySelectorAll(".lane") ?? [])];
    if (!all.length) return;
    const [from, to] = [Number(lanes.dataset.from), Number(lanes.dataset.to)];
    const lives = all.map((lane) => lane.querySelector("svg"));
    const perUnit = (to - from) / WIDTH;
    const local = localTime(actions?.data.zone);
    const mark = drawing("path", { class: "mark", "vector-effect": "non-scaling-stroke" });
    const pointers = new Map();
    let [left, width, isWaiting, time, droplets] = [0, WIDTH, false, to, null];

    function redraw() {
      isWaiting = false;
      for (const life of lives) life.setAttribute("viewBox", `${left} 0 ${width} 24`);
      const axis = byId("fleet-axis");
      if (!axis) return;
      const start = from + left * perUnit;
      const span = width * perUnit;
      const pixels = lives[0].clientWidth || 1;
      const svg = drawing("svg", { width: "100%", height: 20 });
      for (const [tick, label] of ticks(local(start), local(start + span), span / pixels * 90)) {
        const utc = 2 * tick - local(tick);
        const place = (utc - start) / span;
        if (place < 0 || place * pixels > pixels - 40) continue;
        const x = `${place * 100}%`;
        svg.append(drawing("line", { x1: x, x2: x, y1: 0, y2: 20 }), drawing("text", { x, dx: 4, y: 14 }, label));
      }
      axis.replaceChildren(svg);
    }

    function view(nextLeft, nextWidth) {
      width = clamp(nextWidth, WIDTH / 10000, WIDTH);
      left = clamp(nextLeft, 0, WIDTH - width);
      if (!isWaiting) requestAnimationFrame(redraw);
      isWaiting = true;
    }

    /** Zooms so that a place, as a fraction of the visible width, stays where it is. */
    function zoom(factor, place = 0.5) {
      const next = clamp(width * factor, WIDTH / 10000, WIDTH);
      view(left + place * (width - next), next);
    }

    const placeOf = (x) => {
      const box = lives[0].getBoundingClientRect();
      return (x - box.left) / (box.width || 1);
    };
    const timeAt = (x) => from + (left + placeOf(x) * width) * perUnit;

    function eventsOf(lane) {
      droplets ??= actions?.byDroplet() ?? new Map();
      return (droplets.get(lane.dataset.droplet) ?? []).filter((row) => actions.started[row] >= from && actions.started[row] <= to);
    }

    function nearest(events) {
      const distance = (row) => Math.abs(actions.started[row] - time);
      return events.reduce((best, row) => (best === undefined || distance(row) <= distance(best) ? row : best), undefined);
    }

    function tell(lane, row) {
      const name = foreign(lane.querySelector(".lane-name")?.textContent.trim() ?? lane.dataset.droplet);
      if (row === undefined) {
        mark.remove();
        byId("fleet-detail")?.replaceChildren(name, ": no action");
        return;
      }
      const x = (actions.started[row] - from) / perUnit;
      mark.setAttribute("d", `M${x} 0V24`);
      lane.querySelector("svg").append(mark);
      const took = actions.tookText(row);
      byId("fleet-detail")?.replaceChildren(name, ": ", foreign(actions.type(row)), ", ", foreign(actions.status(row)), ", ",
        actions.startedText(row), took && took !== "in progress" ? `, took ${took}` : "");
    }

    /** Moves by events of a lane, and keeps the event in view. */
    function move(lane, steps) {
      const events = eventsOf(lane);
      const row = events[clamp(events.indexOf(nearest(events)) + steps, 0, events.length - 1)];
      tell(lane, row);
      if (row === undefined) return;
      time = actions.started[row];
      const x = (time - from) / perUnit;
      if (x < left || x > left + width) view(x - width / 2, width);
    }

    function enter(lane) {
      for (const other of all) other.tabIndex = other === lane ? 0 : -1;
    }

    function key(event) {
      const index = all.indexOf(event.target);
      if (index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      const lane = all[index];
      const place = ((time - from) / perUnit - left) / width;
      const at = place >= 0 && place <= 1 ? place : 0.5;
      const to = (next) => all[clamp(next, 0, all.length - 1)].focus();
      const does = {
        "+": () => zoom(0.5, at), "=": () => zoom(0.5, at), "-": () => zoom(2, at), 0: () => view(0, WIDTH),
        ArrowLeft: () => move(lane, -1), ArrowRight: () => move(lane, 1),
        ArrowUp: () => to(index - 1), ArrowDown: () => to(index + 1), Home: () => to(0), End: () => to(all.length - 1),
      }[event.key];
      if (!does) return;
      event.preventDefault();
      does();
    }

    function point(event) {
      const lane = event.target.closest(".lane");
      if (!lane) return;
      time = timeAt(event.clientX);
      tell(lane, nearest(eventsOf(lane)));
    }

    /** The middle of the fingers and their distance, as fractions of the visible width. */
    function fingers() {
      const places = [...pointers.values()].map(placeOf);
      const [low, high] = [Math.min(...places), Math.max(...places)];
      return { middle: (low + high) / 2, distance: Math.max(high - low, 0.05) };
    }

    function drag(event) {
      if (!pointers.has(event.pointerId)) {
        point(event);
        return;
      }
      const before = fingers();
      pointers.set(event.pointerId, event.clientX);
      const after = fingers();
      if (before.middle === after.middle && before.distance === after.distance) return;
      if (!lanes.classList.contains("dragging")) lanes.setPointerCapture(event.pointerId);
      lanes.classList.add("dragging");
      if (pointers.size > 1) zoom(before.distance / after.distance, before.middle);
      view(left + (before.middle - after.middle) * width, width);
    }

    function release(event) {
      pointers.delete(event.pointerId);
      if (!pointers.size) lanes.classList.remove("dragging");
    }

    function wheel(event) {
      if (event.ctrlKey) zoom(2 ** clamp(event.deltaY / 100, -1, 1), placeOf(event.clientX));
      else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) && width < WIDTH) view(left + event.deltaX / lives[0].clientWidth * width, width);
      else return;
      event.preventDefault();
    }

    byId("zoom-in")?.addEventListener("click", () => zoom(0.5));
    byId("zoom-out")?.addEventListener("click", () => zoom(2));
    byId("zoom-reset")?.addEventListener("click", () => view(0, WIDTH));
    lanes.style.touchAction = "pan-y";
    lanes.addEventListener("wheel", wheel, { passive: false });
    lanes.addEventListener("keydown", key);
    lanes.addEventListener("focusin", (event) => {
      const lane = event.target.closest(".lane");
      if (!lane) return;
      enter(lane);
      if (!pointers.size) move(lane, 0);
    });
    lanes.addEventListener("pointerdown", (event) => {
      point(event);
      if (event.button === 0 && !event.target.closest(".lane-name")) pointers.set(event.pointerId, event.clientX);
    });
    lanes.addEventListener("pointermove", drag);
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) lanes.addEventListener(end, release);
    new ResizeObserver(() => view(left, width)).observe(lanes);
    enter(all[0]);
  }

  // The calendar

  /** Moves over the days by arrow keys, and tells about the day under the pointer or the keyboard. */
  function calendar(showDay) {
    const section = byId("calendar");
    const days = [...(section?.querySelectorAll("svg [data-day]") ?? [])];
    if (!days.length) return;
    const svg = days[0].ownerSVGElement;
    const byDay = new Map(days.map((day) => [day.dataset.day, day]));
    const detail = byId("calendar-detail") ?? element("p", { id: "calendar-detail", "aria-live": "polite" });
    if (!detail.isConnected) svg.after(detail);
    // An image has no parts for a screen reader.
    svg.setAttribute("role", "group");
    let current = days.at(-1);
    const enter = (day) => {
      current.setAttribute("tabindex", -1);
      current = day;
      if (showDay) day.setAttribute("role", "button");
      day.setAttribute("tabindex", 0);
    };
    const dayOf = (event) => event.target.closest("[data-day]");
    const tell = (event) => {
      const day = dayOf(event);
      if (day) detail.textContent = day.querySelector("title")?.textContent ?? day.dataset.day;
    };
    const later = (count) => {
      const time = Date.parse(current.dataset.day) + count * DAY * 1000;
      return byDay.get(new Date(time).toISOString().slice(0, 10));
    };
    // A week is a column or a row.
    const isColumn = days.length < 2 || days[0].getAttribute("x") === days[1].getAttribute("x")
      || days.length < 3 || days[1].getAttribute("x") === days[2].getAttribute("x");
    const [across, down] = isColumn ? [7, 1] : [1, 7];
    svg.addEventListener("keydown", (event) => {
      if (!dayOf(event) || event.ctrlKey || event.metaKey || event.altKey) return;
      const next = {
        ArrowLeft: () => later(-across), ArrowRight: () => later(across), ArrowUp: () => later(-down), ArrowDown: () => later(down),
        Home: () => days[0], End: () => days.at(-1),
      }[event.key];
      if (next) {
        event.preventDefault();
        const day = next();
        if (day) enter(day);
        current.focus();
      } else if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        showDay?.(current.dataset.day);
      }
    });
    svg.addEventListener("pointerover", tell);
    svg.addEventListener("focusin", (event) => {
      tell(event);
      if (dayOf(event)) enter(dayOf(event));
    });
    svg.addEventListener("click", (event) => {
      if (dayOf(event)) showDay?.(dayOf(event).dataset.day);
    });
    enter(current);
  }

  document.documentElement.classList.add("scripted");
  const actions = readActions();
  const showDay = actionTable(actions);
  fleet(actions);
  calendar(showDay);
})();
