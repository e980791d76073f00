// examples/pay-per-use as its users run it, beside a Saoma of its own.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

import { Saoma } from './saoma.ts'

const program = resolve(dirname(fileURLToPath(import.meta.url)), '../../examples/pay-per-use/server.mjs')
const SCOPES = ['sessions:write', 'balances:read', 'spend:write', 'webhooks:write']

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

export class Example {
  private child?: ChildProcess
  private readonly log: string[] = []

  private constructor(
    readonly saoma: Saoma, readonly url: string, private readonly folder: string, private readonly env: NodeJS.ProcessEnv,
  ) {}

  /** `keep`: who keeps the balance. */
  static async start(keep: 'saoma' | 'site'): Promise<Example> {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const saoma = await Saoma.start({ SAOMA_FRAME_ANCESTORS: url, SAOMA_SITE_URL: url, SAOMA_BALANCE_KEPT_BY: keep })
    const key = await saoma.key('pay-per-use', ...SCOPES)
    const made = await fetch(`${saoma.url}/api/v1/webhook_endpoints`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ url: `${url}/hooks/saoma`, types: ['recharge.paid', 'recharge.paid_late', 'recharge.refund_requested', 'recharge.refund_failed', 'recharge.refunded'] }),
    })
    const endpoint = await made.json()
    if (!made.ok) throw new Error(JSON.stringify(endpoint))
    const folder = await mkdtemp(join(tmpdir(), 'saoma-example-'))
    const example = new Example(saoma, url, folder, {
      PATH: process.env.PATH, PORT: `${port}`, KEEP: keep, DATA: join(folder, 'book.jsonl'), COOKIE_SECRET: 'of this test',
      SAOMA_URL: saoma.url, SAOMA_KEY: key, SAOMA_WEBHOOK_SECRET: endpoint.secret,
    })
    await example.run()
    return example
  }

  async run() {
    const child = spawn('node', [program], { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child = child
    createInterface(child.stderr!).on('line', line => this.log.push(line))
    for await (const line of createInterface({ input: child.stdout! })) if (line.includes(this.url)) return
    throw new Error(`the example did not start:\n${this.log.join('\n')}`)
  }

  /** As a machine that loses its power. */
  async kill() {
    const gone = once(this.child!, 'exit')
    this.child!.kill('SIGKILL')
    await gone
  }

  async stop() {
    await this.kill()
    await this.saoma.stop()
    await rm(this.folder, { recursive: true, force: true })
  }
}
