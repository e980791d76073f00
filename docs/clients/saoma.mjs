// Sells and spends credit with Saoma: one file for Node.js 18 and later, without dependencies. Take what you need of it.
//   SAOMA_URL=http://127.0.0.1:3000 SAOMA_KEY=saoma_… node saoma.mjs story lin
//     (a key with sessions:write, recharges:write, spend:write and balances:read; lin needs 8.05 yuan)
//   SAOMA_URL=… SAOMA_KEY=… node saoma.mjs call GET '/events?wait_s=25'
//   SAOMA_WEBHOOK_SECRETS=whsec_… CREDITED=/var/lib/site/credited node saoma.mjs serve 8080
import { createHmac, timingSafeEqual } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const { SAOMA_URL, SAOMA_KEY, SAOMA_WEBHOOK_SECRETS = '', CREDITED = '.' } = process.env;

/** What Saoma refused: `status`, and the fields of its answer (`code`, `detail`, and `available` where a balance is too low). */
export class Refused extends Error {
  constructor(status, problem) {
    super(`${status} ${problem.code}: ${problem.detail}`);
    Object.assign(this, problem, { status });
  }
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

/**
 * One call. It is repeated while nobody knows what became of it, which is safe: whatever moves money has a `reference`, and the
 * same reference is done once, however often it is asked for. Nobody knows after a time-out, and after a 5xx without JSON: that
 * is not Saoma's but of a proxy before it, and the call may have got through.
 */
export async function call(method, path, body) {
  // With wait_s the answer may take that much longer.
  const seconds = 15 + Number(/[?&]wait_s=(\d+)/.exec(path)?.[1] ?? 0);
  for (let attempt = 0; ; attempt++) {
    let answer, text, lost;
    try {
      answer = await fetch(`${SAOMA_URL}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${SAOMA_KEY}`, ...(body && { 'content-type': 'application/json' }) },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(seconds * 1000),
      });
      text = await answer.text();
    } catch (error) {
      lost = error;
    }
    if (!lost) {
      const read = answer.ok && text === '' ? {} : parsed(text); // 204 has no body
      if (answer.ok && read) return read;
      lost = new Refused(answer.status, read ?? { code: 'not_json', detail: text.slice(0, 200) });
      const isUnknown = [429, 503].includes(answer.status) || (answer.status >= 500 && !read);
      if (!isUnknown) throw lost;
    }
    if (attempt === 5) throw lost;
    const wait = Number(answer?.headers.get('retry-after') ?? NaN);
    await new Promise((done) => setTimeout(done, 1000 * (wait >= 0 ? wait : 0.2 * 2 ** attempt)));
  }
}

const id = encodeURIComponent;

/** An address to send the user to, who then sees his balance and tops up. Valid for ten minutes. */
export const sessionLink = async (user, name) => (await call('POST', '/sessions', { user, name })).url;

/** A recharge for a page of your own: draw `code_url` as a QR code. Amounts are fen. */
export const recharge = (user, totalFee, reference) =>
  call('POST', '/recharges', { user, total_fee: totalFee, reference });

/** Takes from the balance. Throws `Refused` with status 402 where too little is available: send the user to `sessionLink`. */
export const debit = (user, amount, reference, reason) =>
  call('POST', '/debits', { user, amount, reference, reason });

/** Gives a debit back, or a part of it. */
export const reverse = (debit, amount, reference, reason) =>
  call('POST', `/debits/${id(debit.id)}/reversals`, { amount, reference, reason });

/** What the user has: `balance`, what of it is `held`, and what is `available`. */
export const balance = (user) => call('GET', `/users/${id(user)}`);

/** Sets something aside before work whose price is not known yet. */
export const hold = (user, amount, reference, reason) => call('POST', '/holds', { user, amount, reference, reason });

/** Takes what the work came to, and frees the rest of the hold. */
export const capture = (hold, amount) => call('POST', `/holds/${id(hold.id)}/capture`, { amount });

