// Makes codemirror.js, uplot.js, uplot.css and LICENSES.txt anew: see README.md.
import { build } from "esbuild";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUNDLES = {
  "codemirror.js": "codemirror.entry.js",
  "uplot.js": "node_modules/uplot/dist/uPlot.esm.js",
  "uplot.css": "node_modules/uplot/dist/uPlot.min.css",
};
const NOTICE = "/* Third-party code; versions and licences: LICENSES.txt */";
const found = new Set();

for (const [outfile, entry] of Object.entries(BUNDLES)) {
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022"],
    legalComments: "none", // they are in LICENSES.txt
    banner: { js: NOTICE, css: NOTICE },
    metafile: true,
  });
  for (const [input, { bytesInOutput }] of Object.entries(metafile.outputs[outfile].inputs)) {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1];
    if (name && bytesInOutput > 0) found.add(name);
  }
  const bytes = readFileSync(outfile);
  console.log(`${outfile}: ${bytes.length} bytes, gzip ${gzipSync(bytes, { level: 9 }).length}`);
}

function licence(name) {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} ${version} comes without a licence file: look it up by hand`);
  const text = readFileSync(`${folder}/${file}`, "utf8").replace(/[ \t]+$/gm, "").trim();
  return `${name} ${version} (${license})\n\n${text}\n`;
}

writeFileSync("LICENSES.txt", [...found].sort().map(licence).join(`\n${"-".repeat(80)}\n\n`));
