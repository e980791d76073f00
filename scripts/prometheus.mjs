// Plays with a sandbox while a real Prometheus watches it, then asks Prometheus what each panel of the dashboard asks.
// A panel that gets no number fails. Usage: node prometheus.mjs <saoma> <ops folder>
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as httpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [program, ops] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "saoma-prometheus."));
const children = [];
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const freePort = () => new Promise((found) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address();
    server.close(() => found(port));
  });
});

async function until(what, look, seconds = 40) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await pause(200)) {
    const found = await look().catch(() => undefined);
    if (found) return found;
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

async function asked(url, options = {}) {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? {} : answer.json();
}

async function run() {
  const [port, sandboxPort, watcherPort] = [await freePort(), await freePort(), await freePort()];
  const [url, sandbox, watcher] = [port, sandboxPort, watcherPort].map((at) => `http://127.0.0.1:${at}`);
  const env = {
    PATH: process.env.PATH,
    SAOMA_ADDR: `127.0.0.1:${port}`,
    SAOMA_SANDBOX_ADDR: `127.0.0.1:${sandboxPort}`,
    SAOMA_WEBHOOK_NETWORKS: "127.0.0.0/8",
    DATABASE_URL: `sqlite://${join(folder, "saoma.db")}`,
    RUST_LOG: "warn",
  };
  const saoma = (...args) => execFileSync(program, args, { cwd: folder, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  children.push(spawn(program, ["serve"], { cwd: folder, env, stdio: ["ignore", "ignore", "inherit"] }));
  await until("the server", () => fetch(`${url}/readyz`).then((answer) => answer.ok));

  copyFileSync(join(ops, "prometheus/saoma.rules.yml"), join(folder, "saoma.rules.yml"));
  const config = readFileSync(join(ops, "prometheus/prometheus.yml"), "utf8")
    .replace("127.0.0.1:3000", `127.0.0.1:${port}`)
    .replace("scrape_interval: 15s", "scrape_interval: 1s")
    .replace("evaluation_interval: 30s", "evaluation_interval: 1s");
  writeFileSync(join(folder, "prometheus.yml"), config);
  children.push(spawn("prometheus", [
    `--config.file=${join(folder, "prometheus.yml")}`, `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${watcherPort}`, "--log.level=error",
  ], { stdio: ["ignore", "ignore", "inherit"] }));
  const query = async (expr) => {
    const { data } = await asked(`${watcher}/api/v1/query?query=${encodeURIComponent(expr)}`);
    return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  };
  await until("the first scrape", async () => (await query('up{job="saoma"}')).some(({ value }) => value === 1));
  // Something has to happen after the first scrape, or no rate sees it.
  await play({ url, sandbox, saoma });
  await pause(4000);
  await judge({ url, watcher, query });
}

// A payment and what may follow it: each thing that has a panel happens once.
async function play({ url, sandbox, saoma }) {
  const receiver = httpServer((_, answer) => answer.writeHead(204).end()).listen(0, "127.0.0.1");
  receiver.unref();
  const scopes = "recharges:read,recharges:write,refunds:write,spend:write,webhooks:write,events:read";
  const key = saoma("key", "create", "watcher", "--scopes", scopes).split("\n").pop().trim();
  const call = (method, path, body) => asked(`${url}/api/v1${path}`, {
    method, body: body && JSON.stringify(body),
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
  });
  await until("the key", () => call("GET", "/recharges"));
  await call("POST", "/webhook_endpoints", { url: `http://127.0.0.1:${receiver.address().port}/hooks` });
  const token = saoma("user-token", "watched").split("\n").pop().trim();
  const placed = await asked(`${url}/wxpay/recharge`, { method: "POST", body: new URLSearchParams({ u: token, quantity: "5" }) });
  await asked(`${sandbox}/control/pay`, { method: "POST", body: new URLSearchParams({ code_url: placed.code_url }) });
  const order = () => asked(`${url}/wxpay/recharge/${placed.out_trade_no}`, { headers: { authorization: `Bearer ${token}` } });
  await until("the payment", async () => (await order()).state === "paid");
  await call("POST", "/debits", { reference: "watched-1", user: "watched", amount: 100, reason: "watched" });
  await call("POST", `/recharges/${placed.out_trade_no}/refunds`, { reference: "watched-2", amount: 100, reason: "watched" });
  for (const path of ["/", "/admin", "/nothing", "/api/v1/events"]) await fetch(url + path);
  saoma("backup", join(folder, "backup.db"));
  // Three days ago there was nothing to reconcile, and its bill can be read at any hour.
  saoma("reconcile", "--date", new Date(Date.now() - 3 * 86_400_000).toISOString().slice(0, 10));
  await until("the self-check", async () => (await (await fetch(`${url}/metrics`)).text()).includes('saoma_checked_timestamp_seconds{scope="whole"}'));
}

async function judge({ url, watcher, query }) {
  const failed = [];
  const metrics = await (await fetch(`${url}/metrics`)).text();
  try {
    execFileSync("promtool", ["check", "metrics"], { input: metrics, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    failed.push(`promtool check metrics: ${error.stdout}${error.stderr}`);
  }
  const { panels } = JSON.parse(readFileSync(join(ops, "grafana/saoma.json"), "utf8"));
  const filled = (text) => text.replaceAll("$__rate_interval", "1m").replaceAll("$instance", ".*");
  const shown = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr: filled(expr) })));
  for (const { title, expr } of shown) {
    // The merchant's certificate is the one thing that a sandbox has not.
    if (expr.includes("saoma_certificate_expires_timestamp_seconds")) continue;
    const found = await query(expr);
    if (!found.some(({ value }) => Number.isFinite(value))) failed.push(`${title}: nothing for ${expr}`);
  }
  const { data } = await asked(`${watcher}/api/v1/rules`);
  for (const { name, health, lastError } of data.groups.flatMap(({ rules }) => rules)) {
    if (health !== "ok") failed.push(`${name}: ${health} ${lastError ?? ""}`);
  }
  const firing = await query('ALERTS{alertstate="firing"}');
  for (const { metric } of firing) failed.push(`a healthy sandbox fires ${metric.alertname}`);
  if (failed.length > 0) throw new Error(failed.join("\n"));
  console.log(`${shown.length} expressions of ${panels.length} panels and rows, each with a value`);
}

let failure;
try {
  await run();
} catch (error) {
  failure = error;
} finally {
  for (const child of children) child.kill();
  await pause(300);
  rmSync(folder, { recursive: true, force: true });
}
if (failure) {
  console.error(failure.message);
  process.exit(1);
}
process.exit(0);
