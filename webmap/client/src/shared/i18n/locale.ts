import { ref, watch } from 'vue'

export type Locale = 'zh' | 'en'

const KEY = 'landwarden.locale'

function stored(): Locale {
  try {
    return localStorage.getItem(KEY) === 'en' ? 'en' : 'zh'
  } catch {
    return 'zh'
  }
}

export const locale = ref<Locale>(typeof localStorage === 'undefined' ? 'zh' : stored())

export function followLocale(): void {
  watch(
    locale,
    (value) => {
      document.documentElement.lang = value === 'zh' ? 'zh-CN' : 'en'
      try {
        localStorage.setItem(KEY, value)
      } catch {
        // Private mode: the choice lasts as long as the page.
      }
    },
    { immediate: true },
  )
}
