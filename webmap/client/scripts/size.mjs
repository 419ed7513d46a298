// The size budget of each page: JS and CSS that the page loads at start, gzip level 9.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const root = new URL('../../static/', import.meta.url)
const budgetsKb = { 'officer.html': 400, 'field.html': 180, 'report.html': 350, 'citizen.html': 60 }
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', root), 'utf8'))

function reach(key, found) {
  const chunk = manifest[key]
  if (found.has(chunk.file)) return found
  found.add(chunk.file)
  for (const css of chunk.css ?? []) found.add(css)
  for (const next of [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? [])]) reach(next, found)
  return found
}

let isOver = false
for (const [page, budget] of Object.entries(budgetsKb)) {
  let bytes = 0
  for (const file of reach(page, new Set())) {
    if (/\.(js|css)$/.test(file)) bytes += gzipSync(readFileSync(new URL(file, root)), { level: 9 }).length
  }
  const kb = bytes / 1024
  isOver ||= kb > budget
  console.log(`${page.padEnd(14)} ${kb.toFixed(1).padStart(6)} KB gz of ${budget} ${kb > budget ? 'OVER' : 'ok'}`)
}
if (isOver) process.exit(1)
