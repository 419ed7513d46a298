import { common } from '@/shared/i18n/common'
import { dictionary, translator } from '@/shared/i18n/translator'

const alarms = dictionary(
  {
    'alarms.title': '苗头提示',
    'alarms.lead': '下列情况提示数据可能不实，只供上级核实，不作为处理依据，不影响得分和名次，也不自动通知本人。请逐项打开核实后再作判断。',
    'alarms.none': '本期没有苗头提示',
    'alarms.none_text': '没有提示不等于没有问题。',
    'alarms.count': '{n} 条',
    'alarms.items': '查看明细（{n}）',
    'alarms.unchecked': '未作比对',
    'alarms.unchecked_where': '涉及：{codes}',
    'alarms.patrols': '有效巡查',
    'alarms.patches': '图斑',
    'alarms.patches_hint': '点编号在地图上打开图斑。',
    'alarms.period': '时段',
    'alarms.weeks': '按周',
    'alarms.months': '按月',
    'key.bulk_closing': '期末集中销号',
    'key.same_photo': '一图多用',
    'key.closed_unvisited': '未到场即销号',
    'key.near_road': '只在路边巡查',
  },
  {
    'alarms.title': 'Signs to look at',
    'alarms.lead': 'What follows may mean that numbers were made rather than earned. It is for superiors to look at: nothing follows from it by itself, no score changes, nobody is told. Open each before you judge.',
    'alarms.none': 'No sign in this period',
    'alarms.none_text': 'No sign does not mean that all is well.',
    'alarms.count': '{n}',
    'alarms.items': 'Items ({n})',
    'alarms.unchecked': 'Not looked for',
    'alarms.unchecked_where': 'in {codes}',
    'alarms.patrols': 'Valid outings',
    'alarms.patches': 'Patches',
    'alarms.patches_hint': 'A number opens the patch on the map.',
    'alarms.period': 'Period',
    'alarms.weeks': 'Weeks',
    'alarms.months': 'Months',
    'key.bulk_closing': 'Closed in a bulk at the end',
    'key.same_photo': 'One photo for several cases',
    'key.closed_unvisited': 'Closed without a visit',
    'key.near_road': 'Walked along roads only',
  },
)

export const KEYS = ['near_road', 'bulk_closing', 'same_photo', 'closed_unvisited'] as const
export const t = translator(alarms, common)
