// SPDX-License-Identifier: Apache-2.0
// Summary, filters, theme, and the choice between the two views. The address holds the open case, #case=..., so that
// a finding can be linked to and the browser's back button works.
const kThemes = ["auto", "light", "dark"];
const outcomesChosen = new Set();
const at = (id) => document.getElementById(id);

function stored(name, value) {  // browsers may deny storage to a local file
  try {
    if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function setTheme(theme) {
  if (theme === "auto") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = theme;
  at("theme").textContent = "theme: " + theme;
}

function nextTheme() {
  const now = document.documentElement.dataset.theme ?? "auto";
  const next = kThemes[(kThemes.indexOf(now) + 1) % kThemes.length];
  setTheme(next);
  stored("w4bisect-theme", next);
}

function refresh() {
  const shown = selected(outcomesChosen, at("search").value, at("order").value);
  at("shown").textContent = `${grouped(shown.length)} of ${grouped(records.length)} cases`;
  list.show(shown);
}

function outcomeButtons() {
  return h("div", {class: "outcomes", role: "group", "aria-label": "outcomes to show; none chosen: all"},
    data.outcomes.map((outcome, i) => data.counts[i] === 0 ? null :
      h("button", {type: "button", "data-outcome": outcome, "aria-pressed": "false", onclick: (event) => {
        const chosen = !outcomesChosen.has(outcome);
        if (chosen) outcomesChosen.add(outcome); else outcomesChosen.delete(outcome);
        event.currentTarget.setAttribute("aria-pressed", String(chosen));
        refresh();
      }}, h("b", {}, grouped(data.counts[i])), sign(outcome))));
}

function bar() {
  return h("div", {class: "bar", "aria-hidden": "true"}, data.outcomes.map((outcome, i) => data.counts[i] === 0 ? null :
    h("i", {class: outcome, style: `flex:${data.counts[i]}`, title: `${data.counts[i]} ${outcome}`})));
}

function headingFacts() {
  const {set, selection, cases, shard} = data.heading;
  const seconds = records.reduce((sum, record) => sum + record.seconds, 0);
  return facts([
    ["set", set],
    ["selection", selection.join(" ") || "all"],
    ["shard", shard[1] === 1 ? null : `${shard[0]} of ${shard[1]}`],
    ["cases", records.length === cases ? grouped(cases) : `${grouped(records.length)} here, of ${grouped(cases)}`],
    ["time", `${seconds.toFixed(1)} s, cases added up`],
  ]);
}

function foundTable() {
  const found = findings();
  if (found.length === 0) return h("p", {class: "note"}, "No red case has a finding.");
  const kMost = 12;
  const row = ([line, count]) => h("tr", {}, h("td", {class: "number"}, grouped(count)),
    h("td", {class: "found"}, h("button", {type: "button", title: "show these cases", onclick: () => {
      at("search").value = line.split(/[\s;]+/).join(" ");
      refresh();
    }}, line)));
  return h("div", {}, h("table", {}, found.slice(0, kMost).map(row)),
           found.length > kMost ? h("p", {class: "note"}, `and ${found.length - kMost} other findings`) : null);
}

/** A case that is not in the result has no page to link to. */
function newsTable() {
  const kMost = 100;
  const row = ({kind, name, text}) => h("tr", {}, h("td", {class: "kind"}, kind),
    h("td", {class: "mono"}, recordOf.has(name) ? h("a", {href: hashOf({name})}, name) : name), h("td", {}, text));
  return h("div", {class: "wide"}, h("table", {class: "ruled"}, h("tbody", {}, news.slice(0, kMost).map(row))),
           news.length > kMost ? h("p", {class: "note"}, `and ${grouped(news.length - kMost)} more`) : null);
}

function baseline() {
  if (!data.news) return null;
  const failures = known.size === 0 ? null : h("p", {class: "note"}, `${grouped(known.size)} known failures are no news.`);
  return h("section", {id: "news", "aria-label": "news against the baseline"}, h("h3", {}, "Against the baseline"),
           news.length === 0 ? h("p", {}, "No news.") : newsTable(), failures);
}

function leftOut() {
  const {findings: without, pictures} = data.left_out;
  const red = records.filter((record) => kRed.has(record.outcome)).length;
  const lines = [];
  if (pictures > 0) lines.push(`Pictures are left out for ${grouped(pictures)} of ${grouped(red)} red cases`);
  if (without > 0) lines.push(`the finding for ${grouped(without)}`);
  return lines.length === 0 ? null :
    h("p", {class: "note", id: "left-out"}, lines.join(", ") + ", to keep this file small. Each case's command with --html FILE draws them.");
}

function summary() {
  at("set").textContent = data.heading.set;
  document.title = `w4bisect ${data.heading.set}: ${data.counts_text}`;
  at("summary").replaceChildren(...[outcomeButtons(), bar(), baseline(),
    h("div", {class: "columns"}, h("div", {}, h("h3", {}, "Run"), headingFacts()), h("div", {}, h("h3", {}, "Findings of red cases"), foundTable())),
    leftOut()].filter(Boolean));
}

/** In print the list holds red cases only. */
function printed() {
  const kMost = 1000;
  const red = records.filter((record) => kRed.has(record.outcome));
  if (red.length === 0) return;
  at("printed").replaceChildren(h("h3", {}, "Red cases" + (red.length > kMost ? `, the first ${kMost} of ${red.length}` : "")),
    table(["outcome", "case", "max z", "finding or reason"], red.slice(0, kMost).map((record) =>
      [sign(record.outcome), record.name, record.error ? figure(record.error[0]) : "", record.known ?? (record.finding || record.reason)]), [2]));
}

function route() {
  const found = location.hash.match(/^#case=(.*)$/);
  const record = found ? recordOf.get(decodeURIComponent(found[1])) : records.length === 1 && !data.news ? records[0] : undefined;
  const wasOpen = !at("finding").hidden;
  at("overview").hidden = record !== undefined;
  at("finding").hidden = record === undefined;
  if (record) {
    draw(record);
    scrollTo(0, 0);
    at("case").focus({preventScroll: true});
    const place = list.shown.indexOf(record);
    if (place >= 0) list.active = place;
  } else {
    list.reveal();
    if (wasOpen) list.box.focus({preventScroll: true});
  }
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input, select");
  const link = {"[": "previous", "]": "next"}[event.key];
  if (event.key === "Escape" && !at("finding").hidden) location.hash = "";
  else if (event.key === "Escape" && event.target === at("search")) { at("search").value = ""; refresh(); }
  else if (event.key === "ArrowDown" && event.target === at("search")) list.box.focus();
  else if (event.key === "/" && !typing && at("finding").hidden) at("search").focus();
  else if (link && !typing && !at("finding").hidden)
    [...document.querySelectorAll("nav a")].find((a) => a.textContent.includes(link))?.click();
  else return;
  event.preventDefault();
}

document.body.prepend(hatches());
setTheme(kThemes.includes(stored("w4bisect-theme")) ? stored("w4bisect-theme") : "auto");
summary();
printed();
at("theme").addEventListener("click", nextTheme);
at("search").addEventListener("input", refresh);
at("order").addEventListener("change", refresh);
at("controls").addEventListener("submit", (event) => { event.preventDefault(); list.box.focus(); });
addEventListener("keydown", key);
addEventListener("hashchange", route);
refresh();
route();
