// A translator that costs 3 fen per 1,000 characters. Users sign in by name, top up in a dialog of Saoma's, and pay for what a
// translation came to. `KEEP=site` keeps the balance here instead, and lets Saoma only sell.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { Book } from './book.mjs';
import { saoma } from './saoma.mjs';

/** @typedef {import('./saoma-api.d.ts').components['schemas']} Api What Saoma takes and answers: `npm run types` */

const { PORT = '4000', KEEP = 'saoma', DATA = 'pay-per-use.jsonl', SAOMA_WEBHOOK_SECRET = '' } = process.env;
const { SAOMA_URL = 'http://127.0.0.1:3000', SITE_URL = `http://127.0.0.1:${PORT}` } = process.env;
const SECRET = process.env.COOKIE_SECRET ?? randomBytes(32).toString('hex');
const book = new Book(DATA);
const hook = new Webhook(SAOMA_WEBHOOK_SECRET);
const page = readFileSync(new URL('page.html', import.meta.url), 'utf8').replace('{{SAOMA_URL}}', SAOMA_URL);
const streams = new Set(); // open pages: { user, response }

const price = (characters) => Math.max(1, Math.ceil((characters * 3) / 1000));
const id = encodeURIComponent;

// ---- Money

async function account(user) {
  if (KEEP === 'site') return { available: book.balances.get(user) ?? 0, rows: [] };
  /** @type {[Api['User'], { data: Api['LedgerRow'][] }]} */
  const [{ available }, { data }] = await Promise.all([
    saoma('GET', `/users/${id(user)}`),
    saoma('GET', `/users/${id(user)}/ledger?limit=10`),
  ]);
  return { available, rows: data };
}

/** Sets the estimate aside, works, and takes what the work came to. Nothing is taken for work that failed. */
async function charge(user, estimate, work) {
  // The number is on disk before it is used, so that no other job ever has it.
  const job = book.jobs + 1;
  book.write({ job });
  const reference = `job-${job}`;
  if (KEEP === 'site') {
    if ((book.balances.get(user) ?? 0) < estimate) throw Object.assign(new Error('too little'), { status: 402 });
    const result = work();
    book.write({ user, fen: -result.fen });
    return result;
  }
  /** @type {Api['NewHold']} */
  const wanted = { user, amount: estimate, reference, reason: 'translation' };
  /** @type {Api['HoldAnswer']} */
  const hold = await saoma('POST', '/holds', wanted);
  let result;
  try {
    result = work();
  } catch (error) {
    await saoma('POST', `/holds/${hold.id}/void`);
    throw error;
  }
  await saoma('POST', `/holds/${hold.id}/capture`, { amount: result.fen });
  return result;
}

/** A delivery of Saoma's. It is on disk before the answer: whatever is not answered with 2xx comes again. */
function deliver(body, headers) {
  // Throws if it is not Saoma's. Which parts of `data` are there depends on the type.
  const event = /** @type {{ type: string, data: Required<Api['EventData']> }} */ (hook.verify(body, headers));
  if (book.deliveries.has(headers['webhook-id'])) return;
  const { recharge, refund } = event.data;
  // What it is worth, under a number of its own: the number decides, not the delivery, because after a restore from a backup the
  // same payment may come in a new one.
  const worth = {
    'recharge.paid': () => ['paid', recharge.out_trade_no, recharge.user, recharge.credited],
    'recharge.paid_late': () => ['paid', recharge.out_trade_no, recharge.user, recharge.credited],
    'recharge.refund_requested': () => ['refund', refund.out_refund_no, refund.user, -refund.taken],
    'recharge.refund_failed': () => ['refund-returned', refund.out_refund_no, refund.user, refund.taken],
  };
  const [kind, number, user, fen] = worth[event.type]?.() ?? [];
  const isNew = fen && !book.numbers.has(`${kind} ${number}`);
  book.write({ delivery: headers['webhook-id'], ...(isNew && { number: `${kind} ${number}`, user, fen }) });
  for (const { user, response } of streams) {
    if (user === (recharge ?? refund)?.user) response.write(`data: ${JSON.stringify({ type: event.type })}\n\n`);
  }
}

// ---- Pages

const sign = (user) => createHmac('sha256', SECRET).update(user).digest('hex');

function userOf(request) {
  const [, name, mac] = /(?:^|; )user=([^.;]+)\.([0-9a-f]{64})/.exec(request.headers.cookie ?? '') ?? [];
  if (!name) return undefined;
  const user = decodeURIComponent(name);
  return timingSafeEqual(Buffer.from(mac), Buffer.from(sign(user))) ? user : undefined;
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

/** What the "translator" does: it turns every word around. */
function translate(text) {
  const done = text.replace(/\S+/g, (word) => [...word].reverse().join(''));
  return { text: done, fen: price([...done.trim()].length) };
}

const routes = {
  'GET /': async (request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(page);
  },
  'POST /sign-in': async (request, response) => {
    const { name } = JSON.parse(await body(request));
    if (!/^[\w-]{1,32}$/.test(name)) return json(response, 422, { problem: 'letters, digits, - and _, 32 at most' });
    response.setHeader('set-cookie', `user=${id(name)}.${sign(name)}; HttpOnly; SameSite=Lax; Path=/`);
    json(response, 200, {});
  },
  'POST /hooks/saoma': async (request, response) => {
    try {
      deliver(await body(request), request.headers);
      response.writeHead(204).end();
    } catch (error) {
      json(response, 401, { problem: error.message });
    }
  },
  'GET /account': signedIn(async (user, request, response) => json(response, 200, { user, ...(await account(user)) })),
  'POST /top-up': signedIn(async (user, request, response) => {
    /** @type {Api['NewSession']} */
    const wanted = { user, embed: true, origin: SITE_URL, return_url: `${SITE_URL}/` };
    json(response, 200, { url: (await saoma('POST', '/sessions', wanted)).url });
  }),
  'POST /translate': signedIn(async (user, request, response) => {
    const text = await body(request);
    json(response, 200, await charge(user, price(text.length), () => translate(text)));
  }),
  'GET /stream': signedIn(async (user, request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(': open\n\n');
    const stream = { user, response };
    streams.add(stream);
    request.on('close', () => streams.delete(stream));
  }),
};

function signedIn(route) {
  return async (request, response) => {
    const user = userOf(request);
    return user ? route(user, request, response) : json(response, 401, { problem: 'sign in' });
  };
}

function json(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

const server = createServer(async (request, response) => {
  const route = routes[`${request.method} ${request.url?.split('?')[0]}`];
  if (!route) return json(response, 404, { problem: 'there is no such page' });
  try {
    await route(request, response);
  } catch (error) {
    // 402: too little is there, and the page opens the top-up.
    json(response, error.status ?? 500, { code: error.code, problem: error.message });
  }
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`pay-per-use: ${SITE_URL}`));
