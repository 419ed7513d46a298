/** Which report is shown, and its data. */
import { computed, ref, shallowRef, watch } from 'vue'
import { api } from '@/shared/api/client'
import { asProblem } from '@/shared/api/http'
import { periodsBack } from '@/shared/periods'
import { readFacts, seriesOf, type PersonBlock } from './facts'
import type { Bulletin, Config, Definition, Problem, RankingRow } from '@/shared/api/types'

export type Kind = 'weekly_bulletin' | 'monthly_ranking'
/** The workbook of a week comes with its own kind. */
const COMPANIONS: Record<Kind, string[]> = { weekly_bulletin: ['weekly_bulletin', 'weekly_ranking'], monthly_ranking: ['monthly_ranking'] }

const PAGES = ['quality', 'lottery', 'alarms'] as const
export type PageKey = 'bulletins' | (typeof PAGES)[number]

/** Which page: `#/quality`, `#/lottery`, `#/alarms`, or the bulletins. */
const pageOf = (hash: string): PageKey => PAGES.find((each) => hash.startsWith(`#/${each}`)) ?? 'bulletins'
export const page = ref<PageKey>(pageOf(location.hash))
window.addEventListener('hashchange', () => (page.value = pageOf(location.hash)))

export const kind = ref<Kind>('weekly_bulletin')
export const period = ref('')
export const area = ref('')
export const bulletins = shallowRef<Bulletin[]>([])
export const config = shallowRef<Config | null>(null)
export const isLoading = ref(true)
export const problem = ref<Problem | null>(null)

export const areas = computed(() => [...new Set(bulletins.value.map((each) => each.division_code))])
export const series = computed(() => seriesOf(bulletins.value, kind.value, area.value))
export const bulletin = computed(() => series.value.find((each) => each.period === period.value) ?? null)
export const facts = computed(() => (bulletin.value ? readFacts(bulletin.value) : null))
export const before = computed(() => {
  const at = series.value.findIndex((each) => each.period === period.value)
  const found = at > 0 ? series.value[at - 1] : undefined
  return found ? readFacts(found) : null
})
export const files = computed(() =>
  bulletins.value
    .filter((each) => COMPANIONS[kind.value].includes(each.kind) && each.period === period.value && each.division_code === area.value)
    .flatMap((each) => each.files),
)
/** All periods that can be asked for, newest first. */
export const periods = computed(() => {
  const known = kind.value === 'weekly_bulletin' ? (config.value?.periods.weeks ?? []) : (config.value?.periods.months ?? [])
  return [...new Set([...known, ...series.value.map((each) => each.period)])].sort().reverse()
})

/** Half a year of weeks and a year of months up to the running ones, newest first. */
export const weeks = computed(() => periodsBack([...(config.value?.periods.weeks ?? [])].sort().at(-1) ?? '', 26))
export const months = computed(() => periodsBack([...(config.value?.periods.months ?? [])].sort().at(-1) ?? '', 12))

const TIERS = [3, 4] as const
/** A city has ten thousand lines: so many are asked for at a time. */
const LINES = 200

/** Where no bulletin was drafted: the rankings as they stand. */
export const liveUnits = shallowRef<RankingRow[]>([])
export const livePersons = shallowRef<PersonBlock[]>([])
export const liveDefinitions = shallowRef<Definition[]>([])

async function loadLive(): Promise<void> {
  liveUnits.value = []
  livePersons.value = []
  const asked = period.value
  if (!asked || bulletin.value) return
  try {
    const [units, ...tiers] = await Promise.all([
      api.ranking({ period: asked, of: 'township' }), ...TIERS.map((tier) => api.ranking({ period: asked, of: 'post', tier, limit: LINES })),
    ])
    if (period.value !== asked) return
    liveUnits.value = units.rows
    liveDefinitions.value = units.definitions
    livePersons.value = tiers
      .map((tier, i) => ({ key: `tier${TIERS[i]!}`, zh: i === 0 ? '乡级' : '村级', rows: tier.rows, total: tier.total }))
      .filter((block) => block.rows.length > 0)
  } catch (error) {
    problem.value = asProblem(error)
  }
}

/** The next lines of a live ranking of persons: ranks are the server's, over all of them. */
export async function loadMore(key: string): Promise<void> {
  const [asked, block] = [period.value, livePersons.value.find((each) => each.key === key)]
  if (!block || block.rows.length >= (block.total ?? 0)) return
  try {
    const next = await api.ranking({ period: asked, of: 'post', tier: Number(key.slice(4)), offset: block.rows.length, limit: LINES })
    if (period.value !== asked) return
    livePersons.value = livePersons.value.map((each) => (each === block ? { ...each, rows: [...each.rows, ...next.rows], total: next.total } : each))
  } catch (error) {
    problem.value = asProblem(error)
  }
}

export async function load(): Promise<void> {
  isLoading.value = true
  problem.value = null
  try {
    const [loaded, loadedConfig] = await Promise.all([api.bulletins(), api.config()])
    bulletins.value = loaded
    config.value = loadedConfig
    if (!areas.value.includes(area.value)) area.value = areas.value[0] ?? ''
    if (!period.value) choosePeriod()
    await loadLive()
  } catch (error) {
    problem.value = asProblem(error)
  }
  isLoading.value = false
}

function choosePeriod(): void {
  period.value = series.value.at(-1)?.period ?? periods.value[0] ?? ''
}

export function followChoices(): void {
  watch(kind, choosePeriod)
  watch([period, kind, area], () => void loadLive())
}

export async function review(note: string): Promise<void> {
  if (bulletin.value) keep(await api.reviewBulletin(bulletin.value.bulletin_id, note))
}

export async function issue(): Promise<void> {
  if (bulletin.value) keep(await api.issueBulletin(bulletin.value.bulletin_id))
}

function keep(one: Bulletin): void {
  bulletins.value = bulletins.value.map((each) => (each.bulletin_id === one.bulletin_id ? one : each))
}
