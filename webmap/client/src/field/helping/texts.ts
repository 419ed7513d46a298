import { dictionary, translator } from '@/shared/i18n/translator'

const helping = dictionary(
  {
    'title': '协办图斑',
    'hint': '图斑有一部分在您的网格内，由他人主办。您可以拍照补充证据。',
    'share': '您的网格内占 {share}',
    'lead': '主办：{name}',
    'shoot': '拍照补证',
    'kept': '照片已存入手机，联网后自动上传',
    'failed': '照片没有存下来（{reason}）。请检查手机存储空间后重拍。',
    'photos': '已拍 {n} 张，待上传 {left} 张',
  },
  {
    'title': 'Shared patches',
    'hint': 'Partly in your cell; somebody else leads. You may add photos to the evidence.',
    'share': '{share} lies in your cell',
    'lead': 'Led by {name}',
    'shoot': 'Add a photo',
    'kept': 'The photo is on this phone and goes out by itself',
    'failed': 'The photo was not kept ({reason}). Check the space on this phone and take it again.',
    'photos': '{n} taken, {left} to be sent',
  },
)

export const t = translator(helping)
