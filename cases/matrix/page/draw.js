// SPDX-License-Identifier: Apache-2.0
// Pictures, as SVG: they print, and their colours follow the theme without a redraw.
const kLevelText = {
  0: "z ≤ 2", 1: "≤ 4", 2: "≤ 8, the limit", 3: "≤ 16", 4: "≤ 64", 5: "≤ 256", 6: "≤ 4096", 7: "more", I: "inf", N: "NaN",
  U: "never written",
};

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A drawing of width x height pixels that shrinks with its column; `label` is what a screen reader says. */
function drawing(width, height, label) {
  return svg("svg", {viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label});
}

function text(x, y, words, anchor = "start") { return svg("text", {x, y, "text-anchor": anchor}, words); }

/** Hatches for cells that hold no number, distinct without colour. One copy in the document serves all pictures. */
function hatches() {
  const pattern = (id, ground, lines) =>
    svg("pattern", {id, width: 4, height: 4, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)"},
        svg("rect", {width: 4, height: 4, style: `fill:var(${ground})`}),
        svg("rect", {width: 1.5, height: 4, style: `fill:var(${lines})`}));
  return svg("svg", {width: 0, height: 0, "aria-hidden": "true", style: "position:absolute"},
             svg("defs", {}, pattern("unwritten", "--ground", "--text"), pattern("inf", "--lost", "--ground")));
}

/** Cells of `levels`, each cw x ch pixels from (x0, y0) on; name(row, column) is where a cell is. */
function cells(picture, levels, {x0, y0, cw, ch}, name) {
  levels.forEach((row, r) => [...row].forEach((level, c) => {
    const cell = svg("rect", {class: "cell v" + level, x: x0 + c * cw, y: y0 + r * ch, width: cw, height: ch,
                              "shape-rendering": "crispEdges"});
    cell.append(svg("title", {}, `${name(r, c)}: ${kLevelText[level]}`));
    picture.append(cell);
  }));
}

/** Cells between two numbers along an edge: a power of two, for at most about eight numbers. */
function stepOf(count) { return 2 ** Math.max(0, Math.ceil(Math.log2(count / 8))); }

/** "64", "64..127": the part of an axis that a cell covers. */
function span(cell, per) { return per === 1 ? String(cell) : `${cell * per}..${cell * per + per - 1}`; }

/** The worst error over (m, n). */
function errorMap(errors) {
  const cw = Math.max(5, Math.min(20, 640 / errors.cols)), ch = Math.max(errors.rows <= 16 ? 12 : 6, Math.min(cw, 12));
  const at = {x0: 44, y0: 28, cw, ch};
  const picture = drawing(Math.max(at.x0 + errors.cols * cw + 14, 200), at.y0 + errors.rows * ch + 6,
                          "worst error over rows m and columns n");
  picture.append(text(at.x0, 10, "n →"), text(at.x0 - 6, 10, "m ↓", "end"));
  for (let c = 0; c < errors.cols; c += stepOf(errors.cols))
    picture.append(text(at.x0 + c * cw, at.y0 - 5, String(c * errors.n_per_cell)));
  for (let r = 0; r < errors.rows; r += stepOf(errors.rows))
    picture.append(text(at.x0 - 6, at.y0 + r * ch + Math.min(ch, 10), String(r * errors.m_per_cell), "end"));
  cells(picture, errors.levels, at, (r, c) => `m ${span(r, errors.m_per_cell)}, n ${span(c, errors.n_per_cell)}`);
  return picture;
}

/** Row and column inside the tile of the code that lane, word and slot hold (Marlin's format). */
function codeAt(lane, word, slot) {
  const e = 2 * (slot % 4) + Math.floor(slot / 4);
  return {k: 2 * (lane % 4) + e % 2 + 8 * (Math.floor(e / 2) % 2), n: 16 * word + Math.floor(lane / 4) + 8 * Math.floor(e / 4)};
}

/** The same over the codes of a tile: lanes down, words of 8 slots along. */
function tileMap(tile) {
  const at = {x0: 44, y0: 28, cw: 11, ch: 9}, perWord = tile.cols / 4;
  const picture = drawing(at.x0 + tile.cols * at.cw + 14, at.y0 + tile.rows * at.ch + 6,
                          "worst error over lanes and slots of the tile");
  picture.append(text(at.x0 - 6, 10, "lane ↓", "end"));
  for (let word = 0; word < 4; ++word)
    picture.append(text(at.x0 + word * perWord * at.cw, at.y0 - 5, `word ${word}`));
  for (let lane = 0; lane < tile.rows; lane += 4)
    picture.append(text(at.x0 - 6, at.y0 + lane * at.ch + 8, String(lane), "end"));
  cells(picture, tile.levels, at, (lane, c) => {
    const word = Math.floor(c / perWord), slot = c % perWord, code = codeAt(lane, word, slot);
    return `lane ${lane}, word ${word}, slot ${slot} (k ${code.k}, n ${code.n} of the tile)`;
  });
  for (let word = 0; word <= 4; ++word)
    picture.append(svg("path", {class: "grid", d: `M${at.x0 + word * perWord * at.cw} ${at.y0}v${tile.rows * at.ch}`}));
  return picture;
}

