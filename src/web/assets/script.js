// Makes a document easier to explore. Every document works without it, and each part leaves a missing section alone.
// Text of the archive is foreign: it becomes text nodes and attributes, never markup.
"use strict";
(() => {
  const DAY = 86400;
  /** The width of a lane in its own units. */
  const WHOLE = 100000;
  const byId = (id) => document.getElementById(id);
  const clamp = (value, low, high) => Math.max(Math.min(value, high), low);
  const { compare } = new Intl.Collator("en", { numeric: true });

  const maker = (namespace) => (name, attributes = {}, ...children) => {
    const node = document.createElementNS(namespace, name);
    for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value);
    node.append(...children);
    return node;
  };
  const element = maker("http://www.w3.org/1999/xhtml");
  const drawing = maker("http://www.w3.org/2000/svg");
  /** Isolates text of unknown direction from the text around it. */
  const foreign = (text) => element("bdi", {}, text);

  /** Local seconds as `2026-11-28 14:03:07`. */
  const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");

  /** A duration in its two largest units, without a second unit of zero. */
  function duration(seconds) {
    const units = [[DAY, "d"], [3600, "h"], [60, "m"], [1, "s"]];
    const largest = units.findIndex(([length]) => seconds >= length);
    if (largest < 0) return "0s";
    const [[length, name], [smaller, second] = [1, "s"]] = units.slice(largest, largest + 2);
    const rest = Math.floor((seconds % length) / smaller);
    return `${Math.floor(seconds / length)}${name}${rest ? ` ${rest}${second}` : ""}`;
  }

  const COLUMNS = ["id", "started", "type", "status", "took", "resource", "region"];

  /** The embedded actions, newest first. An action is the index of its row. An unknown number is NaN. */
  class Actions {
    constructor(data) {
      this.data = data;
      this.length = data.id.length;
      for (const column of ["id", "started", "local", "took"]) this[column] = new Float64Array(this.length);
      for (let row = 0; row < this.length; row += 1) {
        this.id[row] = Number(data.id[row]);
        this.started[row] = data.started[row] ?? NaN;
        this.local[row] = this.started[row] + data.offset[row];
        this.took[row] = data.took[row] >= 0 ? data.took[row] ?? NaN : NaN;
      }
      const resource = data.resource.names.map(([name, ...rest]) => name ?? rest.filter((part) => part !== null).join(" "));
      this.names = { type: data.type.names, status: data.status.names, region: data.region.names, resource };
    }

    text(column, row) {
      if (column === "id") return this.data.id[row];
      if (column === "started") return Number.isNaN(this.local[row]) ? "" : clock(this.local[row]);
      if (column !== "took") return this.names[column][this.data[column].rows[row]] ?? "";
      if (this.text("status", row) === "in-progress") return "in progress";
      return Number.isNaN(this.took[row]) ? "" : duration(this.took[row]);
    }

    /** The name, the type and the number of an action's resource. */
    resourceOf(row) { return this.data.resource.names[this.data.resource.rows[row]] ?? [null, null, null]; }

    /** The actions of each droplet that have a start, oldest first. */
    byDroplet() {
      const droplets = new Map();
      for (let row = this.length - 1; row >= 0; row -= 1) {
        const [, type, number] = this.resourceOf(row);
        if (type !== "droplet" || Number.isNaN(this.started[row])) continue;
        if (!droplets.has(`${number}`)) droplets.set(`${number}`, []);
        droplets.get(`${number}`).push(row);
      }
      return droplets;
    }

    /** All actions in an order. The unknown comes last in both directions. */
    sorted({ column, sign }) {
      const rows = Uint32Array.from({ length: this.length }, (_, row) => row);
      if (column === "started" && sign < 0) return rows;
      const names = this.names[column] ?? [];
      const ranks = [];
      [...names.keys()].sort((a, b) => compare(names[a], names[b])).forEach((index, rank) => { ranks[index] = rank; });
      const numbers = this[column] ?? Float64Array.from(this.data[column].rows, (index) => ranks[index] ?? NaN);
      const keys = numbers.map((number) => (Number.isNaN(number) ? Number.MAX_VALUE : sign * number));
      return rows.sort((a, b) => keys[a] - keys[b]);
    }

    /** The conditions that an action has to meet. */
    conditions(wanted) {
      const { data, local } = this;
      const conditions = [];
      for (const word of wanted.text.toLowerCase().split(/\s+/).filter(Boolean)) {
        const has = (text) => String(text ?? "").toLowerCase().includes(word);
        const [types, regions] = [data.type.names.map(has), data.region.names.map(has)];
        const resources = data.resource.names.map(([name, , number]) => has(name) || has(number));
        const mayBeId = /^\d+$/.test(word);
        conditions.push((row) => types[data.type.rows[row]] || regions[data.region.rows[row]] || resources[data.resource.rows[row]]
          || (mayBeId && has(this.text("id", row))));
      }
      for (const column of ["type", "status", "region"]) {
        const index = this.names[column].indexOf(wanted[column]);
        if (wanted[column]) conditions.push((row) => data[column].rows[row] === index);
      }
      if (wanted.droplet) {
        const droplets = data.resource.names.map(([name, type, number]) => (type === "droplet" ? [name ?? "", `${number}`] : []));
        // A part of a name means all droplets with it, unless it is the whole name of one.
        const isWhole = droplets.some((texts) => texts.includes(wanted.droplet));
        const is = droplets.map((texts) => texts.some((text) => (isWhole ? text === wanted.droplet : text.includes(wanted.droplet))));
        conditions.push((row) => is[data.resource.rows[row]]);
      }
      if (wanted.day) {
        const day = Date.parse(wanted.day) / 1000;
        conditions.push((row) => local[row] >= day && local[row] < day + DAY);
      }
      return conditions;
    }

    /** CSV of RFC 4180, with the columns of `archiver query`. A text that looks like a formula is quoted too. */
    csv(rows) {
      const time = (seconds) => (Number.isNaN(seconds) ? "" : `${clock(seconds).replace(" ", "T")}Z`);
      const field = (value) => (/[",\r\n]|^[=+\-@]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
      const lines = Array.from(rows, (row) => {
        const [name, type, number] = this.resourceOf(row);
        const ended = this.started[row] + (this.data.took[row] ?? NaN);
        const took = Number.isNaN(this.took[row]) ? "" : this.took[row];
        return [this.text("id", row), this.text("status", row), this.text("type", row), time(this.started[row]), time(ended), took,
          type === "droplet" ? name : null, number, type, this.text("region", row)].map((value) => field(`${value ?? ""}`)).join(",");
      });
      const header = "id,status,type,started_at,completed_at,duration_seconds,droplet_name,resource_id,resource_type,region_slug";
      return [header, ...lines, ""].join("\n");
    }
  }

  /** Keeps only the rows near the visible ones in the document. All rows have the same height. */
  class VirtualBody {
    constructor(table, makeRow) {
      Object.assign(this, { table, makeRow, count: 0, height: 40, isMeasured: false, drawn: new Map(), body: table.tBodies[0] });
      const spacer = () => element("tr", { class: "spacer", "aria-hidden": "true" }, element("td", { colspan: COLUMNS.length }));
      [this.above, this.below] = [spacer(), spacer()];
      this.body.replaceChildren(this.above, this.below);
      this.scroller = table.parentElement;
      this.scroller.classList.add("virtual");
      this.scroller.style.overflowAnchor = "none";
      this.scroller.addEventListener("scroll", () => this.drawVisible(), { passive: true });
      addEventListener("resize", () => this.measure());
      addEventListener("beforeprint", () => this.draw(0, Math.min(this.count, 500)));
    }

    show(count) {
      this.count = count;
      this.table.setAttribute("aria-rowcount", count + 1);
      this.draw(0, 0);
      this.draw(0, Math.min(count, 30));
      // At first the document has no layout yet, and asking for it would delay everything else.
      if (!this.isMeasured) { requestAnimationFrame(() => this.measure()); return; }
      this.scroller.scrollTop = 0;
      this.drawVisible();
    }

    measure() {
      const [row] = this.drawn.values();
      this.height = row?.getBoundingClientRect().height || this.height;
      this.isMeasured = row !== undefined;
      this.drawVisible();
    }

    drawVisible() {
      const { scrollTop, clientHeight } = this.scroller;
      // An even number of rows above keeps the stripes where they are.
      const first = clamp(2 * Math.floor(scrollTop / this.height / 2) - 10, 0, this.count);
      this.draw(first, clamp(Math.ceil((scrollTop + clientHeight) / this.height) + 10, first, Math.min(first + 300, this.count)));
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
        if (!this.drawn.has(position)) {
          const row = this.makeRow(position);
          row.setAttribute("aria-rowindex", position + 2);
          this.drawn.set(position, row);
          previous.after(row);
        }
        previous = this.drawn.get(position);
      }
      for (const [spacer, rows] of [[this.above, first], [this.below, this.count - last]]) {
        spacer.hidden = rows <= 0;
        spacer.style.height = `${rows * this.height}px`;
      }
      if (hadFocus && !this.body.contains(document.activeElement)) this.scroller.focus({ preventScroll: true });
    }
  }

  function makeRow(actions, row, isLinked) {
    const [, type, number] = actions.resourceOf(row);
    const links = isLinked ? { id: `show/${actions.text("id", row)}`, resource: type === "droplet" && `timeline/${number}` } : {};
    return element("tr", {}, ...COLUMNS.map((column) => {
      const text = actions.text(column, row);
      const content = links[column] ? element("a", { href: links[column] }, foreign(text)) : foreign(text);
      const cell = element("td", text.length > 20 ? { title: text } : {}, content);
      if (column === "status") cell.className = `status ${["completed", "errored", "in-progress"].includes(text) ? text : "other"}`;
      return cell;
    }));
  }

  /** Fills the lists of the controls. */
  function fillControls(controls, { data }) {
    const droplets = data.resource.names.filter(([, type]) => type === "droplet").map(([name, , number]) => name ?? `${number}`);
    const choices = { droplet: [...new Set(droplets)], type: data.type.names, status: data.status.names, region: data.region.names };
    for (const [name, values] of Object.entries(choices)) {
      const options = [...values].sort(compare).map((value) => element("option", { value, dir: "auto" }, value.slice(0, 80)));
      (controls[name]?.list ?? controls[name])?.append(...options);
    }
  }

  function download(text, name) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    element("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  /** Filters and sorts the table of actions. Returns the function that shows only one day. */
  function actionTable(actions) {
    const table = byId("actions")?.querySelector("table");
    if (!actions || !table?.tHead || !table.tBodies[0]) return undefined;
    const controls = {};
    for (const name of ["text", "droplet", "type", "status", "region"]) controls[name] = byId(`filter-${name}`);
    const headings = [...table.tHead.rows[0].cells].slice(0, COLUMNS.length);
    let [order, view, sort, day] = [[], [], {}, ""];
    const body = new VirtualBody(table, (position) => makeRow(actions, view[position], table.hasAttribute("data-linked")));
    const dayButton = element("button", { type: "button", id: "filter-day" });
    byId("download-csv")?.before(dayButton);

    function show() {
      const wanted = { day };
      for (const [name, control] of Object.entries(controls)) wanted[name] = control?.value ?? "";
      const conditions = actions.conditions(wanted);
      view = order.filter((row) => conditions.every((condition) => condition(row)));
      body.show(view.length);
      dayButton.hidden = !day;
      dayButton.textContent = `Only ${day}: show all days`;
      byId("shown")?.replaceChildren(`${view.length.toLocaleString("en")} of ${actions.length.toLocaleString("en")} actions`);
      remember(wanted);
    }

    function sortBy(column, sign) {
      order = actions.sorted({ column, sign });
      sort = { column, sign };
      for (const heading of headings) heading.removeAttribute("aria-sort");
      headings[COLUMNS.indexOf(column)]?.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    }

    /** Keeps the filters in the address, so that a reload or a bookmark shows the same. */
    function remember(wanted) {
      const kept = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
      if (sort.column !== "started" || sort.sign > 0) kept.set("sort", `${sort.sign < 0 ? "-" : ""}${sort.column}`);
      const hash = `#${kept}`;
      if (hash !== location.hash && (hash !== "#" || location.hash.includes("="))) history.replaceState(null, "", hash);
    }

    function recall() {
      const kept = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
      for (const [name, control] of Object.entries(controls)) {
        if (!control) continue;
        control.value = kept.get(name) ?? "";
        if (control.selectedIndex === -1) control.value = "";
      }
      const [, minus, column] = /^(-?)(.*)$/.exec(kept.get("sort") ?? "");
      if (COLUMNS.includes(column)) sortBy(column, minus ? -1 : 1);
      else sortBy("started", -1);
      [day] = /^\d{4}-\d\d-\d\d$/.exec(kept.get("day")) ?? [""];
      show();
    }

    function showDay(wanted) {
      day = wanted;
      show();
      (day ? dayButton : controls.text ?? body.scroller).focus();
    }

    headings.forEach((heading, index) => {
      // Paper has no buttons, so that the style prints this title.
      heading.dataset.title = heading.textContent;
      const button = element("button", { type: "button" }, ...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const column = COLUMNS[index];
        sortBy(column, sort.column === column ? -sort.sign : actions.names[column] ? 1 : -1);
        show();
      });
    });
    fillControls(controls, actions);
    for (const control of Object.values(controls)) {
      control?.setAttribute("autocomplete", "off");
      control?.addEventListener("input", show);
    }
    byId("download-csv")?.addEventListener("click", () => download(actions.csv(view), "actions.csv"));
    dayButton.addEventListener("click", () => showDay(""));
    addEventListener("hashchange", () => { if (location.hash.includes("=")) recall(); });
    recall();
    return showDay;
  }

  /** Returns a function from UTC to the local time of a zone, both in seconds. An unknown zone is UTC. */
  function localTime(zone) {
    try {
      const format = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
      const local = (seconds) => Date.parse(`${format.format(seconds * 1000).replace(" ", "T")}Z`) / 1000;
      if (!Number.isNaN(local(0))) return local;
    } catch { /* The browser does not know the zone. */ }
    return (seconds) => seconds;
  }

  /** The round times between two local times, with their labels. `shortest` is the least distance of two. */
  function* ticks(from, to, shortest) {
    const step = [3600, 3 * 3600, 6 * 3600, 12 * 3600, DAY, 7 * DAY].find((seconds) => seconds >= shortest);
    if (step) {
      const monday = step > DAY ? 4 * DAY : 0;
      for (let time = Math.floor((from - monday) / step) * step + monday; time <= to; time += step) {
        yield [time, step < DAY ? clock(time).slice(5, 16) : clock(time).slice(0, 10)];
      }
      return;
    }
    const months = [1, 3, 6, 12, 24, 60].find((count) => count * 30 * DAY >= shortest) ?? 120;
    const first = new Date(from * 1000);
    const start = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
    const timeOf = (month) => Date.UTC(2000, month - 2000 * 12) / 1000;
    for (let month = start; timeOf(month) <= to; month += months) {
      yield [timeOf(month), clock(timeOf(month)).slice(0, months < 12 ? 7 : 4)];
    }
  }

  /** The visible part of the fleet's lanes. A place is a fraction of the visible width. */
  class Lanes {
    constructor(lanes, svgs, zone) {
      Object.assign(this, { svgs, left: 0, width: WHOLE, local: localTime(zone) });
      this.from = Number(lanes.dataset.from);
      this.perUnit = (Number(lanes.dataset.to) - this.from) / WHOLE;
    }

    x(time) { return (time - this.from) / this.perUnit; }
    time(place) { return this.from + (this.left + place * this.width) * this.perUnit; }
    place(clientX) {
      const box = this.svgs[0].getBoundingClientRect();
      return (clientX - box.left) / (box.width || 1);
    }

    /** Changes how much is visible. The time at one place moves to another. */
    zoom(factor, place = 0.5, target = place) {
      const width = clamp(this.width * factor, WHOLE / 10000, WHOLE);
      this.show(this.left + place * this.width - target * width, width);
    }

    show(left, width) {
      this.width = width;
      this.left = clamp(left, 0, WHOLE - width);
      const pixels = this.svgs[0].clientWidth || 1;
      for (const svg of this.svgs) svg.setAttribute("viewBox", `${this.left} 0 ${width} 24`);
      byId("fleet-axis")?.querySelector("svg")?.replaceChildren(...this.axis(this.time(0), width * this.perUnit, pixels));
    }

    * axis(start, span, pixels) {
      for (const [tick, label] of ticks(this.local(start), this.local(start + span), span / pixels * 90)) {
        const place = (2 * tick - this.local(tick) - start) / span;
        if (place < 0 || place * pixels + label.length * 7 > pixels) continue;
        const x = `${place * 100}%`;
        yield drawing("g", {}, drawing("text", { x, dx: 3, y: 12 }, label), drawing("line", { x1: x, x2: x, y1: 0, y2: 24 }));
      }
    }
  }

  /** Zooms and pans the fleet, and tells about the action under the pointer or the keyboard. */
  function fleet(actions) {
    const container = byId("lanes");
    const all = [...(container?.querySelectorAll(".lane") ?? [])];
    if (!all.length || !(Number(container.dataset.to) > Number(container.dataset.from))) return;
    const lanes = new Lanes(container, all.map((lane) => lane.querySelector("svg")), actions?.data.zone);
    const mark = drawing("path", { class: "mark", "vector-effect": "non-scaling-stroke" });
    const pointers = new Map();
    let [time, current, droplets] = [Number(container.dataset.to), null, null];

    /** The index of the event that is nearest to the current time. */
    function nearest(events) {
      const distances = events.map((row) => Math.abs(actions.started[row] - time));
      return distances.reduce((best, distance, index) => (distance <= distances[best] ? index : best), 0);
    }

    /** Tells about the event of a lane that is `steps` after the current one, or else about the nearest one. */
    function tell(lane, steps = 0) {
      droplets ??= actions?.byDroplet() ?? new Map();
      const events = droplets.get(lane.dataset.droplet) ?? [];
      const index = steps && events.includes(current) ? events.indexOf(current) : nearest(events);
      current = events[clamp(index + steps, 0, events.length - 1)];
      const detail = byId("fleet-detail");
      mark.remove();
      if (current === undefined) {
        detail?.replaceChildren(foreign(lane.getAttribute("aria-label") ?? ""));
        return;
      }
      mark.setAttribute("d", `M${lanes.x(actions.started[current])} 0V24`);
      lane.querySelector("svg").append(mark);
      const text = (column) => actions.text(column, current);
      const took = Number.isNaN(actions.took[current]) ? "" : `, took ${text("took")}`;
      detail?.replaceChildren(foreign(text("resource")), ": ", foreign(text("type")), ", ", foreign(text("status")), `, ${text("started")}${took}`);
    }

    /** Moves by events of a lane, and keeps the event in view. */
    function move(lane, steps) {
      tell(lane, steps);
      time = actions?.started[current] ?? time;
      const place = (lanes.x(time) - lanes.left) / lanes.width;
      if (place < 0 || place > 1) lanes.zoom(1, place, 0.5);
    }

    function key(event) {
      const index = all.indexOf(event.target);
      if (index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      const place = clamp((lanes.x(time) - lanes.left) / lanes.width, 0, 1);
      const focus = (next) => all[clamp(next, 0, all.length - 1)].focus();
      const deed = {
        "+": () => lanes.zoom(0.5, place), "=": () => lanes.zoom(0.5, place), "-": () => lanes.zoom(2, place),
        0: () => lanes.show(0, WHOLE), ArrowLeft: () => move(all[index], -1), ArrowRight: () => move(all[index], 1),
        ArrowUp: () => focus(index - 1), ArrowDown: () => focus(index + 1),
      }[event.key];
      if (deed) event.preventDefault();
      deed?.();
    }

    function point(event) {
      const lane = event.target.closest(".lane");
      time = lanes.time(lanes.place(event.clientX));
      if (lane) tell(lane);
    }

    /** The middle of the fingers and their distance. */
    function fingers() {
      const places = [...pointers.values()].map((x) => lanes.place(x));
      const [low, high] = [Math.min(...places), Math.max(...places)];
      return { middle: (low + high) / 2, distance: Math.max(high - low, 0.05) };
    }

    function drag(event) {
      if (!pointers.has(event.pointerId)) { point(event); return; }
      if (event.clientX === pointers.get(event.pointerId)) return;
      const before = fingers();
      pointers.set(event.pointerId, event.clientX);
      const after = fingers();
      container.setPointerCapture(event.pointerId);
      container.classList.add("dragging");
      lanes.zoom(before.distance / after.distance, before.middle, after.middle);
    }

    function release(event) {
      pointers.delete(event.pointerId);
      if (!pointers.size) container.classList.remove("dragging");
    }

    function wheel(event) {
      if (!event.ctrlKey) return;
      event.preventDefault();
      lanes.zoom(2 ** clamp(event.deltaY / 100, -1, 1), lanes.place(event.clientX));
    }

    /** Tab stops at one lane only; the arrow keys lead to the others. */
    const enter = (lane) => all.forEach((other) => { other.tabIndex = other === lane ? 0 : -1; });
    enter(all[0]);
    byId("zoom-in")?.addEventListener("click", () => lanes.zoom(0.5));
    byId("zoom-out")?.addEventListener("click", () => lanes.zoom(2));
    byId("zoom-reset")?.addEventListener("click", () => lanes.show(0, WHOLE));
    container.style.touchAction = "pan-y";
    container.addEventListener("wheel", wheel, { passive: false });
    container.addEventListener("keydown", key);
    container.addEventListener("focusin", (event) => {
      const lane = event.target.closest(".lane");
      if (!lane) return;
      enter(lane);
      if (!pointers.size) move(lane, 0);
    });
    container.addEventListener("pointerdown", (event) => {
      point(event);
      if (event.button === 0 && event.target.closest(".life")) pointers.set(event.pointerId, event.clientX);
    });
    container.addEventListener("pointermove", drag);
    for (const end of ["pointerup", "pointercancel"]) container.addEventListener(end, release);
    new ResizeObserver(() => lanes.zoom(1)).observe(container);
  }

  /** Moves over the days by arrow keys, and tells about the day under the pointer or the keyboard. */
  function calendar(showDay) {
    const days = [...(byId("calendar")?.querySelectorAll("svg [data-day]") ?? [])];
    if (!days.length) return;
    const svg = days[0].ownerSVGElement;
    const byDay = new Map(days.map((day) => [day.dataset.day, day]));
    let current = byDay.get([...byDay.keys()].sort().at(-1));

    function enter(day) {
      current.setAttribute("tabindex", -1);
      current = day;
      current.setAttribute("tabindex", 0);
      if (showDay) current.setAttribute("role", "button");
    }

    /** Runs `then` with the day of an event. */
    const withDay = (then) => (event) => {
      const day = event.target.closest("[data-day]");
      if (day) then(day, event);
    };
    const tell = (day) => byId("calendar-detail")?.replaceChildren(day.querySelector("title")?.textContent ?? day.dataset.day);

    function key(day, event) {
      const days = { ArrowLeft: -7, ArrowRight: 7, ArrowUp: -1, ArrowDown: 1 }[event.key];
      const isChosen = showDay && (event.key === "Enter" || event.key === " ");
      if (!(days || isChosen) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      if (isChosen) { showDay(day.dataset.day); return; }
      const next = new Date(Date.parse(day.dataset.day) + days * DAY * 1000).toISOString().slice(0, 10);
      byDay.get(next)?.focus();
    }

    // An image has no parts that a screen reader could enter.
    svg.setAttribute("role", "group");
    for (const day of days) day.setAttribute("tabindex", -1);
    enter(current);
    svg.addEventListener("keydown", withDay(key));
    svg.addEventListener("pointerover", withDay(tell));
    svg.addEventListener("focusin", withDay((day) => { enter(day); tell(day); }));
    if (showDay) svg.addEventListener("click", withDay((day) => showDay(day.dataset.day)));
  }

  for (const controls of document.querySelectorAll(".controls[hidden]")) controls.hidden = false;
  const rows = byId("rows");
  const actions = rows && new Actions(JSON.parse(rows.textContent));
  const showDay = actionTable(actions);
  fleet(actions);
  calendar(showDay);
})();
