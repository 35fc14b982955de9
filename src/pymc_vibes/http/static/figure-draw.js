// The only file that knows Observable Plot: a figure's declaration becomes one SVG element.

import * as Plot from "./vendor/plot.js";
import {labelsOf, keyRows, placeLabels, drawKey} from "./figure-label.js";
import {element} from "./figure-svg.js";
import {FONT, FONT_SIZE, clean, fit, formatter, instant, measure, tickFormatter, wrap} from "./figure-text.js";

const STROKES = {thin: 1, normal: 2.25, heavy: 4.5};
const LINE = 16; // height of a line of text
const SIDEWAYS = new Set(["interval", "arrow"]); // their low and high lie on the x axis
const READS = {
  area: ["x", "y"],
  band: ["x", "low", "high"],
  line: ["x", "y"],
  dot: ["x", "y"],
  interval: ["low", "high", "y"],
  arrow: ["low", "high", "y"],
  rule_x: ["x"],
  rule_y: ["y"],
  bar: ["x", "y"],
};
const SHAPES = new Set(["area", "band", "line"]); // drawn whole: a missing value is a gap

/** Draw `figure` at `width` pixels in `colors`; the result stands alone, with no style sheet. */
export function draw(figure, width, colors) {
  const {spec} = figure;
  const labels = labelsOf(spec, colors);
  const direct = compose(spec, width, colors, labels, 0);
  const placed = placeLabels(direct, labels);
  const {svg} = placed ? direct : withKey(spec, width, colors, labels);
  describe(svg, figure);
  return svg;
}

function withKey(spec, width, colors, labels) {
  const rows = keyRows(labels, width);
  const picture = compose(spec, width, colors, [], rows.length);
  drawKey(picture.svg, rows);
  return picture;
}

function describe(svg, {alt}) {
  // Plot names its bare groups, which ARIA forbids
  for (const node of svg.querySelectorAll("[aria-label]")) node.removeAttribute("aria-label");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", clean(alt));
}

function compose(spec, width, colors, labels, keyed) {
  const box = layout(spec, width, labels, keyed);
  const read = reader(spec, colors);
  const svg = Plot.plot({
    width,
    height: box.height,
    marginTop: box.top,
    marginRight: box.right,
    marginBottom: box.bottom,
    marginLeft: box.left,
    className: "fig",
    style: {background: "none", color: colors.quiet, fontFamily: FONT,
      fontSize: `${FONT_SIZE}px`, overflow: "visible"},
    x: scale(spec.x, valuesOn(spec, "x")),
    y: scale(spec.y, valuesOn(spec, "y")),
    marks: [
      ...frame(spec, box, colors),
      ...spec.marks.flatMap((mark) => layers(spec, mark, read)),
    ],
    clip: Boolean(spec.x.domain || spec.y.domain),
  });
  writeAxisLabels(svg, spec, box, width, colors);
  return {svg, box, read, spec, width, colors};
}

// -- reading the tables

function reader(spec, colors) {
  const parse = {number: Number, time: instant, category: String};
  return (mark) => {
    const table = spec.tables[mark.table];
    const channels = READS[mark.kind];
    const count = Object.values(table)[0].length;
    const rows = Array.from({length: count}, (_, i) => {
      const row = {color: colors.of(mark.by ? table[mark.by][i] : mark.series)};
      for (const channel of channels) {
        const value = table[mark[channel]][i];
        row[channel] = value === null ? null : parse[spec[sideOf(mark, channel)].kind](value);
      }
      return row;
    });
    if (SHAPES.has(mark.kind)) return rows;
    return rows.filter((row) => channels.every((channel) => row[channel] !== null));
  };
}

function sideOf(mark, channel) {
  if (channel === "x" || channel === "y") return channel;
  return SIDEWAYS.has(mark.kind) ? "x" : "y";
}

function groups(rows) {
  const found = new Map();
  for (const row of rows) found.set(row.color, [...(found.get(row.color) ?? []), row]);
  return [...found];
}

