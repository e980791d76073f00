// `node page.mjs URL`: opens a page that signs a payer in, then again with an empty cache, and prints what the second
// visit fetched: a JSON array of {path, bytes, encoding}, heads included, as Chromium counts them.
import { createRequire } from 'node:module';
import { env, argv } from 'node:process';

const { chromium } = createRequire(new URL('../end2end/package.json', import.meta.url))('playwright-core');
const [signIn] = argv.slice(2);
const browser = await chromium.launch({ executablePath: env.SAOMA_CHROMIUM, args: ['--no-sandbox'], timeout: 30_000 });
try {
  const page = await browser.newPage();
  await page.goto(signIn, { waitUntil: 'networkidle' });
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
  await page.goto(new URL('/', signIn).href, { waitUntil: 'networkidle' });
  console.log(JSON.stringify([...fetched.values()]));
} finally {
  await browser.close();
}
