// The desk's pages: shortcuts, copy buttons, drawers, and a form that is sent once. Everything works without it.
(() => {
  'use strict'
  const typing = ({ target, ctrlKey, metaKey, altKey }) =>
    ctrlKey || metaKey || altKey || target.closest('input, textarea, select, [contenteditable]') || document.querySelector('dialog[open]')

  // "/" goes to the search box, j and k through the rows of a list; Enter opens the row, because its link has the focus.
  const rows = () => [...document.querySelectorAll('table[data-rows] tbody tr')]
  const step = by => {
    const all = rows()
    const at = all.findIndex(row => row.contains(document.activeElement))
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by]
    const link = next?.querySelector('a')
    link?.focus()
    link?.scrollIntoView({ block: 'nearest' })
  }
  addEventListener('keydown', event => {
    if (typing(event)) return
    const search = document.querySelector('#q')
    if (event.key === '/' && search) {
      event.preventDefault()
      search.focus()
      search.select()
    } else if (event.key === 'j' || event.key === 'k') {
      step(event.key === 'j' ? 1 : -1)
    }
  })

  const copies = root => {
    if (navigator.clipboard) for (const button of root.querySelectorAll('button[data-copy]')) button.hidden = false
  }
  copies(document)
  addEventListener('click', async ({ target }) => {
    const button = target.closest?.('button[data-copy]')
    if (!button) return
    await navigator.clipboard.writeText(button.dataset.copy)
    button.dataset.done = button.dataset.copied
    setTimeout(() => delete button.dataset.done, 1500)
  })

  // On a phone the bar scrolls sideways: the page that is open is in sight.
  const nav = document.querySelector('.nav')
  const current = nav?.querySelector('[aria-current]')
  if (current) nav.scrollLeft = current.offsetLeft - nav.clientWidth / 2

  // A second press of a form's button does nothing while the first is on its way.
  addEventListener('submit', event => {
    const { method, dataset } = event.target
    if (event.defaultPrevented || method !== 'post') return
    if (dataset.sent) event.preventDefault()
    dataset.sent = '1'
  })
  addEventListener('pageshow', () => document.querySelectorAll('form[data-sent]').forEach(form => delete form.dataset.sent))

  // A drawer that an address opens becomes a modal dialog: the page behind rests, and Escape closes it.
  let opener = null
  const open = () => {
    const drawer = document.getElementById(location.hash.slice(1))
    if (!(drawer instanceof HTMLDialogElement) || drawer.open) return
    opener = document.querySelector(`a[href="#${drawer.id}"]`)
    drawer.showModal()
  }
  const close = drawer => drawer.open && drawer.close()
  for (const drawer of document.querySelectorAll('dialog.drawer')) {
    drawer.addEventListener('close', () => {
      history.replaceState(history.state, '', location.pathname + location.search)
      opener?.focus()
    })
    drawer.addEventListener('click', event => {
      const leaves = event.target === drawer || event.target.closest('.drawer-in > header a')
      if (!leaves) return
      event.preventDefault()
      close(drawer)
    })
  }
  addEventListener('hashchange', open)
  open()

  // Progress of something that is being made: the part is read again until it says that it is over.
  const refresh = async () => {
    const part = document.querySelector('[data-refresh]')
    if (!part) return
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } })
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html')
      const next = page.getElementById(part.id)
      if (answer.ok && next) part.replaceWith(next)
    } catch { /* the next try */ }
    setTimeout(refresh, 1000)
  }
  if (document.querySelector('[data-refresh]')) setTimeout(refresh, 1000)
})()