/** Frees the hold. */
export const release = (hold) => call('POST', `/holds/${id(hold.id)}/void`);

/**
 * The event of a delivery. `body` is the raw body, byte for byte: parse it only after this. Throws if it is not Saoma's, or
 * older than five minutes. While a secret is rotated there are two of them.
 */
export function verify(body, headers, secrets = SAOMA_WEBHOOK_SECRETS.split(' ')) {
  const [name, stamp] = [headers['webhook-id'], headers['webhook-timestamp']];
  if (!name || !(Math.abs(Date.now() / 1000 - Number(stamp)) <= 300)) throw new Error('no id, or another time');
  const given = (headers['webhook-signature'] ?? '').split(' ').filter((part) => part.startsWith('v1,'));
  for (const secret of secrets.filter(Boolean)) {
    const mac = createHmac('sha256', Buffer.from(secret.replace(/^whsec_/, ''), 'base64'));
    const right = mac.update(`${name}.${stamp}.`).update(body).digest();
    for (const part of given) {
      const theirs = Buffer.from(part.slice(3), 'base64');
      if (theirs.length === right.length && timingSafeEqual(theirs, right)) return JSON.parse(body);
    }
  }
  throw new Error('not signed with our secret');
}

/**
 * For a site that keeps the balances itself (`balance_kept_by = "site"`). Where Saoma keeps them, the default, it has added the
 * payment already: such a site adds nothing to a balance of its own, and the event only tells.
 *
 * Credits a recharge once. Here a file per number stands for it; in your program it is a row with `out_trade_no` as its key,
 * written in the transaction that credits. The number decides, not the delivery: after a restore from a backup the same payment
 * may come in a new delivery.
 */
export async function creditOnce({ out_trade_no, user, credited }) {
  try {
    const file = await open(join(CREDITED, out_trade_no), 'wx');
    await file.writeFile(`${user} ${credited}\n`);
    await file.sync();
    await file.close();
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

async function receive(request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  let event;
  try {
    event = verify(Buffer.concat(parts), request.headers);
  } catch (error) {
    return response.writeHead(401).end(error.message);
  }
  // 2xx says that it is stored. Whatever else is answered, it comes again.
  // A late payment that goes back has nothing credited; if it is credited after all, the event comes again.
  const { recharge } = event.data;
  const isPaid = ['recharge.paid', 'recharge.paid_late'].includes(event.type) && recharge.credited > 0;
  response.end(isPaid && (await creditOnce(recharge)) ? 'credited' : 'nothing to do');
}

// Only when it is run itself, and not where it is imported.
const program = process.argv[1] ?? '';
const isRun = existsSync(program) && realpathSync(program) === fileURLToPath(import.meta.url);
const [what, argument, path] = isRun ? process.argv.slice(2) : [];
if (what === 'serve') {
  createServer(receive).listen(Number(argument), '127.0.0.1');
} else if (what === 'call') {
  console.log(JSON.stringify(await call(argument, path)));
} else if (what === 'story') {
  const told = (step, value) => console.log(JSON.stringify({ step, value }));
  const run = Date.now().toString(36);
  told('link', await sessionLink(argument));
  told('code_url', (await recharge(argument, 1000, `order-${run}`)).code_url);
  const first = await debit(argument, 300, `vip-${run}`, 'VIP 30 days');
  told('debit', first);
  told('again', (await debit(argument, 300, `vip-${run}`, 'VIP 30 days')).id === first.id);
  const held = await hold(argument, 500, `job-${run}`, 'translation');
  told('captured', await capture(held, 312));
  await release(await hold(argument, 5, `job-${run}-b`, 'translation'));
  told('reversed', await reverse(first, 100, `vip-${run}`, '10 days less'));
  told('available', (await balance(argument)).available);
  told('too much', await debit(argument, 1e11, `vip-${run}-b`, 'VIP for ever').catch((error) => error.status));
}
