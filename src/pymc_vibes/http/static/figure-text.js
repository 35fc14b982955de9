// Words and numbers of a figure: hostile text made plain, numbers made readable, widths measured.

export const FONT_SIZE = 13;
export const FONT = "system-ui, sans-serif";
// control characters, and marks that turn the direction of the text around them
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]+/g;
const canvas = document.createElement("canvas").getContext("2d");
let measured = 0;

/** Text that is safe to draw on one line; never empty. */
export function clean(text) {
  const words = String(text).replace(UNPRINTABLE, " ").replace(/\s+/g, " ").trim();
  return words || "(blank)";
}

/** The width of a text in pixels. */
export function measure(text, weight = 400) {
  if (weight !== measured) canvas.font = `${weight} ${FONT_SIZE}px ${FONT}`; // costly to parse
  measured = weight;
  return canvas.measureText(text).width;
}

/** The text, cut with an ellipsis where it is wider than `width`. */
export function fit(text, width, weight = 400) {
  if (measure(text, weight) <= width) return text;
  const letters = [...text];
  let [low, high] = [0, letters.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (measure(`${letters.slice(0, middle).join("")}…`, weight) <= width) low = middle;
    else high = middle - 1;
  }
  return `${letters.slice(0, low).join("").trimEnd()}…`;
}

/** The text as lines no wider than `width`. */
export function wrap(text, width, weight = 400) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && measure(longer, weight) <= width) lines[lines.length - 1] = longer;
    else lines.push(fit(word, width, weight));
  }
  return lines;
}

const numbers = (options) => new Intl.NumberFormat("en-US", options);
const grouped = numbers({maximumSignificantDigits: 5});
const bare = numbers({maximumSignificantDigits: 5, useGrouping: false}); // a year is not 2,014
const compact = numbers({maximumSignificantDigits: 4, notation: "compact"});
const scientific = numbers({maximumSignificantDigits: 4, notation: "scientific"});

function plain(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-5 || size >= 1e12)) return scientific.format(value);
  return (size < 1e4 ? bare : grouped).format(value);
}

// a chance never reads 0 % or 100 %
function chance(value) {
  if (value > 0.999) return "over 99.9 %";
  return value < 0.001 ? "under 0.1 %" : `${(100 * value).toFixed(1)} %`;
}

/** How the ticks of an axis read, as a function: those of chances end at 0 % and 100 %. */
export function tickFormatter(axis) {
  return formatter(axis.format === "chance" ? {...axis, format: "percent"} : axis);
}

/** How the values of an axis read, as a function. */
export function formatter(axis) {
  if (axis.kind !== "number") return clean;
  if (axis.format === "chance") return chance;
  if (axis.format === "percent") return (value) => `${plain(100 * value)} %`;
  if (axis.format === "si") return (value) => compact.format(value);
  return plain;
}

/** A time without zone is UTC, as everywhere in this project. */
export function instant(value) {
  const text = String(value);
  const hasZone = !text.includes("T") || /(Z|[+-]\d\d:?\d\d)$/.test(text);
  return new Date(hasZone ? text : `${text}Z`);
}
