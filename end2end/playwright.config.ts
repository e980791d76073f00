import { availableParallelism } from 'node:os'

import { defineConfig } from '@playwright/test'

// scripts/end2end.sh names both; the defaults are for `npx playwright test` by hand.
const chromium = process.env.SAOMA_CHROMIUM_SHELL ?? process.env.SAOMA_CHROMIUM ?? '/usr/bin/chromium'
const isRoot = process.getuid?.() === 0

export default defineConfig({
  testDir: 'tests',
  fullyParallel: true,
  // Each waits a part of its time.
  workers: availableParallelism() + 1,
  retries: 0,
  forbidOnly: true,
  timeout: 60_000,
  // A payment is shown within a second or two; a busy machine may take longer.
  expect: { timeout: 10_000 },
  reporter: [['list', { printSteps: false }]],
  outputDir: 'test-results',
  use: {
    browserName: 'chromium',
    locale: 'zh-CN',
    timezoneId: 'Asia/Shanghai',
    viewport: { width: 1280, height: 900 },
    // A trace doubles the time; `npx playwright test --trace on` makes one.
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      executablePath: chromium,
      args: [
        ...(isRoot ? ['--no-sandbox'] : []),
        // The browser itself must not call anybody either.
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
        '--disable-quic',
      ],
    },
  },
})
