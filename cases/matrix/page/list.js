// SPDX-License-Identifier: Apache-2.0
// The list of cases. Only visible rows are in the document, so that ten thousand cases are as fast as thirty.
const list = {
  box: document.getElementById("list"),
  rows: document.getElementById("rows"),
  shown: [],
  active: 0,

  rowHeight() { return parseFloat(getComputedStyle(this.box).getPropertyValue("--row")); },

  show(shown) {
    const before = this.shown[this.active];
    this.shown = shown;
    this.active = Math.max(0, before ? shown.indexOf(before) : 0);
    this.draw();
    this.reveal();
  },

  draw() {
    const height = this.rowHeight();
    const first = Math.max(0, Math.floor(this.box.scrollTop / height) - 10);
    const last = Math.min(this.shown.length, first + Math.ceil(this.box.clientHeight / height) + 20);
    this.rows.style.height = this.shown.length * height + "px";
    // The box has no height until its rows have one: measured again.
    const end = Math.min(this.shown.length, Math.max(last, first + Math.ceil(this.box.clientHeight / height) + 20));
    const drawn = [];
    for (let i = first; i < end; ++i) drawn.push(this.row(i, height));
    this.rows.replaceChildren(...drawn);
    if (this.shown.length > 0) this.box.setAttribute("aria-activedescendant", "row-" + this.active);
    else this.box.removeAttribute("aria-activedescendant");
  },

  row(i, height) {
    const record = this.shown[i];
    const why = record.known ?? (record.finding || record.reason);
    return h("a", {
      id: "row-" + i, class: "row" + (i === this.active ? " active" : ""), role: "option", tabindex: -1,
      href: hashOf(record), title: record.name + (why ? "\n" + why : ""), style: `top:${i * height}px`,
      "aria-selected": i === this.active, "aria-posinset": i + 1, "aria-setsize": this.shown.length,
      onclick: () => { this.active = i; },
    },
    sign(record.outcome), h("span", {}, record.name),
    h("span", {class: "number"}, record.error ? figure(record.error[0]) : ""),
    h("span", {class: "number seconds"}, record.seconds.toFixed(2)),
    h("span", {class: "why"}, why));
  },

  move(to) {
    this.active = Math.min(Math.max(0, to), Math.max(0, this.shown.length - 1));
    this.reveal();
  },

  reveal() {
    const height = this.rowHeight(), top = this.active * height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + height > this.box.scrollTop + this.box.clientHeight)
      this.box.scrollTop = top + height - this.box.clientHeight;
    this.draw();
  },

  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / this.rowHeight()) - 1);
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity};
    if (event.key in steps) this.move(this.active + steps[event.key]);
    else if (event.key === "Enter" && this.shown.length > 0) location.hash = hashOf(this.shown[this.active]);
    else return;
    event.preventDefault();
  },
};

list.box.addEventListener("scroll", () => list.draw(), {passive: true});
list.box.addEventListener("keydown", (event) => list.key(event));
addEventListener("resize", () => list.draw());

function hashOf(record) { return "#case=" + encodeURIComponent(record.name); }
