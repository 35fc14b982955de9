// The numbers behind a figure: tables for people, CSV for programs.

import {clean, formatter} from "./figure-text.js";

const SIDEWAYS = new Set(["interval", "arrow"]);

/** The tables that are shown, each in a group that scrolls and takes focus. */
export function tablesOf(figure) {
  return shown(figure.spec).map(({caption, columns}) => {
    const title = caption || clean(figure.title);
    const table = document.createElement("table");
    table.createCaption().textContent = title;
    const head = table.createTHead().insertRow();
    for (const column of columns) head.append(cell("th", column.title, column.isNumber, "col"));
    const body = table.createTBody();
    for (let i = 0; i < columns[0].values.length; i += 1) {
      const row = body.insertRow();
      for (const [j, column] of columns.entries()) {
        const isName = j === 0 && !column.isNumber;
        row.append(cell(isName ? "th" : "td", column.text(i), column.isNumber, isName && "row"));
      }
    }
    const region = document.createElement("div");
    region.className = "fig-scroll";
    region.tabIndex = 0;
    region.setAttribute("role", "group");
    region.setAttribute("aria-label", `Numbers: ${title}`);
    region.append(table);
    return region;
  });
}

/** The same tables as CSV, one under the other with the series in front where there are several. */
export function csvOf(figure) {
  const tables = shown(figure.spec);
  const names = [...new Set(tables.flatMap(({columns}) => columns.map(({name}) => name)))];
  const series = tables.length > 1;
  const lines = [[...(series ? ["series"] : []), ...names]];
  for (const {caption, columns} of tables) {
    const byName = Object.fromEntries(columns.map(({name, values}) => [name, values]));
    for (let i = 0; i < columns[0].values.length; i += 1) {
      lines.push([...(series ? [caption] : []), ...names.map((name) => byName[name]?.[i])]);
    }
  }
  return lines.map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
}

function quoted(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  // a spreadsheet runs text that starts like a formula
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function shown(spec) {
  const names = spec.shown.length ? spec.shown : Object.keys(spec.tables);
  return names.map((name) => {
    const marks = spec.marks.filter((mark) => mark.table === name);
    const series = marks.map((mark) => mark.series).find((index) => index !== null);
    const columns = Object.entries(spec.tables[name]).map((entry) => column(spec, marks, ...entry));
    const label = marks.length ? spec.series[series] : "";
    return {caption: label ? clean(label) : "", columns};
  });
}

function column(spec, marks, name, values) {
  const axis = axisOf(spec, marks, name);
  const isNumber = values.some((value) => typeof value === "number");
  const format = isNumber ? formatter({...axis, kind: "number"}) : clean;
  const own = name === "x" ? spec.x.label : name === "y" ? spec.y.label : "";
  const title = own || name.replaceAll("_", " ");
  const text = (i) => (values[i] === null ? "–" : format(values[i]));
  return {name, title, values, isNumber, text};
}

function axisOf(spec, marks, name) {
  for (const mark of marks) {
    if (mark.x === name) return spec.x;
    if (mark.y === name) return spec.y;
    if (mark.low === name || mark.high === name) {
      return SIDEWAYS.has(mark.kind) ? spec.x : spec.y;
    }
  }
  return spec.x; // a table that no mark reads sums up what lies on x
}

function cell(tag, text, isNumber, scope) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (scope) node.scope = scope;
  if (isNumber) node.className = "fig-number";
  return node;
}
