// Writes the graph that wasm-metadce wants: every export of a wasm file is a root, but for those that only streaming
// bodies need. No island streams, and what hangs on them is dead weight.
// Usage: node exports.mjs <wasm> <graph.json>
import { readFileSync, writeFileSync } from "node:fs";

const [wasm, graph] = process.argv.slice(2);
const names = WebAssembly.Module.exports(new WebAssembly.Module(readFileSync(wasm))).map((one) => one.name);
const roots = names.filter((name) => !name.includes("intounderlying"));
writeFileSync(graph, JSON.stringify(roots.map((name) => ({ name, export: name, root: true }))));