/** The values that lie on an axis, over all marks, in order. */
function valuesOn(spec, name) {
  return spec.marks.flatMap((mark) => {
    const channels = READS[mark.kind].filter((channel) => sideOf(mark, channel) === name);
    return channels.flatMap((channel) => spec.tables[mark.table][mark[channel]]);
  }).filter((value) => value !== null);
}

// -- layout

function layout(spec, width, labels, keyed) {
  const rows = spec.y.kind === "category" ? new Set(valuesOn(spec, "y")).size : 0;
  const left = leftMargin(spec, width);
  const ends = labels.filter(({kind}) => kind === "line").map(({text}) => measure(text, 600));
  const right = ends.length ? Math.min(Math.max(...ends) + 14, 0.3 * width) : 22;
  const xLines = spec.x.hide ? [] : wrap(clean(spec.x.label), width - left - right);
  const tickLines = spec.x.hide ? 0 : spec.x.kind === "time" ? 2 : 1;
  const yLines = spec.y.hide || !spec.y.label ? 0 : 1;
  const top = 8 + LINE * (yLines + 1.25 * keyed) + (labels.some((l) => l.kind === "area") ? 20 : 0);
  const bottom = 10 + LINE * (tickLines + xLines.length);
  const body = rows ? rows * 24 : Math.max(190, Math.min(300, 0.42 * width)) + sunken(spec);
  return {left, right, top, bottom, height: top + body + bottom, xLines, keyed, rows};
}

function leftMargin(spec, width) {
  if (spec.y.hide) return 16;
  const format = tickFormatter(spec.y);
  const values = valuesOn(spec, "y");
  const texts = spec.y.kind === "category"
    ? values.map(clean)
    : [Math.min(...values), Math.max(...values)].map((end) => format(Number(end.toPrecision(2))));
  const widest = Math.max(0, ...new Set(texts.map(measure)));
  return Math.min(widest + 14, 0.4 * width);
}

// interval rows under a density need room of their own
function sunken(spec) {
  return spec.y.hide ? 14 * new Set(valuesOn(spec, "y").filter((y) => y < 0)).size : 0;
}

function scale(axis, values) {
  if (axis.kind === "category") {
    const domain = [...new Set(values.map(String))]; // in the order of the table
    return {type: "band", domain, padding: 0.25, label: null};
  }
  const options = {type: axis.kind === "time" ? "utc" : "linear", label: null, axis: null};
  if (axis.kind === "number" && axis.zero) options.zero = true;
  if (axis.domain) options.domain = axis.domain;
  else if (axis.kind === "number" && new Set(values).size === 1 && !axis.zero) {
    const room = Math.abs(values[0]) / 2 || 1; // one value alone lies in the middle
    options.domain = [values[0] - room, values[0] + room];
  }
  return {...options, inset: axis.domain ? 0 : 6};
}

// ticks lie so far apart that their numbers do not touch
function spacing(spec) {
  if (spec.x.kind !== "number") return spec.x.kind === "time" ? 90 : 65;
  const format = tickFormatter(spec.x);
  const ends = valuesOn(spec, "x").map((end) => measure(format(Number(end.toPrecision(1)))));
  return ends.reduce((widest, width) => Math.max(widest, width + 30), 65);
}

function frame(spec, box, colors) {
  const {x, y} = spec;
  const grid = {stroke: colors.grid, strokeOpacity: 1};
  const tickSpacing = spacing(spec);
  const marks = [];
  const xFormat = x.kind === "number" ? {tickFormat: tickFormatter(x)} : {};
  const yFormat = y.kind === "number" ? {tickFormat: tickFormatter(y)} : {};
  if (!x.hide) {
    if (y.kind === "category") marks.push(Plot.gridX({...grid, tickSpacing}));
    marks.push(Plot.axisX({label: null, tickSpacing, tickSize: 4, ...xFormat}));
  }
  if (y.kind === "category") {
    const tickFormat = (text) => fit(clean(text), box.left - 12);
    marks.push(Plot.axisY({label: null, tickSize: 0, tickFormat, fill: colors.ink}));
  } else if (!y.hide) {
    marks.push(Plot.gridY({...grid, tickSpacing: 50}));
    marks.push(Plot.axisY({label: null, tickSpacing: 50, tickSize: 0, ...yFormat}));
  }
  if (y.hide && y.zero) marks.push(Plot.ruleY([0], {stroke: colors.grid}));
  return marks;
}

