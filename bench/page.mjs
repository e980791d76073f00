// `node page.mjs SANDBOX URL…`: what the payment page costs a payer in Chromium. Each URL signs another payer in. Prints JSON:
//   fetched   {path, bytes, encoding} of a first visit with an empty cache until the code shows, heads included
//   still     the same for the order's page without the module, whose code the server drew
//   busy, slow  milliseconds from a click to the code, with the processor throttled four times, and with "Slow 4G" besides;
//             the page was read before, and WeChat answers after 50 ms
import { createRequire } from 'node:module';
import { env, argv } from 'node:process';

const { chromium } = createRequire(new URL('../end2end/package.json', import.meta.url))('playwright-core');
const [sandbox, first, ...others] = argv.slice(2);
// The limits of Chromium's developer tools under that name: 1.6 Mbit/s down, 750 kbit/s up, of which a tenth is lost, and 150 ms, 3.75 times.
const slow4g = { offline: false, latency: 562.5, downloadThroughput: 180_000, uploadThroughput: 84_375 };
const CODE = 'dialog[data-state="waiting"] svg.qr';

await fetch(`${sandbox}/control/faults`, { method: 'PUT', body: JSON.stringify({ answer_delay_ms: 50 }) });
const browser = await chromium.launch({ executablePath: env.SAOMA_CHROMIUM, args: ['--no-sandbox'], timeout: 30_000 });

/** What a page fetches from now on; its cache stays empty. */
const record = async page => {
  const client = await page.context().newCDPSession(page);
  await client.send('Network.enable');
  await client.send('Network.setCacheDisabled', { cacheDisabled: true });
  const fetched = new Map();
  client.on('Network.requestWillBeSent', ({ requestId, request }) => {
    if (!request.url.startsWith('data:')) fetched.set(requestId, { path: new URL(request.url).pathname, bytes: 0, encoding: 'plain' });
  });
  client.on('Network.responseReceived', ({ requestId, response }) => {
    const one = fetched.get(requestId);
    if (one) one.encoding = response.headers['content-encoding'] ?? response.headers['Content-Encoding'] ?? 'plain';
  });
  client.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const one = fetched.get(requestId);
    if (one) one.bytes = Math.round(encodedDataLength);
  });
  // What has no bytes yet is a question that the server holds.
  return () => [...fetched.values()].filter(one => one.bytes > 0);
};

/** Presses the pay button; milliseconds until the next frame after the code is there. */
const click = page => page.evaluate(code => new Promise(shown => {
  const began = performance.now();
  const watch = new MutationObserver(() => {
    if (!document.querySelector(code)) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => shown(performance.now() - began)));
  });
  watch.observe(document.querySelector('dialog'), { subtree: true, childList: true, attributes: true });
  document.querySelector('button[data-kind="pay"]').click();
}), CODE);

/** Signs a payer in and waits until the page has been read. */
const open = async (address, options = {}) => {
  const page = await (await browser.newContext(options)).newPage();
  await page.goto(address, { waitUntil: 'networkidle' });
  return page;
};

/** One wait for each payer. */
const clicks = async (addresses, network) => {
  const waits = [];
  for (const address of addresses) {
    const page = await open(address);
    const client = await page.context().newCDPSession(page);
    await client.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    if (network) {
      await client.send('Network.enable');
      await client.send('Network.emulateNetworkConditions', network);
    }
    waits.push(Math.round(await click(page)));
    await page.context().close();
  }
  return waits.sort((one, other) => one - other);
};

try {
  const page = await open(first);
  const fetched = await record(page);
  await page.goto(new URL('/', first).href, { waitUntil: 'networkidle' });
  await click(page);
  const visit = fetched();
  const order = await page.locator('dialog').getAttribute('data-order');
  const kept = await page.context().storageState();
  await page.context().close();

  const still = await (await browser.newContext({ javaScriptEnabled: false, storageState: kept })).newPage();
  const drawn = await record(still);
  await still.goto(new URL(`/pay/${order}`, first).href, { waitUntil: 'networkidle' });
  if (await still.locator('svg.qr').count() !== 1) throw new Error('the order page shows no code');
  await still.context().close();

  const half = others.length / 2;
  console.log(JSON.stringify({
    fetched: visit,
    still: drawn(),
    busy: await clicks(others.slice(0, half), null),
    slow: await clicks(others.slice(half), slow4g),
  }));
} finally {
  await browser.close();
}
