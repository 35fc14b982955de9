// Names of series: beside their curves where there is room for all of them, else in a key on top.

import {element} from "./figure-svg.js";
import {clean, fit, measure} from "./figure-text.js";

const LINE = 16;
const BOLD = 600;
const NARROW = 520; // below this many pixels a line has no room for a name at its end

/** What is to be named: text, color, dash, and the mark that carries it. */
export function labelsOf(spec, colors) {
  return spec.series.flatMap((name, series) => {
    const own = spec.marks.filter((mark) => mark.series === series);
    const mark = own.find(({kind}) => kind === "area" || kind === "line") ?? own[0];
    if (!name || !mark) return [];
    return [{text: clean(name), color: colors.of(series), kind: mark.kind, mark}];
  });
}

/** Write the names beside their curves; false, with nothing written, where one has no place. */
export function placeLabels(picture, labels) {
  if (labels.some(({kind}) => kind !== "area" && kind !== "line")) return false;
  const ends = labels.filter(({kind}) => kind === "line");
  if (ends.length && picture.width < NARROW) return false;
  const placed = [...endLabels(picture, ends), ...peakLabels(picture, labels)];
  if (placed.length < labels.length) return false;
  for (const {text, color, x, y, anchor} of placed) {
    picture.svg.append(element("text", {x, y, ...style(color, anchor)}, text));
  }
  return true;
}

function style(color, anchor) {
  return {fill: color, "text-anchor": anchor, "font-weight": BOLD};
}

function pixels({svg, read}, mark) {
  const [x, y] = [svg.scale("x"), svg.scale("y")];
  return read(mark)
    .filter((row) => row.x !== null && row.y !== null)
    .map((row) => [x.apply(row.x), y.apply(row.y)]);
}

// -- at the end of a line

function endLabels(picture, labels) {
  const {box, width} = picture;
  const room = box.right - 10;
  if (labels.some(({text}) => measure(text, BOLD) > room)) return [];
  const placed = labels.flatMap(({mark, text, color}) => {
    const end = pixels(picture, mark).at(-1);
    return end ? [{text, color, anchor: "start", x: width - box.right + 6, y: end[1] + 4}] : [];
  });
  placed.sort((a, b) => a.y - b.y);
  for (let i = 1; i < placed.length; i += 1) {
    placed[i].y = Math.max(placed[i].y, placed[i - 1].y + LINE);
  }
  return placed;
}

// -- at the peak of a curve, or on its shoulder

function peakLabels(picture, labels) {
  const {spec, box, width} = picture;
  const curves = spec.marks
    .filter(({kind}) => kind === "area" || kind === "line")
    .map((mark) => pixels(picture, mark));
  const rules = spec.marks
    .filter(({kind}) => kind === "rule_x")
    .flatMap((mark) => picture.read(mark).map((row) => picture.svg.scale("x").apply(row.x)))
    .map((x) => [[x, 0], [x, box.height]]);
  const placed = [];
  for (const label of labels.filter(({kind}) => kind === "area")) {
    const size = measure(label.text, BOLD);
    if (size > 0.45 * width) return placed;
    const free = candidates(pixels(picture, label.mark), size, width)
      .find((spot) => isFree(spot, [...curves, ...rules], placed, box, width));
    if (!free) return placed;
    placed.push({...free, text: label.text, color: label.color});
  }
  return placed;
}

function candidates(points, size, width) {
  if (!points.length) return [];
  const heights = points.map(([, y]) => y);
  const [top, base] = [Math.min(...heights), Math.max(...heights)];
  const peak = points[heights.indexOf(top)];
  const middle = Math.min(Math.max(peak[0], size / 2 + 4), width - size / 2 - 4);
  const spots = [0, 1].map((lift) => spot(middle, top - 8 - LINE * lift, size, "middle"));
  for (const share of [0.9, 0.7, 0.5, 0.35, 0.2, 0.1]) {
    const height = base - share * (base - top);
    const above = points.filter(([, y]) => y <= height);
    spots.push(spot(above.at(-1)[0] + 8, height, size, "start"));
    spots.push(spot(above[0][0] - 8, height, size, "end"));
  }
  return spots;
}

function spot(x, y, size, anchor) {
  const left = anchor === "start" ? x : anchor === "end" ? x - size : x - size / 2;
  return {x, y, anchor, left, right: left + size, top: y - 12, bottom: y + 4};
}

function isFree(spot, curves, placed, box, width) {
  if (spot.left < 2 || spot.right > width - 2 || spot.top < 2) return false;
  if (spot.bottom > box.height - box.bottom) return false;
  if (placed.some((other) => overlaps(spot, other))) return false;
  if (curves.some((points) => covers(points, spot))) return false;
  return !curves.some((points) => points.some((point, i) => i && overlaps(spot, {
    left: Math.min(point[0], points[i - 1][0]),
    right: Math.max(point[0], points[i - 1][0]),
    top: Math.min(point[1], points[i - 1][1]),
    bottom: Math.max(point[1], points[i - 1][1]),
  })));
}

// whether the spot lies under a curve, where it would seem to name that one
function covers(points, spot) {
  return points.some(([x, y]) => spot.left <= x && x <= spot.right && y < spot.top);
}

function overlaps(a, b) {
  return a.left <= b.right && b.left <= a.right && a.top <= b.bottom && b.top <= a.bottom;
}

// -- in a key above the picture

/** The names in rows that fit `width`. */
export function keyRows(labels, width) {
  const rows = [];
  let end = Infinity;
  for (const label of labels) {
    const text = fit(label.text, width - 40, BOLD);
    const size = measure(text, BOLD) + 44;
    if (end + size > width) {
      rows.push([]);
      end = 0;
    }
    rows.at(-1).push({...label, name: label.text, text, x: end});
    end += size;
  }
  return rows;
}

/** Write the key into the room that was left for it. */
export function drawKey(svg, rows) {
  rows.forEach((row, i) => row.forEach(({text, name, color, mark, x}) => {
    const y = 14 + i * 1.25 * LINE;
    const ends = {x1: x + 2, x2: x + 24, y1: y - 4, y2: y - 4};
    const words = element("text", {x: x + 30, y, ...style(color, "start")}, text);
    if (text !== name) words.append(element("title", {}, name));
    svg.append(sample(mark, color, ends), words);
  }));
}

// what stands before a name looks like what it names
function sample(mark, color, ends) {
  if (mark.kind === "dot" && !mark.dashed) {
    return element("circle", {cx: (ends.x1 + ends.x2) / 2, cy: ends.y1, r: 4.5, fill: color});
  }
  const stroke = {stroke: color, "stroke-width": mark.kind === "line" ? 2.25 : 3.5};
  return element("line", {...ends, ...stroke, ...(mark.dashed ? {"stroke-dasharray": "6 3"} : {})});
}
