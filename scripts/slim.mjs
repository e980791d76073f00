// Gives the functions that a wasm-bindgen module imports short names, in the module and in its glue.
// Usage: node slim.mjs <wasm> <js>
import { readFileSync, writeFileSync } from "node:fs";

const [wasm, script] = process.argv.slice(2);
const bytes = readFileSync(wasm);

// Each imported function's name ends in a hash of 16 digits, which does not compress, and stands in both files.
const names = () => {
  const glue = readFileSync(script, "utf8");
  const short = new Map();
  for (const { name } of WebAssembly.Module.imports(new WebAssembly.Module(bytes))) {
    if (/^__wb\w+$/.test(name) && !short.has(name)) short.set(name, `_${short.size.toString(36)}`);
  }
  writeFileSync(wasm, withImports(bytes, (name) => short.get(name) ?? name));
  writeFileSync(script, glue.replace(/\b__wb\w+\b/g, (name) => short.get(name) ?? name));
};

const leb = (value) => {
  const out = [];
  do {
    out.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value);
  return out;
};

// The same module with other names for its imported functions. Source: WebAssembly core specification, 5.5.5.
const withImports = (module, rename) => {
  let at = 8;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = module[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const text = () => {
    const length = number();
    return module.subarray(at, (at += length));
  };
  const out = [module.subarray(0, 8)];
  while (at < module.length) {
    const start = at;
    const id = module[at++];
    const end = number() + at;
    if (id !== 2) {
      out.push(module.subarray(start, (at = end)));
      continue;
    }
    const count = number();
    const body = [...leb(count)];
    for (let one = 0; one < count; one += 1) {
      const from = text();
      const name = Buffer.from(rename(text().toString()));
      if (module[at++] !== 0) throw new Error("slim: an import that is not a function");
      body.push(...leb(from.length), ...from, ...leb(name.length), ...name, 0, ...leb(number()));
    }
    out.push(Uint8Array.from([2, ...leb(body.length)]), Uint8Array.from(body));
  }
  return Buffer.concat(out);
};

names();
