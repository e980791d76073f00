// `bash bench/run.sh click [--clicks N] [--throttle N] PROGRAM…`: where the time from a payer's click to the code goes, in Chromium with the
// processor throttled N times (4) from the page's start on, and WeChat at 50 ms. Each PROGRAM is a built `saoma`; several take turns, click by click, each
// click on a fresh page of another payer with an empty cache. Prints medians of N clicks (11), in ms:
//   from the page's own clocks, without a trace: the click → the request is sent → its answer is here → the code is in the page → the next frame
//   from a trace of as many other clicks, which makes all of it slower: the processor time of the page's one thread in that time by kind of
//   work, throttled, without what other programs took; nested work is not counted twice. KEEP_TRACE=FILE keeps the last trace
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { env, argv } from 'node:process';
import { createInterface } from 'node:readline';

const { chromium } = createRequire(new URL('../end2end/package.json', import.meta.url))('playwright-core');
const asked = argv.slice(2);
const option = (name, usual) => {
  const at = asked.indexOf(name);
  return at < 0 ? usual : Number(asked.splice(at, 2)[1]);
};
const clicks = option('--clicks', 11);
const rate = option('--throttle', 4);
const programs = asked.map(program => resolve(program));
if (!programs.length) throw new Error('click.mjs: which program?');
const WECHAT_MS = 50;
/** Kinds of work by the names of Chromium's events; the first that fits counts. */
const WORK = [
  ['style', /^(UpdateLayoutTree|Document::(recalc|update)Style|ScheduleStyle)/],
  ['layout', /^(Layout|LocalFrameView::layout)$/],
  ['paint', /^(PrePaint|Paint|PaintImage|Layerize|Commit|CompositeLayers|UpdateLayer)/],
  ['parsing markup', /^ParseHTML/],
  ['compiling', /[Cc]ompile|wasm/],
  ['collecting garbage', /GC/],
  ['script', /^(FunctionCall|EvaluateScript|RunMicrotasks|EventDispatch|TimerFire|FireAnimationFrame|v8|V8|FireIdleCallback)/],
];

/** A server of its own with an empty database in sandbox mode. */
const start = async program => {
  const folder = mkdtempSync(join(tmpdir(), 'saoma-click-'));
  const settings = {
    PATH: env.PATH, DATABASE_URL: `sqlite://${join(folder, 'saoma.db')}`, SAOMA_ADDR: '127.0.0.1:0', SAOMA_SANDBOX_ADDR: '127.0.0.1:0',
    SAOMA_USER_TOKEN_SECRET: 'a secret of the bench that is long enough',
  };
  const child = spawn(program, ['serve'], { cwd: folder, env: settings, stdio: ['ignore', 'pipe', 'ignore'] });
  let [url, sandbox] = ['', ''];
  for await (const line of createInterface({ input: child.stdout })) {
    url ||= line.match(/^Saoma serves .* on (http:\S+)$/)?.[1] ?? '';
    sandbox ||= line.match(/^SANDBOX: .* (http:\S+)$/)?.[1] ?? '';
    if (url && sandbox) break;
  }
  if (!url) throw new Error(`${program} did not start`);
  child.stdout.resume();
  await fetch(`${sandbox}/control/faults`, { method: 'PUT', body: JSON.stringify({ answer_delay_ms: WECHAT_MS }) });
  const token = user => execFileSync(program, ['user-token', user], { cwd: folder, env: settings, encoding: 'utf8' }).trim();
  const stop = async () => {
    child.kill('SIGTERM');
    await once(child, 'exit');
    rmSync(folder, { recursive: true, force: true });
  };
  return { program, link: user => `${url}/?u=${token(user)}`, stop, plain: [], traced: [] };
};

/** Presses the pay button in the page; the marks that follow, in ms after it. */
const press = () => new Promise(done => {
  const began = performance.now();
  let inPage = 0;
  const watch = new MutationObserver(() => {
    if (!document.querySelector('dialog[data-state="waiting"] svg.qr')) return;
    watch.disconnect();
    inPage = performance.now();
    requestAnimationFrame(() => setTimeout(() => {
      performance.mark('saoma-shown');
      const shown = performance.now();
      const order = performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/create_order'));
      done({
        'click → sent': order.requestStart - began,
        'sent → answer': order.responseEnd - order.requestStart,
        'answer → in the page': inPage - order.responseEnd,
        'in the page → frame': shown - inPage,
        'click → code': shown - began,
      });
    }));
  });
  watch.observe(document.querySelector('dialog'), { subtree: true, childList: true, attributes: true });
  performance.mark('saoma-click');
  document.querySelector('button[data-kind="pay"]').click();
});

