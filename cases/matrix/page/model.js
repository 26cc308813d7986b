// SPDX-License-Identifier: Apache-2.0
// The data of this page: the list of cases, read at once, and the finding of each case, read when its page is opened.
const kSigns = {pass: "✓", fail: "✗", flaky: "≈", unsupported: "–", skipped: "○", crashed: "☠", "timed-out": "∞", unreadable: "⁇"};
const kRed = new Set(["fail", "flaky", "crashed", "timed-out", "unreadable"]);

const data = JSON.parse(document.getElementById("data").textContent);

// News against a baseline, and its known failures; both empty without a baseline.
const news = (data.news?.items ?? []).map(([kind, name, text]) => ({kind, name, text}));
const known = new Map(Object.entries(data.news?.known ?? {}));

const records = data.records.map((row, index) => {
  const [name, outcome, reason, seconds, error, repeated, finding, rerun, rounding] = row;
  const record = {index, name, outcome: data.outcomes[outcome], reason, seconds, error, repeated, finding, rerun, rounding,
                  known: known.get(name) ?? null};
  record.words = [name, record.outcome, finding, reason, record.known].join(" ").toLowerCase();
  return record;
});
const recordOf = new Map(records.map((record) => [record.name, record]));

/** {finding, pictures} of a record, either of them null when this page does not carry it. */
function detailOf(record) {
  const element = document.getElementById("detail-" + record.index);
  return element ? JSON.parse(element.textContent) : {finding: null, pictures: null};
}

/** The records to show: of the chosen outcomes (none chosen: all), containing every word. */
function selected(outcomes, text, order) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = records.filter((record) =>
    (outcomes.size === 0 || outcomes.has(record.outcome)) && words.every((word) => record.words.includes(word)));
  const rank = {
    red: (record) => (!kRed.has(record.outcome) ? 2 : record.known ? 1 : 0),
    z: (record) => -(record.error ? record.error[0] ?? Infinity : -1),
    slow: (record) => -record.seconds,
    set: () => 0,
  }[order];
  const by = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return found.sort((a, b) => by(rank(a), rank(b)) || a.index - b.index);
}

/** [finding, how many red cases have it], most frequent first. */
function findings() {
  const counts = new Map();
  for (const record of records)
    if (kRed.has(record.outcome) && record.finding)
      counts.set(record.finding, (counts.get(record.finding) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/** "1.2e+04", "3.37"; "–" where nothing could be judged. */
function figure(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  return Math.abs(value) >= 1e4 || Math.abs(value) < 1e-3 ? value.toExponential(2) : String(+value.toPrecision(4));
}

function grouped(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** An element: h("p", {class: "note"}, "text", child...). Null children are left out. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {}))
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) element.setAttribute(name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function sign(outcome) {
  return h("span", {class: "sign " + outcome}, kSigns[outcome] + " " + outcome);
}
