// Accessibility by axe-core, in both themes.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

import type { AxeResults } from 'axe-core'
import type { Page } from '@playwright/test'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds wrong with what the window shows now, one line each. */
export async function violations(page: Page, isPaused = false): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(source)
  let isDone = false
  const found = page
    .evaluate(async (): Promise<AxeResults> => (window as any).axe.run(document, { resultTypes: ['violations'] }))
    .finally(() => (isDone = true))
  // Axe waits for timers, which stand still with the clock.
  while (isPaused && !isDone) await page.clock.runFor(1)
  const { violations } = await found
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(node => `${id}: ${help}: ${node.target.join(' ')}: ${node.failureSummary?.replace(/\s+/g, ' ')}`))
}