/** What the thread of the page did between the two marks, in ms of processor time. */
const workOf = events => {
  const mark = name => events.find(event => event.name === name && event.cat.includes('user_timing'));
  const [from, to] = [mark('saoma-click'), mark('saoma-shown')];
  const mine = events.filter(({ ph, pid, tid, ts, dur }) => ph === 'X' && pid === from.pid && tid === from.tid && ts < to.ts && ts + dur > from.ts);
  mine.sort((one, other) => one.ts - other.ts || other.dur - one.dur);
  const spent = Object.fromEntries([...WORK.map(([kind]) => [kind, 0]), ['other work', 0]]);
  const around = [];
  for (const { name, ts, dur, tdur } of mine) {
    while (around.length && around.at(-1).ends <= ts) around.pop();
    const outer = around.at(-1);
    const kind = WORK.find(([, names]) => names.test(name))?.[0] ?? outer?.kind ?? 'other work';
    // What began before the click or goes on after the code counts in part.
    const share = dur ? (Math.min(ts + dur, to.ts) - Math.max(ts, from.ts)) / dur : 1;
    const took = (tdur ?? 0) * share / 1000;
    if (outer) spent[outer.kind] -= took;
    spent[kind] += took;
    around.push({ kind, ends: ts + dur });
  }
  const all = Object.values(spent).reduce((sum, one) => sum + one, 0);
  return { ...spent, 'all work': all, 'click → code': (to.ts - from.ts) / 1000 };
};

const click = async (browser, server, user, isTraced) => {
  const context = await browser.newContext({ locale: 'zh-CN' });
  const page = await context.newPage();
  const client = await context.newCDPSession(page);
  await client.send('Emulation.setCPUThrottlingRate', { rate });
  await page.goto(server.link(user), { waitUntil: 'networkidle' });
  const categories = ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'blink.user_timing', 'v8', 'v8.wasm', 'disabled-by-default-v8.compile'];
  if (isTraced) await browser.startTracing(page, { categories });
  const marks = await page.evaluate(press);
  const events = isTraced ? JSON.parse(await browser.stopTracing()).traceEvents : [];
  if (isTraced && env.KEEP_TRACE) writeFileSync(env.KEEP_TRACE, JSON.stringify(events));
  await context.close();
  return isTraced ? workOf(events) : marks;
};

const median = numbers => numbers.sort((one, other) => one - other)[Math.floor(numbers.length / 2)];
const table = (servers, kind) => {
  for (const part of Object.keys(servers[0][kind][0])) {
    const medians = servers.map(server => median(server[kind].map(one => one[part])).toFixed(0).padStart(6));
    console.log(`  ${part.padEnd(22)}${medians.join('')}`);
  }
};

const browser = await chromium.launch({ executablePath: env.SAOMA_CHROMIUM, args: ['--no-sandbox'], timeout: 30_000 });
const servers = [];
try {
  for (const program of programs) servers.push(await start(program));
  const before = loadavg()[0];
  for (let n = 0; n <= clicks; n += 1) {
    for (const kind of ['plain', 'traced']) {
      for (const server of servers) {
        const one = await click(browser, server, `${kind}-${n}`, kind === 'traced');
        // The first of each warms server and browser.
        if (n > 0) server[kind].push(one);
      }
    }
  }
  console.log(`${clicks} clicks each, in turns, throttled ${rate} times; load average ${before.toFixed(1)} before, ${loadavg()[0].toFixed(1)} after`);
  programs.forEach((program, n) => console.log(`  ${n + 1}: ${program}`));
  console.log('medians in ms, by the page\'s clocks:');
  table(servers, 'plain');
  console.log('processor time of its thread, by a trace:');
  table(servers, 'traced');
} finally {
  for (const server of servers) await server.stop();
  await browser.close();
}
