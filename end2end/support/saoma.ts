// The real binary in sandbox mode, on free ports, with a database of its own.

import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { Sandbox } from './sandbox.ts'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
export const binary = process.env.SAOMA_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug/saoma')
const START_WITHIN_MS = 20_000

/** Settings as environment variables. */
export type Settings = Record<string, string>

export class Saoma {
  /** All that the server logged, line by line. */
  readonly log: string[] = []
  url = ''
  sandbox = new Sandbox('')
  /** This site as WeChat's own browser shows it. */
  wechat = ''
  /** Of the operator `admin`, as printed at the first start. */
  password = ''
  private child?: ChildProcess
  private site = ''
  private readonly env: NodeJS.ProcessEnv

  private constructor(private readonly folder: string, settings: Settings) {
    this.env = {
      PATH: process.env.PATH,
      DATABASE_URL: `sqlite://${join(folder, 'saoma.db')}`,
      SAOMA_ADDR: '127.0.0.1:0',
      SAOMA_SANDBOX_ADDR: '127.0.0.1:0',
      SAOMA_USER_TOKEN_SECRET: 'a secret of the tests that is long enough',
      ...settings,
    }
  }

  static async start(settings: Settings): Promise<Saoma> {
    const saoma = new Saoma(await mkdtemp(join(tmpdir(), 'saoma-end2end-')), settings)
    await saoma.run()
    return saoma
  }

  private async run() {
    // In its own folder, so that no saoma.toml of the project is read.
    const child = spawn(binary, ['serve'], { cwd: this.folder, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child = child
    createInterface(child.stderr!).on('line', line => this.log.push(line))
    const failed = once(child, 'exit').then(() => {
      throw new Error(`${binary} did not start:\n${this.log.join('\n')}`)
    })
    failed.catch(() => {})
    const late = AbortSignal.timeout(START_WITHIN_MS)
    const ready = (async () => {
      for await (const line of createInterface({ input: child.stdout!, signal: late })) {
        this.url ||= line.match(/^Saoma serves .* on (http:\S+)$/)?.[1] ?? ''
        this.sandbox.url ||= line.match(/^SANDBOX: .* (http:\S+)$/)?.[1] ?? ''
        this.wechat ||= line.match(/^WeChat's browser, .* (http:\S+)$/)?.[1] ?? ''
        this.password ||= line.match(/password: (\S+)$/)?.[1] ?? ''
        if (this.url && this.sandbox.url && this.wechat && this.password) return
      }
      throw new Error(`${binary} did not say where it serves:\n${this.log.join('\n')}`)
    })()
    await Promise.race([ready, failed])
    child.stdout!.resume()
  }

  /** What a site would put into its link for one of its users. */
  async token(user: string, name = user): Promise<string> {
    const args = ['user-token', user, '--name', name]
    const { stdout } = await promisify(execFile)(binary, args, { cwd: this.folder, env: this.env })
    return stdout.trim()
  }

  /** Calls /api/v1 as a program of the site does, with a key for everything. */
  async call(path: string, body: object): Promise<any> {
    this.site ||= await this.key('site', 'sessions:write', 'spend:write', 'balances:read')
    const headers = { authorization: `Bearer ${this.site}`, 'content-type': 'application/json' }
    const answer = await fetch(`${this.url}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(await answer.text())
    return answer.json()
  }

  /** A key for a program of the site. */
  async key(name: string, ...scopes: string[]): Promise<string> {
    const args = ['key', 'create', name, '--scopes', scopes.join(',')]
    const { stdout } = await promisify(execFile)(binary, args, { cwd: this.folder, env: this.env })
    return stdout.trim()
  }

  /** Compares our books with the sandbox's bill of a day in Beijing, `2026-11-21`; answers with what the command prints. */
  async reconcile(day: string): Promise<string> {
    const env = { ...this.env, SAOMA_SANDBOX_ADDR: new URL(this.sandbox.url).host }
    const run = promisify(execFile)(binary, ['reconcile', '--date', day], { cwd: this.folder, env })
    // Differences that wait for a person are a failure of the command, and not of ours.
    return run.then(({ stdout }) => stdout, ({ stdout, stderr }) => stdout + stderr)
  }

  async stop() {
    const child = this.child
    if (child && child.exitCode === null) {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    }
    await rm(this.folder, { recursive: true, force: true })
  }
}
