// SPDX-License-Identifier: Apache-2.0
// The page of one case.
const kVerdictSigns = {ok: "✓", broken: "✗", "not-reached": "▸", "not-visible": "·"};

/** A command with a copy button, reachable by keyboard. */
function command(words) {
  const code = h("code", {tabindex: 0}, words);
  const button = h("button", {type: "button", "aria-label": "copy the command"}, "copy");
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(code);
    try {
      await navigator.clipboard.writeText(words);
    } catch {
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  return h("div", {class: "command"}, code, button);
}

/** A table; columns in `numbers` (by index) are right-aligned. */
function table(head, rows, numbers = []) {
  const side = (i) => ({class: numbers.includes(i) ? "number" : "mono"});
  return h("div", {class: "wide"}, h("table", {class: "ruled"},
    h("thead", {}, h("tr", {}, head.map((name, i) => h("th", {...side(i), scope: "col"}, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, i) => h("td", side(i), cell)))))));
}

function gainOf(gain) { return gain === null || gain === undefined ? "–" : gain.toPrecision(6); }

function facts(pairs) {
  return h("table", {class: "facts"}, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => h("tr", {}, h("th", {scope: "row"}, name), h("td", {}, value))));
}

function part(title, ...content) { return [h("h3", {}, title), ...content]; }

function stageStrip(stages) {
  const cell = (line) => h("li", {class: line.verdict, title: `${line.stage}: ${line.verdict}\n${line.evidence}`},
                           h("span", {}, line.stage), `${kVerdictSigns[line.verdict]} ${line.verdict}`);
  return part("Stages, from checkpoint to output",
              h("ol", {class: "strip", "aria-label": "stages and their verdicts"}, stages.map(cell)),
              h("details", {}, h("summary", {}, "evidence of each stage"),
                table(["stage", "verdict", "evidence"], stages.map((line) =>
                  [line.stage, h("span", {class: line.verdict}, line.verdict), line.evidence]))));
}

function culpritOf(culprit) {
  return h("section", {class: "culprit"},
           h("h4", {}, culprit.fault + (culprit.stage ? " in stage " + culprit.stage : "")),
           h("ul", {}, culprit.evidence.map((line) => h("li", {}, line))),
           culprit.cure ? h("p", {}, h("b", {}, "Cure: "), culprit.cure) : null,
           culprit.rerun ? h("p", {class: "note"}, "this fault alone:") : null,
           culprit.rerun ? command(culprit.rerun) : null);
}

function findingOf(finding) {
  const condition = finding.condition;
  return part("Finding", ...finding.culprits.map(culpritOf),
              finding.culprits.length === 0 ? h("p", {}, finding.reason || `verdict: ${finding.verdict}`) : null,
              condition ? h("p", {}, h("b", {}, "Condition: "), condition.text) : null,
              condition ? h("ul", {}, condition.evidence.map((line) => h("li", {}, line))) : null,
              ...finding.notes.map((note) => h("p", {class: "note"}, "note: " + note)));
}

function figureOf(caption, note, ...drawn) {
  return h("figure", {}, h("figcaption", {}, h("b", {}, caption), " " + note), ...drawn);
}

function firstWrong(elements) {
  const rows = elements.map((e) => [String(e.m), String(e.n), e.is ?? figure(e.got), figure(e.want), e.is ? "–" : figure(e.z)]);
  return part(`First ${elements.length} elements beyond the bound`, table(["m", "n", "got", "want", "z"], rows, [0, 1, 2, 3, 4]));
}

function permutationFigure(permutation) {
  const moved = permutation.source.filter((source, place) => source >= 0 && source !== place).length;
  const outside = permutation.source.filter((source) => source < 0).length;
  return figureOf("Recovered permutation:", `${permutation.what}. ${moved} of ${permutation.size} moved` +
    (outside > 0 ? `, ${outside} hold a value from outside these places` : "") + "; the diagonal is right.",
    permutationOf(permutation));
}

function picturesOf(pictures) {
  const {errors, tile, histogram, first_wrong: wrong, permutation} = pictures;
  const all = errors ? errors.levels : [];
  return [
    ...part("Error of the output"),
    h("div", {class: "pictures"},
      errors ? figureOf("Over (m, n):", `the worst element of ${errors.m_per_cell} x ${errors.n_per_cell} a cell.`,
                        errorMap(errors), legend(all)) : null,
      histogram ? figureOf("Histogram of z", "(count, logarithmic); dashed: what rounding alone may leave, N(0, 1).",
                           histogramOf(histogram)) : null,
      tile ? figureOf("Over the tile:", "the worst of the output columns that the code in each lane and slot feeds.",
                      tileMap(tile), legend(tile.levels)) : null,
      permutation ? permutationFigure(permutation) : null),
    ...(wrong && wrong.length > 0 ? firstWrong(wrong) : []),
  ];
}

