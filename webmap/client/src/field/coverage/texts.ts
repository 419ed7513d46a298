import { common } from '@/shared/i18n/common'
import { dictionary, translator } from '@/shared/i18n/translator'

const texts = dictionary(
  {
    'title': '本周覆盖',
    'share': '本期已覆盖 {share}',
    'sums': '责任网格耕地 {all} 亩，已走到 {near} 亩。',
    'none': '责任网格内没有耕地。',
    'kept': '离线：{time} 的覆盖情况。',
    'as_of': '截至 {time}。',
    'left': '另有 {n} 个网格未计。',
    'show': '查看未覆盖地块',
    'hide': '收起地图',
    'map': '未覆盖的耕地',
    'legend': '红框内为本期尚未走到的耕地',
    'all': '本期责任网格的耕地都已走到。',
    'offline': '离线：有网后显示覆盖情况。',
  },
  {
    'title': 'Covered this week',
    'share': '{share} covered in this period',
    'sums': '{all} mu of cropland in your cells, {near} mu walked.',
    'none': 'No cropland in your cells.',
    'kept': 'Offline: as of {time}.',
    'as_of': 'As of {time}. ',
    'left': '{n} more cells are not counted.',
    'show': 'Show what is left',
    'hide': 'Hide the map',
    'map': 'Cropland not covered',
    'legend': 'Red: cropland not walked in this period',
    'all': 'All cropland of your cells was walked in this period.',
    'offline': 'Offline: shown when there is a network.',
  },
)

export const t = translator(texts, common)
