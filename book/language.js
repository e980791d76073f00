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

// mdBook's search knows words between blanks, which Chinese does not have: there every text that contains what was typed is found.
;(() => {
  const index = window.elasticlunr?.Index.prototype
  if (!index) return
  const byWords = index.search
  const around = 60
  index.search = function (query, config) {
    if (!/[\u3400-\u9fff]/.test(query)) return byWords.call(this, query, config)
    const parts = query.trim().split(/\s+/)
    const found = []
    for (const [ref, doc] of Object.entries(this.documentStore.docs)) {
      const title = `${doc.title} ${doc.breadcrumbs}`
      if (!parts.every(part => title.includes(part) || doc.body.includes(part))) continue
      const at = Math.max(0, doc.body.indexOf(parts[0]) - around / 3)
      const score = parts.filter(part => doc.title.includes(part)).length * 10 + doc.body.split(parts[0]).length
      found.push({ ref, score, doc: { ...doc, body: doc.body.slice(at, at + around) } })
    }
    return found.sort((a, b) => b.score - a.score)
  }
})()
