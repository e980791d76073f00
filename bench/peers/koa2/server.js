// The usual recharge desk on Koa 2: `node server.js PORT DATABASE`. Credits signed v2 notices, answers status polls.
// SQLite is as durable here as with Saoma: WAL and synchronous=FULL, so each transaction is on disk when it is answered.
import { createHash, timingSafeEqual } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import Database from 'better-sqlite3';
import Koa from 'koa';
import getRawBody from 'raw-body';
import xml2js from 'xml2js';

// The public v2 test identity from WeChat's own documentation.
const MERCHANT = { appid: 'wxd930ea5d5a258f4f', mch_id: '10000100', key: '192006250b4c09247ec02edce69f6a2d' };
const [port, file] = process.argv.slice(2);

const db = new Database(file);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(readFileSync(new URL('schema.sql', import.meta.url), 'utf8'));
const findOrder = db.prepare('SELECT * FROM orders WHERE out_trade_no = ?');
const markPaid = db.prepare(
  "UPDATE orders SET state = 'paid', transaction_id = ?, paid_at = ? WHERE out_trade_no = ? AND state = 'pending'",
);
const credit = db.prepare('INSERT INTO ledger (out_trade_no, user_id, amount, at) VALUES (?, ?, ?, ?)');
const raise = db.prepare(
  'INSERT INTO accounts (user_id, balance) VALUES (?, ?) ON CONFLICT (user_id) DO UPDATE SET balance = balance + excluded.balance',
);

/** One transaction a notice: check the order, mark it, write the ledger, raise the balance. */
const settle = db.transaction((notice) => {
  const order = findOrder.get(notice.out_trade_no);
  if (!order) throw new Error('no such order');
  if (order.total_fee !== Number(notice.total_fee)) throw new Error('another amount');
  if (order.state === 'paid') {
    if (order.transaction_id !== notice.transaction_id) throw new Error('paid by another transaction');
    return;
  }
  const now = Date.now();
  if (markPaid.run(notice.transaction_id, now, order.out_trade_no).changes !== 1) throw new Error('not open');
  credit.run(order.out_trade_no, order.user_id, order.total_fee, now);
  raise.run(order.user_id, order.total_fee);
});

/** Tells the polls that are held that their order, whose number is the event's name, was credited. */
const credited = new EventEmitter().setMaxListeners(0);

function isSigned(notice) {
  const { sign = '', ...fields } = notice;
  const names = Object.keys(fields).filter((name) => fields[name] !== '').sort();
  const text = names.map((name) => `${name}=${fields[name]}&`).join('') + `key=${MERCHANT.key}`;
  const right = createHash('md5').update(text, 'utf8').digest('hex').toUpperCase();
  return sign.length === right.length && timingSafeEqual(Buffer.from(sign), Buffer.from(right));
}

const reply = (code, message) =>
  `<xml><return_code><![CDATA[${code}]]></return_code><return_msg><![CDATA[${message}]]></return_msg></xml>`;

async function notify(ctx) {
  ctx.type = 'text/xml';
  try {
    const body = await getRawBody(ctx.req, { length: ctx.request.length, limit: '16kb', encoding: 'utf8' });
    const { xml: notice } = await xml2js.parseStringPromise(body, { explicitArray: false });
    if (!isSigned(notice) || notice.appid !== MERCHANT.appid || notice.mch_id !== MERCHANT.mch_id) throw new Error('sign');
    if (notice.return_code === 'SUCCESS' && notice.result_code === 'SUCCESS') {
      settle.immediate(notice);
      credited.emit(notice.out_trade_no);
    }
    ctx.body = reply('SUCCESS', 'OK');
  } catch (error) {
    ctx.body = reply('FAIL', error.message);
  }
}

/** Who is signed in, as a site's own login would leave it: a signed cookie. */
function login(ctx) {
  ctx.cookies.set('user', ctx.query.user, { signed: true });
  ctx.status = 204;
}

/** How an order stands, for the user whose signed cookie came along. */
function status(ctx) {
  show(ctx, ownOrder(ctx));
}

const HOLD_MS = 25_000;

/** The same once the order is credited, at the latest after 25 s. */
async function wait(ctx) {
  const order = ownOrder(ctx);
  if (order.state === 'paid') return show(ctx, order);
  await new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      credited.off(order.out_trade_no, done);
      resolve();
    };
    const timer = setTimeout(done, HOLD_MS);
    credited.on(order.out_trade_no, done);
    // The payer closed the page.
    ctx.res.once('close', done);
  });
  if (!ctx.res.destroyed) show(ctx, findOrder.get(order.out_trade_no));
}

function ownOrder(ctx) {
  const user = ctx.cookies.get('user', { signed: true });
  const order = user && findOrder.get(ctx.query.out_trade_no);
  return order && order.user_id === user ? order : ctx.throw(404);
}

function show(ctx, order) {
  const left = Math.max(0, Math.floor((order.time_expire - Date.now()) / 1000));
  ctx.body = {
    out_trade_no: order.out_trade_no,
    state: order.state,
    total_fee: order.total_fee,
    code_url: order.code_url,
    expires_in_s: left,
    poll_for_s: Math.min(200, left),
    next_ms: 1000,
  };
}

const findDebit = db.prepare('SELECT * FROM debits WHERE reference = ?');
const lower = db.prepare('UPDATE accounts SET balance = balance - ? WHERE user_id = ? AND balance >= ? RETURNING balance');
const addDebit = db.prepare('INSERT INTO debits (reference, user_id, amount, reason, created_at) VALUES (?, ?, ?, ?, ?)');

/** One transaction a debit: look for its reference, lower the balance if enough is there, write debit and ledger. */
const debit = db.transaction(({ user, amount, reference, reason }) => {
  const known = findDebit.get(reference);
  if (known) return { status: known.user_id === user && known.amount === amount ? 200 : 409, debit: known };
  const account = lower.get(amount, user, amount);
  if (!account) return { status: 402 };
  const now = Date.now();
  addDebit.run(reference, user, amount, reason, now);
  credit.run(reference, user, -amount, now);
  return { status: 201, debit: { reference, user, amount, reason, balance_after: account.balance, created_at: now } };
});

const KEY = createHash('sha256').update('Bearer only for measuring').digest();

async function spend(ctx) {
  if (!timingSafeEqual(createHash('sha256').update(ctx.get('authorization')).digest(), KEY)) return ctx.throw(401);
  const body = await getRawBody(ctx.req, { length: ctx.request.length, limit: '64kb', encoding: 'utf8' });
  const asked = JSON.parse(body);
  if (!Number.isInteger(asked.amount) || asked.amount < 1) return ctx.throw(422);
  const { status, debit: made } = debit.immediate(asked);
  ctx.status = status;
  ctx.body = made ?? { code: 'insufficient_balance' };
}

const app = new Koa({ keys: [MERCHANT.key] });
app.use(async (ctx, next) => {
  if (ctx.method === 'POST' && ctx.path === '/wxpay/notify') await notify(ctx);
  else if (ctx.method === 'POST' && ctx.path === '/api/v1/debits') await spend(ctx);
  else if (ctx.method === 'GET' && ctx.path === '/wxpay/status') status(ctx);
  else if (ctx.method === 'GET' && ctx.path === '/wxpay/wait') await wait(ctx);
  else if (ctx.method === 'GET' && ctx.path === '/login') login(ctx);
  else await next();
});
const server = app.listen(Number(port), '127.0.0.1', 4096);
// Browsers and WeChat keep connections; the default of 5 s would cut them between two rounds.
server.keepAliveTimeout = 120_000;
process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  db.close();
  process.exit(0);
});
