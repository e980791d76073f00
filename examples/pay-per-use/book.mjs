// What the site remembers: one line of JSON per fact, on disk before anybody is told of it, and read again at the start. A real
// site has a database; what matters is the same there: a delivery and the number of a recharge or refund are keys that exist once.
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';

export class Book {
  deliveries = new Set();
  numbers = new Set(); // of recharges and refunds that are booked
  balances = new Map(); // only with KEEP=site: user → fen
  jobs = 0;

  constructor(path) {
    this.file = openSync(path, 'a');
    // A line that a crash cut off was never answered for: the delivery comes again.
    for (const line of readFileSync(path, 'utf8').split('\n').filter((text) => text.endsWith('}'))) {
      this.#apply(JSON.parse(line));
    }
  }

  write(fact) {
    writeSync(this.file, `\n${JSON.stringify(fact)}`);
    fsyncSync(this.file);
    this.#apply(fact);
  }

  #apply({ delivery, number, user, fen, job }) {
    if (delivery) this.deliveries.add(delivery);
    if (job) this.jobs = Math.max(this.jobs, job);
    if (number) this.numbers.add(number);
    if (fen) this.balances.set(user, (this.balances.get(user) ?? 0) + fen);
  }

  close() {
    closeSync(this.file);
  }
}
