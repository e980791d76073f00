// Another site with Saoma's pages inside its own: both over TLS, under names that are two sites for a browser.

import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request as ask } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

import { chromium, type BrowserContext } from '@playwright/test'

import { Sandbox } from './sandbox.ts'
import { binary } from './saoma.ts'

const HOST = /^([a-z0-9]+)\.test/
/** What the browser does with the cookies of pages inside other sites' pages. */
export type Cookies = 'as usual' | 'third-party phase-out' | 'blocked in frames'

const config = (port: number, pay: string, cookies: Cookies) => ({
  // The cookies of Saoma's pages, where they stand in a page of the shop.
  profile: cookies === 'blocked in frames'
    ? { content_settings: { exceptions: { cookies: { [`${pay},https://shop.test:${port}`]: { setting: 2 } } } } }
    : {},
})

/** A program that says on a line of its output where it listens. */
async function started(args: string[], cwd: string, env: NodeJS.ProcessEnv, says: RegExp): Promise<[ChildProcess, string]> {
  const child = spawn(binary, args, { cwd, env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const errors: string[] = []
  createInterface(child.stderr!).on('line', line => errors.push(line))
  for await (const line of createInterface({ input: child.stdout! })) {
    const found = line.match(says)?.[1]
    if (found) {
      child.stdout!.resume()
      return [child, found]
    }
  }
  throw new Error(`saoma ${args} did not start:\n${errors.join('\n')}`)
}

export class Embedding {
  /** Saoma's public address. */
  pay = ''
  sandbox = new Sandbox('')
  port = 0
  private readonly children: ChildProcess[] = []
  private readonly servers: Server[] = []
  private readonly contexts: BrowserContext[] = []
  private env: NodeJS.ProcessEnv = {}
  private key = ''
  /** What the shop's page shows, by its name. */
  readonly pages = new Map<string, { html: string; headers?: Record<string, string> }>()

  private constructor(private readonly folder: string) {}

  static async start(): Promise<Embedding> {
    const it = new Embedding(await mkdtemp(join(tmpdir(), 'saoma-embedding-')))
    await it.run()
    return it
  }

  private async run() {
    const files = { key: join(this.folder, 'key.pem'), cert: join(this.folder, 'cert.pem') }
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
      '-subj', '/CN=test', '-addext', 'subjectAltName=DNS:*.test', '-keyout', files.key, '-out', files.cert], { stdio: 'ignore' })
    const tls = { key: await readFile(files.key), cert: await readFile(files.cert) }
    let inside = ''
    // The proxy in front of Saoma, as README.md describes it.
    const front = createServer(tls, (asked, answer) => {
      const { hostname, port } = new URL(inside)
      const onward = ask({ hostname, port, path: asked.url, method: asked.method, headers: asked.headers }, got => {
        answer.writeHead(got.statusCode!, got.headers)
        got.pipe(answer)
      })
      onward.on('error', () => answer.destroy())
      asked.pipe(onward)
    })
    // All other sites: the page of the host's name, or else that of the path.
    const sites = createServer(tls, (asked, answer) => {
      const name = asked.headers.host?.match(HOST)?.[1] ?? ''
      const path = new URL(asked.url!, 'https://x').pathname
      const page = this.pages.get(`${name}${path}`) ?? this.pages.get(name)
      answer.writeHead(page ? 200 : 404, { 'content-type': 'text/html; charset=utf-8', ...page?.headers })
      answer.end(page?.html)
    })
    for (const server of [front, sites]) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      this.servers.push(server)
    }
    this.port = (sites.address() as AddressInfo).port
    this.pay = `https://pay.test:${(front.address() as AddressInfo).port}`

    const [wechat, at] = await started(['sandbox', '--addr', '127.0.0.1:0'], this.folder, {}, /^SANDBOX .* (http:\S+)$/)
    this.children.push(wechat)
    this.sandbox.url = at
    const probe = createServer(tls).listen(0, '127.0.0.1')
    await once(probe, 'listening')
    inside = `http://127.0.0.1:${(probe.address() as AddressInfo).port}`
    probe.close()
    this.env = {
      DATABASE_URL: `sqlite://${join(this.folder, 'saoma.db')}`, SAOMA_ADDR: inside.slice(7), SAOMA_PUBLIC_URL: this.pay,
      SAOMA_ALLOW_PUBLIC_SANDBOX: 'true', SAOMA_WECHAT_APPID: 'wxd930ea5d5a258f4f', SAOMA_WECHAT_MCH_ID: '10000100', SAOMA_WECHAT_BASE_URL: at,
      SAOMA_WECHAT_API_KEY: '192006250b4c09247ec02edce69f6a2d', SAOMA_ADMIN_PASSWORD: 'a password of the tests',
      SAOMA_USER_TOKEN_SECRET: 'a secret of the tests that is long enough', SAOMA_SITE_NAME: '远山云',
      SAOMA_FRAME_ANCESTORS: ['shop', 'second'].map(name => this.at(name)).join(), SAOMA_SITE_URL: `${this.at('shop')}/me`,
    }
    this.children.push((await started(['serve'], this.folder, this.env, /^Saoma serves .* on (http\S+)$/))[0])
    const args = ['key', 'create', 'shop', '--scopes', 'sessions:write,balances:read']
    this.key = (await promisify(execFile)(binary, args, { cwd: this.folder, env: { PATH: process.env.PATH, ...this.env } })).stdout.trim()
    this.inside = inside
  }

  private inside = ''

  /** The address of another site. */
  at(name: string): string {
    return `https://${name}.test:${this.port}`
  }

  /** As the site's own program calls. */
  async call(method: string, path: string, body?: object): Promise<any> {
    const headers = { authorization: `Bearer ${this.key}`, ...(body && { 'content-type': 'application/json' }) }
    const answer = await fetch(`${this.inside}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) })
    return answer.json()
  }

  /** A link for a frame in the shop's page. */
  async session(user: string, more: object = {}): Promise<string> {
    const { url, ...rest } = await this.call('POST', '/sessions', { user, name: user, embed: true, origin: this.at('shop'), ...more })
    if (!url) throw new Error(JSON.stringify(rest))
    return url
  }

  async balance(user: string): Promise<number> {
    return (await this.call('GET', `/users/${user}`)).balance
  }

  /** A browser of its own, to which all these names are this machine. */
  async browser(cookies: Cookies = 'as usual', more: object = {}): Promise<BrowserContext> {
    const profile = await mkdtemp(join(this.folder, 'profile-'))
    await mkdir(join(profile, 'Default'))
    await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(config(this.port, this.pay, cookies)))
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: process.env.SAOMA_CHROMIUM ?? '/usr/bin/chromium',
      ignoreHTTPSErrors: true, locale: 'zh-CN', timezoneId: 'Asia/Shanghai', viewport: { width: 1280, height: 900 }, ...more,
      args: [
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-background-networking', '--disable-component-update',
        '--disable-sync', '--no-first-run', '--disable-quic', '--host-resolver-rules=MAP *.test 127.0.0.1',
        ...(cookies === 'third-party phase-out' ? ['--test-third-party-cookie-phaseout'] : []),
      ],
    })
    this.contexts.push(context)
    return context
  }

  async stop() {
    for (const context of this.contexts) await context.close()
    for (const child of this.children) {
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    }
    for (const server of this.servers) server.close()
    await rm(this.folder, { recursive: true, force: true })
  }
}