function launchFacts(finding) {
  const rows = finding.launches.map((l) => [l.kernel, l.grid.join(" x "), l.block.join(" x "),
    `${l.dynamic_shared_bytes} of ${l.dynamic_shared_bytes_allowed} + ${l.static_shared_bytes}`, String(l.registers),
    `sm ${l.binary_version}, PTX ${l.ptx_version}`, l.on_given_stream ? "given" : "another", l.error || "none"]);
  const run = finding.launch ? `${finding.kernel}: ${finding.launch}` : finding.kernel;
  if (rows.length === 0) return part("Launch", h("p", {class: "mono"}, run), h("p", {class: "note"}, "No launch on a GPU was seen."));
  return part("Launch", h("p", {class: "mono"}, run),
              table(["kernel", "grid", "block", "shared bytes: asked of allowed + static", "registers", "built for", "stream",
                     "error"], rows, [4]));
}

function outputFacts(finding) {
  const o = finding.outputs, e = finding.error;
  const passed = (finding.audit ?? []).filter((line) => line.passed).map((line) => line.rule);
  return part("Output", facts([
    ["verdict", finding.verdict], ["fixture", finding.fixture],
    ["outputs", `${o.count}: ${o.zero} zero, ${o.unwritten} never written, ${o.nan} NaN, ${o.inf} inf`],
    ["error", `max z ${figure(e.max_z)} (limit 8), rms z ${figure(e.rms_z)} (limit 1.25), NRMSE ${figure(e.nrmse)}, gain ${gainOf(e.gain)}`],
    ["would pass", finding.verdict === "mismatch" && finding.audit ? passed.join("; ") || "none of the acceptance rules in use" : null],
    ["launches", finding.repeats ? finding.repeats.triage || `${finding.repeats.launches} equal` : null],
    ["first", o.first.map(figure).join("  ")],
  ]));
}

function probesOf(probes) {
  return part("Probes", table(["probe", "rows", "answer", "sees"],
    probes.map((p) => [p.probe, String(p.rows), h("span", {class: p.right ? "ok" : "broken"}, p.answer), p.sees]), [1]));
}

function neighbours(record) {
  const red = records.filter((other) => kRed.has(other.outcome));
  return {before: red.findLast((other) => other.index < record.index), after: red.find((other) => other.index > record.index)};
}

function navigation(record) {
  const {before, after} = neighbours(record);
  const link = (to, words) => (to ? h("a", {href: hashOf(to)}, words) : null);
  return h("nav", {"aria-label": "cases"}, h("a", {href: "#", id: "back"}, "← all cases (Esc)"),
           link(before, "[ previous red"), link(after, "next red ]"));
}

/** What this page leaves out, and how to get it. */
function missing(record, detail) {
  if (!kRed.has(record.outcome) || (detail.finding && detail.pictures)) return [];
  const what = detail.finding ? "pictures" : "finding";
  const left = detail.finding ? data.left_out.pictures : data.left_out.findings;
  const why = left > 0 ? `This page leaves out the ${what} of ${left} cases to stay small; the command above with --html FILE draws them.`
                       : `The result holds no ${what} of this case.`;
  return [h("p", {class: "note"}, why)];
}

function draw(record) {
  const detail = detailOf(record), finding = detail.finding;
  const repeated = record.repeated ? `, ${record.repeated[1]} of ${record.repeated[0]} runs failed` : "";
  document.getElementById("finding").replaceChildren(...[
    records.length > 1 || data.news ? navigation(record) : null,
    h("h2", {tabindex: -1, id: "case"}, record.name),
    h("p", {}, sign(record.outcome), ` in ${record.seconds.toFixed(2)} s${repeated}${record.reason ? ": " + record.reason : ""}`),
    record.known ? h("p", {class: "note"}, record.known) : null,
    ...news.filter((item) => item.name === record.name).map((item) => h("p", {}, h("b", {}, item.kind + ": "), item.text)),
    record.rounding ? h("p", {}, h("b", {}, "Rounding: "), record.rounding) : null,
    record.rerun ? command(record.rerun) : null,
    ...missing(record, detail),
    ...(finding && finding.stages.length > 0 ? stageStrip(finding.stages) : []),
    ...(finding ? findingOf(finding) : []),
    ...(detail.pictures ? picturesOf(detail.pictures) : []),
    ...(finding ? launchFacts(finding) : []),
    ...(finding ? outputFacts(finding) : []),
    ...(finding && finding.probes ? probesOf(finding.probes) : []),
    !finding && record.error ? facts([["max z", figure(record.error[0])], ["rms z", figure(record.error[1])],
                                      ["NRMSE", figure(record.error[2])], ["gain", gainOf(record.error[3])]]) : null,
  ].filter(Boolean));
}
