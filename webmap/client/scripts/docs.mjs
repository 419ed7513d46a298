// Copies the API browser's files beside the page in public/docs: no outside request at run time.
import { copyFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const source = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
const target = fileURLToPath(new URL('../../static/docs/', import.meta.url))
mkdirSync(target, { recursive: true })
for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png', 'LICENSE', 'NOTICE']) {
  copyFileSync(join(source, name), join(target, name))
}

// The map of an evidence bundle is drawn by Leaflet, put into the page whole: it must draw with no network.
const leaflet = dirname(createRequire(import.meta.url).resolve('leaflet/package.json'))
const shelf = fileURLToPath(new URL('../../static/leaflet/', import.meta.url))
mkdirSync(shelf, { recursive: true })
for (const name of ['dist/leaflet.js', 'dist/leaflet.css', 'LICENSE']) {
  copyFileSync(join(leaflet, name), join(shelf, name.split('/').pop()))
}
