// A drawn figure as a file: with its title, on the page's color, needing no style sheet.

import {element} from "./figure-svg.js";
import {FONT, FONT_SIZE, clean, wrap} from "./figure-text.js";

const LINE = 18;
const EDGE = 16;

/** Give `content` as a file. */
export function fileOf(content, type) {
  return new Blob([content], {type});
}

/** Offer `file` as a download under `name`. */
export function save(file, name) {
  const address = URL.createObjectURL(file);
  const link = Object.assign(document.createElement("a"), {href: address, download: name});
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Give the picture as an SVG file. */
export function svgOf(figure, picture, colors) {
  const whole = framed(figure, picture, colors);
  return fileOf(new XMLSerializer().serializeToString(whole), "image/svg+xml");
}

/** Give the picture as a PNG file at twice its size on the page. */
export async function pngOf(figure, picture, colors) {
  const address = URL.createObjectURL(svgOf(figure, picture, colors));
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(address);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function framed({title, spec}, picture, colors) {
  const [width, height] = ["width", "height"].map((side) => Number(picture.getAttribute(side)));
  const heading = wrap(clean(title), width, 600);
  const note = spec.note ? wrap(clean(spec.note), width) : [];
  const top = EDGE + LINE * heading.length + 6;
  const whole = [width + 2 * EDGE, top + height + LINE * note.length + EDGE];
  const size = {width: whole[0], height: whole[1]};
  const svg = element("svg", {...size, "font-family": FONT, "font-size": FONT_SIZE});
  svg.append(element("rect", {...size, fill: colors.page}));
  heading.forEach((line, i) => {
    const y = EDGE + 12 + i * LINE;
    svg.append(element("text", {x: EDGE, y, fill: colors.ink, "font-weight": 600}, line));
  });
  const inner = picture.cloneNode(true);
  inner.setAttribute("x", EDGE);
  inner.setAttribute("y", top);
  svg.append(inner);
  note.forEach((line, i) => {
    const y = top + height + 14 + i * LINE;
    svg.append(element("text", {x: EDGE, y, fill: colors.quiet}, line));
  });
  return svg;
}
