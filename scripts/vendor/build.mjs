// Bundle, copy, and write what proves it: licenses, checksums and the hash of Plot's own style.
import {createHash} from "node:crypto";
import {copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from "node:fs";
import {build} from "esbuild";

const OUT = "../../src/pymc_vibes/http/static/vendor";
const CLASS_NAME = "fig"; // figure.js draws with this class name: the style's text depends on it
const COPIES = {
  "htmx.min.js": "node_modules/htmx.org/dist/htmx.min.js",
  "htmx-sse.min.js": "node_modules/htmx.org/dist/ext/hx-sse.min.js",
};
const INLINED = ["internmap"]; // d3-array carries a copy inside its own file

const digest = (data, encoding) => createHash("sha256").update(data).digest(encoding);
const about = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));

async function bundlePlot() {
  const {metafile} = await build({
    entryPoints: ["plot.js"],
    outfile: `${OUT}/plot.js`,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    legalComments: "none", // LICENSES.txt holds them all
    metafile: true,
  });
  const [output] = Object.values(metafile.outputs);
  const used = Object.entries(output.inputs).filter(([, {bytesInOutput}]) => bytesInOutput > 0);
  const names = used.map(([path]) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  return [...new Set(names.filter(Boolean))];
}

function licenseOf(name) {
  const {version, license} = about(name);
  const file = readdirSync(`node_modules/${name}`).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} ships no license file: add its text by hand`);
  const text = readFileSync(`node_modules/${name}/${file}`, "utf8").trim();
  return `${name} ${version} (${license})\n${"=".repeat(72)}\n${text}\n`;
}

function styleHash() {
  const source = readFileSync("node_modules/@observablehq/plot/src/plot.js", "utf8");
  const [, text] = /append\("style"\)\.text\(\s*`([^`]*)`/.exec(source);
  return `sha256-${digest(text.replaceAll("${className}", CLASS_NAME), "base64")}`;
}

mkdirSync(OUT, {recursive: true});
const bundled = await bundlePlot();
for (const [name, source] of Object.entries(COPIES)) {
  if (!existsSync(source)) throw new Error(`${source} is gone: see the notes of this htmx release`);
  copyFileSync(source, `${OUT}/${name}`);
}
const packages = [...bundled, ...INLINED, "htmx.org"].sort();
writeFileSync(`${OUT}/LICENSES.txt`, packages.map(licenseOf).join("\n\n"));
writeFileSync(`${OUT}/CSP-STYLE-HASH.txt`, `${styleHash()}\n`);
const outputs = ["CSP-STYLE-HASH.txt", "LICENSES.txt", "plot.js", ...Object.keys(COPIES)].sort();
const sums = outputs.map((name) => `${digest(readFileSync(`${OUT}/${name}`), "hex")}  ${name}\n`);
writeFileSync(`${OUT}/SHA256SUMS`, sums.join(""));
