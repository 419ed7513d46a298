import type { OverlayRow } from '@/shared/api/types'

/** Land colours by what a row is; several rows of one family get shades in order. */
const FAMILIES: [test: RegExp, colours: string[]][] = [
  [/basic_farmland|永久基本农田/, ['#1E9E57']],
  [/cropland|paddy|^010|耕地|水田|水浇地|旱地/, ['#B6C667', '#A3B84E', '#C9D68B']],
  [/orchard|garden|^020|园/, ['#D9A441', '#E3B965']],
  [/forest|wood|^030|林/, ['#3F7D4E', '#5E9A6B']],
  [/grass|^040|草/, ['#9CB98A']],
  [/water|pond|^11|水|坑塘|沟渠/, ['#5B9BC8', '#7FB3D8']],
  [/road|^10|路/, ['#8C93A0']],
  [/construct|build|village|^0[5-9]|建设|宅基|工业|住宅|采矿/, ['#C2615A', '#D48580']],
]
const REST = ['#CDB58B', '#B9A27B', '#A8A8B3', '#8FA0B2', '#C9A0B4']

export function overlayColour(row: OverlayRow, index: number): string {
  const text = `${row.key} ${row.name}`
  for (const [test, colours] of FAMILIES) {
    if (test.test(row.key) || test.test(text)) return colours[index % colours.length]!
  }
  return REST[index % REST.length]!
}
