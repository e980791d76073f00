// On pages inside another site's page: tells that page what happens here. It is told nothing back.
(() => {
  'use strict'
  const origin = document.querySelector('meta[name=saoma-parent]')?.content
  if (!origin || parent === window) return
  const STATES = {
    waiting: 'ordered', 'on-phone': 'ordered', 'in-wechat': 'ordered', sheet: 'ordered', leaving: 'ordered',
    paid: 'paid', late: 'late', refunded: 'late', closed: 'closed', cancelled: 'closed', expired: 'closed',
  }
  const tell = (type, more) => parent.postMessage({ saoma: 1, type, ...more }, origin)

  let last = ''
  const look = () => {
    const place = document.querySelector('dialog[open][data-order], .card[data-order]')
    const { order, fee, state } = place?.dataset ?? {}
    const type = order && STATES[state]
    if (!type || last === `${type} ${order}`) return
    last = `${type} ${order}`
    tell(type, { out_trade_no: order, total_fee: +fee })
  }
  new MutationObserver(look).observe(document.body, {
    subtree: true, attributes: true, attributeFilter: ['data-state', 'data-order', 'open'],
  })
  new ResizeObserver(() => tell('resize', { height: Math.ceil(document.body.getBoundingClientRect().height) })).observe(document.body)
  // Done with the payment: done with the page.
  addEventListener('close', ({ target }) => ['paid', 'late'].includes(target.dataset?.state) && tell('close'), true)
  addEventListener('keydown', ({ key }) => key === 'Escape' && !document.querySelector('dialog[open]') && tell('close'))
  tell('ready')
  look()
})()
