import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const backend = process.env.LANDWARDEN_BACKEND ?? 'http://127.0.0.1:8800'

export default defineConfig({
  plugins: [vue()],
  base: '/',
  resolve: { alias: { '@': here('./src') } },
  build: {
    outDir: here('../static'),
    emptyOutDir: true,
    manifest: true,
    // The licences of what the bundles hold go out with them.
    license: { fileName: 'licenses.md' },
    target: 'es2022',
    // A data: URI in CSS would need a wider policy; small files stay files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: { officer: here('./officer.html'), field: here('./field.html'), report: here('./report.html'), citizen: here('./citizen.html') },
    },
  },
  server: { proxy: { '/api': backend } },
})