function writeAxisLabels(svg, spec, box, width, colors) {
  const style = {fill: colors.quiet, "text-anchor": "middle"};
  const middle = (box.left + width - box.right) / 2;
  box.xLines.forEach((line, i) => {
    const y = box.height - 6 - LINE * (box.xLines.length - 1 - i);
    svg.append(element("text", {...style, x: middle, y}, line));
  });
  if (spec.y.hide || !spec.y.label) return;
  const y = 20 + LINE * 1.25 * box.keyed;
  const start = {fill: colors.quiet, "text-anchor": "start"};
  svg.append(element("text", {...start, x: 2, y}, fit(clean(spec.y.label), width - 8)));
}

// -- marks

function layers(spec, mark, read) {
  const rows = read(mark);
  const width = STROKES[mark.weight];
  const dash = mark.dashed ? "6 3" : undefined;
  const title = titles(spec, mark);
  const line = {strokeWidth: width, strokeDasharray: dash};
  switch (mark.kind) {
    case "area":
      return groups(rows).flatMap(([color, points]) => [
        Plot.areaY(points, {x: "x", y1: 0, y2: "y", fill: color, fillOpacity: 0.14}),
        Plot.lineY(points, {x: "x", y: "y", stroke: color, ...line}),
      ]);
    case "band":
      return groups(rows).map(([color, points]) =>
        Plot.areaY(points, {x: "x", y1: "low", y2: "high", fill: color, fillOpacity: 0.16}));
    case "line":
      return groups(rows).map(([color, points]) =>
        Plot.lineY(points, {x: "x", y: "y", stroke: color, ...line}));
    case "dot":
      return [dots(rows.filter((row) => isShown(row, spec)), mark, title)];
    case "interval":
      return [Plot.ruleY(rows, {x1: "low", x2: "high", y: "y", stroke: "color", title,
        strokeWidth: width, strokeLinecap: "round"})];
    case "arrow":
      return [Plot.ruleY(rows, {x1: "low", x2: "high", y: "y", stroke: "color",
        strokeWidth: width, strokeDasharray: "2 3"})];
    case "rule_x":
      return [Plot.ruleX(rows, {x: "x", stroke: "color", ...line, strokeOpacity: 0.7})];
    case "rule_y":
      return [Plot.ruleY(rows, {y: "y", stroke: "color", ...line, strokeOpacity: 0.7})];
    case "bar":
      return [bars(rows, spec, title)];
    default:
      throw new Error(`unknown mark ${mark.kind}`);
  }
}

function bars(rows, spec, title) {
  const ends = {x1: 0, x2: "x", y: "y", title};
  if (spec.y.kind === "category") return Plot.barX(rows, {...ends, fill: "color"});
  return Plot.ruleY(rows, {...ends, stroke: "color", strokeWidth: 10}); // no band to fill
}

function isShown(row, spec) {
  return ["x", "y"].every((side) => {
    const [low, high] = spec[side].domain ?? [-Infinity, Infinity];
    return spec[side].kind === "category" || (low <= row[side] && row[side] <= high);
  });
}

function dots(rows, mark, title) {
  const place = {x: "x", y: "y", title, clip: false}; // a dot on the edge is drawn whole
  if (!mark.dashed) return Plot.dot(rows, {...place, r: 4.5, fill: "color"});
  return Plot.dot(rows, {...place, r: 4, symbol: "diamond", stroke: "color", strokeWidth: 1.5});
}

// the whole name and the numbers, shown on hover
function titles(spec, mark) {
  const [x, y] = [formatter(spec.x), formatter(spec.y)];
  const name = spec.y.kind === "category" ? (row) => `${y(row.y)}: ` : () => "";
  if (mark.kind === "interval") return (row) => `${name(row)}${x(row.low)} to ${x(row.high)}`;
  const when = spec.x.kind === "time" ? (value) => value.toISOString().slice(0, 10) : x;
  return (row) => `${name(row)}${when(row.x)}`;
}
