// Lays out the site folder: hashed names for the bundle, a Brotli copy beside each file, and the list of names.
// Usage: node site.mjs <folder with the bundle> <public folder> <output folder>
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const [work, publicFolder, out] = process.argv.slice(2);
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "pkg"), { recursive: true });

const hash = (...parts) => {
  const digest = createHash("sha256");
  for (const part of parts) digest.update(part);
  return digest.digest("hex").slice(0, 12);
};

const write = (name, bytes) => {
  writeFileSync(join(out, name), bytes);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const small = brotliCompressSync(bytes, { params });
  // A copy that saves nothing would only cost the server a decision.
  if (small.length < bytes.length) writeFileSync(join(out, `${name}.br`), small);
  console.log(`${name}  ${bytes.length} bytes, ${Math.min(small.length, bytes.length)} with brotli`);
};

const wasm = readFileSync(join(work, "saoma.wasm"));
const glue = readFileSync(join(work, "saoma.min.js"));
const css = readFileSync(join(work, "main.min.css"));

// One hash for glue and wasm: they only work together. The page's script asks for the suffix `_bg`.
const bundle = `saoma-${hash(wasm, glue)}`;
const sheet = `main-${hash(css)}.css`;
write(`pkg/${bundle}.js`, glue);
write(`pkg/${bundle}_bg.wasm`, wasm);
write(`pkg/${sheet}`, css);
for (const name of readdirSync(publicFolder).filter((name) => !name.startsWith("."))) write(name, readFileSync(join(publicFolder, name)));
writeFileSync(join(out, "names"), `${bundle}\n${sheet}\n`);
