// The part of WeChat's browser that pays. It stands first in every page, and talks to the sandbox under /__weixin/.
(() => {
  'use strict'
  const RESULT = 'get_brand_wcpay_request:'
  const chinese = navigator.language.startsWith('zh')
  const words = (zh, en) => (chinese ? zh : en)

  const post = async (path, body) => {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch('/__weixin/' + path, { method: 'POST', headers, body: JSON.stringify(body) })
    return answer.json()
  }

  // The real bridge speaks to its app through hidden frames with addresses of its own scheme. A page whose policy
  // (frame-src) forbids them never gets an answer.
  const canSpeak = () =>
    new Promise(resolve => {
      const frame = document.createElement('iframe')
      frame.hidden = true
      // Without this a computer's browser would ask to open another program.
      frame.setAttribute('sandbox', '')
      // Chromium names no address of a frame whose scheme it does not know.
      const blocked = event => {
        if (event.effectiveDirective === 'frame-src' && /^(weixin|$)/.test(event.blockedURI)) end(false)
      }
      const end = heard => {
        document.removeEventListener('securitypolicyviolation', blocked)
        frame.remove()
        resolve(heard)
      }
      document.addEventListener('securitypolicyviolation', blocked)
      frame.src = 'weixin://dispatch_message/'
      document.documentElement.append(frame)
      setTimeout(() => end(true), 300)
    })

  // A layer over the page, and over any dialog of it, as WeChat's own is. Its style is set by script, which no policy of the
  // page concerns.
  const STYLE = `
    .back { box-sizing: border-box; width: 100%; max-width: none; height: 100%; max-height: none; margin: 0; padding: 0; border: 0;
      display: flex; align-items: flex-end; justify-content: center; background: #0009; color: #141b17; font: 16px/1.6 -apple-system, "PingFang SC", "Noto Sans CJK SC", sans-serif; }
    .sheet { box-sizing: border-box; width: 100%; max-width: 420px; padding: 24px; border-radius: 14px 14px 0 0;
      background: #fff; text-align: center; }
    p { margin: 0 0 8px; } .amount { font-size: 40px; font-weight: 650; } .note { color: #54309f; font-size: 14px; }
    button { display: block; width: 100%; min-height: 48px; margin-top: 12px; border: 1px solid #818b84; border-radius: 10px;
      background: #fff; color: inherit; font: inherit; cursor: pointer; }
    button.pay { border: 0; background: #067d3f; color: #fff; font-weight: 650; }`
  const layer = (lines, buttons) =>
    new Promise(resolve => {
      const host = document.createElement('weixin-sheet')
      const root = host.attachShadow({ mode: 'open' })
      const style = new CSSStyleSheet()
      style.replaceSync(STYLE)
      root.adoptedStyleSheets = [style]
      const add = (parent, tag, className, text) => {
        const element = document.createElement(tag)
        element.className = className
        element.textContent = text
        parent.append(element)
        return element
      }
      const back = add(root, 'dialog', 'back', '')
      const sheet = add(back, 'div', 'sheet', '')
      back.setAttribute('aria-label', words('微信支付', 'WeChat Pay'))
      // Only a button ends it, so that the page always gets an answer.
      back.oncancel = event => event.preventDefault()
      for (const [className, text] of lines) add(sheet, 'p', className, text)
      add(sheet, 'p', 'note', words('沙盒模式，不会扣真钱', 'Sandbox: no real money moves'))
      for (const [name, text] of buttons) {
        const button = add(sheet, 'button', name, text)
        button.type = 'button'
        button.dataset.action = name
        button.onclick = () => {
          host.remove()
          resolve(name)
        }
      }
      document.documentElement.append(host)
      back.showModal()
      root.querySelector('button').focus()
    })

  const pay = async (parameters, callback) => {
    if (!(await canSpeak())) {
      const what = 'the content security policy of this page blocks weixin: in frame-src, so WeChat would never answer'
      console.error('getBrandWCPayRequest: ' + what)
      return
    }
    const answer = await post('pay', parameters ?? {})
    if (answer.fail) {
      await layer([['text', answer.fail]], [['close', words('知道了', 'Close')]])
      callback({ err_msg: RESULT + 'fail', err_desc: answer.fail })
      return
    }
    const { shop, amount, prepay_id } = answer
    const lines = [['text', shop], ['amount', '¥' + amount]]
    const action = await layer(lines, [['pay', words('立即支付', 'Pay now')], ['cancel', words('取消', 'Cancel')]])
    const end = action === 'pay' ? await post('press', { prepay_id }) : { result: 'cancel' }
    callback({ err_msg: RESULT + end.result, ...(end.fail && { err_desc: end.fail }) })
  }

  const bridge = {
    invoke(name, parameters, callback = () => {}) {
      if (name === 'getBrandWCPayRequest') pay(parameters, callback)
      else callback({ err_msg: 'system:function_not_exist' })
    },
    call() {},
    on() {},
  }

  // As in WeChat, the bridge is there only some time after the page.
  const LATE_MS = 3000
  const loaded = new Promise(resolve => {
    if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', resolve)
    else resolve()
  })
  const state = fetch('/__weixin/state').then(answer => answer.json())
  Promise.all([state, loaded]).then(([{ bridge: fault }]) => {
    if (fault === 'never') return
    setTimeout(() => {
      window.WeixinJSBridge = bridge
      document.dispatchEvent(new Event('WeixinJSBridgeReady'))
    }, fault === 'late' ? LATE_MS : 0)
  })
})()
