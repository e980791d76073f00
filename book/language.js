// A link to the same page in the other language: both books have the same tree.
(() => {
  const [here, there, word] = document.documentElement.lang.startsWith('zh') ? ['zh', 'en', 'English'] : ['en', 'zh', '中文']
  const path = location.pathname
  const at = path.lastIndexOf(`/${here}/`)
  const bar = document.querySelector('#mdbook-menu-bar .right-buttons, #menu-bar .right-buttons')
  if (at < 0 || !bar) return
  const link = document.createElement('a')
  link.className = 'saoma-language'
  link.href = `${path.slice(0, at)}/${there}/${path.slice(at + here.length + 2)}`
  link.lang = there
  link.textContent = word
  bar.prepend(link)
})()
