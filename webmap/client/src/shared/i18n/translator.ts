import { locale, type Locale } from './locale'

type Values = Record<string, string | number>

/** A dictionary whose two languages hold the same keys: a missing one does not compile. */
export interface Dictionary<K extends string> {
  zh: Record<K, string>
  en: Record<K, string>
}

export function dictionary<K extends string>(zh: Record<K, string>, en: Record<NoInfer<K>, string>): Dictionary<K> {
  return { zh, en }
}

export function fill(text: string, values: Values = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}

/** `t(key, values)` over one or two dictionaries; reads the language reactively. */
export function translator<A extends string, B extends string = never>(first: Dictionary<A>, second?: Dictionary<B>) {
  const texts: Record<Locale, Record<string, string>> = {
    zh: { ...first.zh, ...second?.zh },
    en: { ...first.en, ...second?.en },
  }
  return (key: A | B, values?: Values): string => fill(texts[locale.value][key] ?? key, values)
}
