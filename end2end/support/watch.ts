// Whatever a browser complains about fails the run, and so does any call to a host that is not ours.

import type { BrowserContext } from '@playwright/test'

export class Watch {
  private readonly complaints: string[] = []
  private readonly expected: RegExp[] = []

  constructor(private readonly hosts: string[]) {}

  /** Chromium reports each refused call as an error. A test that wants one names it. */
  expect(complaint: RegExp) {
    this.expected.push(complaint)
  }

  add(context: BrowserContext) {
    // A breach of the content security policy is reported here, too.
    context.on('console', message => {
      if (!['error', 'warning'].includes(message.type())) return
      this.complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`)
    })
    context.on('weberror', error => this.complaints.push(`uncaught: ${error.error().stack ?? error.error()}`))
    context.on('request', request => {
      const { protocol, host } = new URL(request.url())
      // WeChat's browser speaks to its app through frames of this scheme.
      if (protocol === 'data:' || protocol === 'weixin:' || this.hosts.includes(host)) return
      this.complaints.push(`call to another host: ${request.url()}`)
    })
  }

  /** What nobody expected. */
  unexpected(): string[] {
    return this.complaints.filter(complaint => !this.expected.some(pattern => pattern.test(complaint)))
  }
}
