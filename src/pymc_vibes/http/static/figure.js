// <vibes-figure>: draws the declaration in its child <script type="application/json">.
// It sets data-ready and data-ms when a picture is drawn, and data-failed where none could be.

import {draw} from "./figure-draw.js";
import {fileOf, pngOf, save, svgOf} from "./figure-export.js";
import {clean} from "./figure-text.js";
import {csvOf, tablesOf} from "./figure-table.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

class VibesFigure extends HTMLElement {
  #figure = null;
  #frame = null;
  #width = 0;
  #watch = new ResizeObserver(() => this.#resized());
  #recolor = () => this.#draw();

  connectedCallback() {
    if (!this.#frame) this.#build();
    if (!this.#figure) return;
    dark.addEventListener("change", this.#recolor);
    this.#watch.observe(this.#frame);
    this.#draw();
  }

  disconnectedCallback() {
    dark.removeEventListener("change", this.#recolor);
    this.#watch.disconnect();
  }

  #build() {
    const source = this.querySelector('script[type="application/json"]');
    if (!source) return;
    this.#figure = JSON.parse(source.textContent);
    const {title, spec} = this.#figure;
    this.#frame = make("div", {className: "fig-frame"});
    const figure = make("figure", {}, make("figcaption", {textContent: clean(title).replaceAll(" %", "\u00a0%")}), this.#frame);
    if (spec.note) figure.append(make("p", {className: "fig-note", textContent: clean(spec.note)}));
    figure.append(make("div", {className: "fig-below"}, this.#numbers(), this.#buttons()));
    // what the page showed without this script has had its time
    this.replaceChildren(source, figure);
  }

  #numbers() {
    const details = make("details", {}, make("summary", {textContent: "Show the numbers"}));
    const build = () => details.append(...tablesOf(this.#figure));
    details.addEventListener("toggle", build, {once: true});
    return details;
  }

  #buttons() {
    const {name} = this.#figure;
    const actions = {
      PNG: () => this.#picture(pngOf),
      SVG: () => this.#picture(svgOf),
      CSV: () => save(fileOf(csvOf(this.#figure), "text/csv;charset=utf-8"), `${name}.csv`),
    };
    const buttons = Object.entries(actions).map(([format, action]) => {
      const button = make("button", {type: "button", textContent: format});
      button.setAttribute("aria-label", `${format}: download this figure`);
      button.addEventListener("click", action);
      return button;
    });
    return make("div", {className: "fig-save"}, ...buttons);
  }

  async #picture(write) {
    const svg = this.#frame.querySelector("svg");
    if (!svg) return; // it could not be drawn, and the page says so
    const file = await write(this.#figure, svg, this.#colors());
    save(file, `${this.#figure.name}.${file.type === "image/png" ? "png" : "svg"}`);
  }

  #colors() {
    const style = getComputedStyle(this);
    const read = (name) => style.getPropertyValue(`--${name}`).trim();
    const series = Array.from({length: 7}, (_, i) => read(`series-${i}`));
    const ink = read("figure-ink");
    const of = (index) => (index === null || index === undefined ? ink : series[index % 7]);
    const [quiet, grid, page] = ["quiet", "grid", "page"].map((name) => read(`figure-${name}`));
    return {of, ink, quiet, grid, page};
  }

  #resized() {
    if (this.#frame.clientWidth !== this.#width) requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const width = this.#frame.clientWidth;
    if (!this.isConnected || width === 0) return; // not laid out yet: the observer comes back
    this.#width = width;
    const start = performance.now();
    try {
      this.#frame.replaceChildren(draw(this.#figure, width, this.#colors()));
      this.dataset.ready = "";
    } catch (error) {
      const words = "This figure could not be drawn; its numbers are below.";
      this.#frame.replaceChildren(make("p", {className: "fig-fault", textContent: words}));
      this.dataset.failed = String(error);
    }
    this.dataset.ms = (performance.now() - start).toFixed(1);
  }
}

customElements.define("vibes-figure", VibesFigure);