function legend(levels) {
  const present = new Set(levels.join(""));
  const item = (level) => h("li", {}, svg("svg", {width: 12, height: 10}, svg("rect", {class: "v" + level, width: 12, height: 10})),
                            kLevelText[level]);
  return h("ul", {class: "legend"}, [..."01234567INU"].filter((level) => /\d/.test(level) || present.has(level)).map(item));
}

/** The distribution function of the normal law (Abramowitz and Stegun 7.1.26 for erf: 1.5e-7, far below a pixel). */
function normalBelow(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x) / Math.SQRT2);
  const poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const tail = 0.5 * poly * Math.exp(-x * x / 2);
  return x < 0 ? tail : 1 - tail;
}

/** Counts of z on a logarithmic scale, counts beyond the limits at the sides, and the curve of rounding alone. */
function histogramOf(histogram) {
  const {from, width, counts, below, above} = histogram;
  const bars = [below, ...counts, above], total = bars.reduce((a, b) => a + b, 0);
  const bw = 12, x0 = 44, y0 = 8, plot = 150, decades = Math.max(1, Math.ceil(Math.log10(Math.max(total, 10))));
  const base = y0 + plot, y = (count) => base - plot * Math.min(1, Math.max(0, (Math.log10(count) + 0.3) / (decades + 0.3)));
  const x = (bar) => x0 + bar * bw + (bar > 0 ? 8 : 0) + (bar > counts.length ? 8 : 0);
  const picture = drawing(x(bars.length) + 14, base + 34, "histogram of z");
  for (let d = 0; d <= decades; ++d) {
    picture.append(svg("path", {class: "grid", d: `M${x0} ${y(10 ** d)}H${x(bars.length)}`}));
    picture.append(text(x0 - 6, y(10 ** d) + 3, d < 4 ? String(10 ** d) : "1e" + d, "end"));
  }
  bars.forEach((count, i) => {
    const beyond = i === 0 || i > counts.length, z = from + (i - 1) * width;
    if (count === 0) return;
    const bar = svg("rect", {class: "cell " + (beyond ? "beyond" : "noise"), x: x(i), y: y(count), width: bw - 1, height: base - y(count)});
    bar.append(svg("title", {}, `${beyond ? (i === 0 ? "below " + from : "above " + -from) : `z ${z} to ${z + width}`}: ${grouped(count)}`));
    picture.append(bar);
  });
  const expected = counts.map((_, i) => total * (normalBelow(from + (i + 1) * width) - normalBelow(from + i * width)));
  const points = expected.flatMap((count, i) => (count >= 0.6 ? [`${x(i + 1) + bw / 2} ${y(count)}`] : []));
  if (points.length > 0) picture.append(svg("path", {class: "curve", d: "M" + points.join("L")}));
  picture.append(svg("path", {class: "axis", d: `M${x0} ${base}H${x(bars.length)}`}));
  for (let z = from; z <= -from; z += 4)
    picture.append(text(x(1) + (z - from) / width * bw, base + 14, String(z), "middle"));
  picture.append(text(x(0), base + 28, "beyond"), text(x(bars.length), base + 28, "beyond", "end"),
                 text(x(1) + counts.length * bw / 2, base + 28, "z", "middle"));
  return picture;
}

/** Place p holds what belongs to place source[p]; the diagonal is right. */
function permutationOf(permutation) {
  const size = permutation.size, side = 340, unit = side / size, dot = Math.max(unit, 1.6), x0 = 44, y0 = 28;
  const picture = drawing(x0 + side + 14, y0 + side + 8, permutation.what);
  picture.append(text(x0, 10, "place →"), text(x0 - 6, 10, "from ↓", "end"),
                 svg("rect", {class: "grid", x: x0, y: y0, width: side, height: side}),
                 svg("path", {class: "grid", d: `M${x0} ${y0}l${side} ${side}`}));
  for (let i = 0; i < size; i += stepOf(size))
    picture.append(text(x0 + i * unit, y0 - 5, String(i)), text(x0 - 6, y0 + i * unit + 8, String(i), "end"));
  permutation.source.forEach((source, place) => {
    if (source < 0) return;
    const point = svg("rect", {class: "cell " + (source === place ? "noise" : "point"), x: x0 + place * unit, y: y0 + source * unit,
                               width: dot, height: dot});
    point.append(svg("title", {}, `place ${place} holds what belongs to place ${source}`));
    picture.append(point);
  });
  return picture;
}
