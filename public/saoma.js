// The recharge page inside yours. What it tells is a hint; the webhook is the truth, see the book.
(() => {
  'use strict'
  const isPhone = /MicroMessenger|Mobi|Android/i.test(navigator.userAgent)
  const isChinese = /^zh/i.test(document.documentElement.lang || navigator.language)
  // The payment window of the page has room in it.
  const LEAST = 640

  /** A frame with the page. `onresize` is told the height of its content. */
  function frame(options, onresize, onclose) {
    const url = new URL(options.url, location.href)
    const element = document.createElement('iframe')
    element.title = options.title || (isChinese ? '充值' : 'Top up')
    element.allow = 'clipboard-write'
    Object.assign(element.style, { display: 'block', width: '100%', height: `${LEAST}px`, border: 0 })
    element.src = url.href
    const told = new Set()
    const hear = ({ origin, source, data }) => {
      if (origin !== url.origin || source !== element.contentWindow || data?.saoma !== 1) return
      const { type, out_trade_no, total_fee, height } = data
      if (type === 'resize') return onresize(Math.max(LEAST, Math.min(+height || 0, 4000)))
      if (type === 'close') return onclose()
      const once = `${type} ${out_trade_no}`
      if (!['ready', 'ordered', 'paid', 'late', 'closed'].includes(type) || told.has(once)) return
      told.add(once)
      options[`on${type}`]?.({ out_trade_no, total_fee })
    }
    addEventListener('message', hear)
    return { element, end: () => removeEventListener('message', hear) }
  }

  /** Opens the page in a dialog; on a phone and in WeChat, where frames cannot pay, in place of yours. */
  function open(options) {
    if (isPhone) return location.assign(options.url)
    const dialog = document.createElement('dialog')
    const { element, end } = frame(options, height => (element.style.height = `${height}px`), () => dialog.close())
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = '✕'
    button.ariaLabel = isChinese ? '关闭' : 'Close'
    button.onclick = () => dialog.close()
    dialog.className = 'saoma'
    dialog.ariaLabel = element.title
    Object.assign(dialog.style, {
      boxSizing: 'border-box', width: '900px', maxWidth: 'calc(100vw - 32px)', maxHeight: 'calc(100vh - 32px)', padding: 0,
      border: 0, borderRadius: '16px', overflow: 'hidden auto', colorScheme: 'light dark', background: 'Canvas', color: 'CanvasText',
    })
    Object.assign(button.style, {
      display: 'block', width: '44px', height: '44px', margin: '0 0 0 auto', border: 0, borderRadius: '16px', background: 'none',
      color: 'inherit', font: '18px/1 sans-serif', cursor: 'pointer',
    })
    dialog.append(button, element)
    dialog.onclose = () => {
      end()
      dialog.remove()
      options.onclose?.()
    }
    document.body.append(dialog)
    dialog.showModal()
    return { close: () => dialog.close() }
  }

  /** Puts the page into an element of yours, as high as its content. */
  function mount(place, options) {
    const { element, end } = frame(options, height => (element.style.height = `${height}px`), () => options.onclose?.())
    place.append(element)
    return {
      close: () => {
        end()
        element.remove()
      },
    }
  }

  window.Saoma = { open, mount }
})()
