/** Live events into what is on the screen: in place, without moving the view or the table. */
import { ref, shallowRef } from 'vue'
import { api } from '@/shared/api/client'
import { openLive, type Live } from '@/shared/api/live'
import { detail, isOwnWrite, loadDetail } from './drawer'
import { loadFirst, rows, scheduleCounts, staleCount, updateRow } from './list'
import { announce } from './notices'
import { filter, selectedId } from './view'
import { t as common } from '@/shared/i18n/common'
import { t } from '@/officer/i18n'
import type { LivePatch } from '@/shared/api/types'

export const live = shallowRef<Live | null>(null)
/** The last patch that someone else changed: the map and the table pulse it. */
export const pulse = ref<{ patchId: string; seq: number } | null>(null)

function onPatch(event: LivePatch): void {
  if (isOwnWrite(event.patch_id, event.version)) return
  const row = rows.value.find((each) => each.patch_id === event.patch_id)
  if (row && row.version >= event.version) return
  const isShown = updateRow({
    patch_id: event.patch_id, state: event.state, state_name: common(`state.${event.state}`), version: event.version,
    updated_at: event.at,
  })
  const fits = filter.states.length === 0 || filter.states.includes(event.state)
  if (!isShown || !fits) staleCount.value += 1
  pulse.value = { patchId: event.patch_id, seq: event.seq }
  scheduleCounts(800)
  announce(t('live.spoken', { name: event.actor_name, number: event.number, action: event.action_name }))
  if (selectedId.value === event.patch_id && (detail.value?.version ?? 0) < event.version) {
    void loadDetail(event.patch_id, true)
  }
}

function onGap(): void {
  void loadFirst()
  scheduleCounts()
  if (selectedId.value) void loadDetail(selectedId.value, true)
}

export function startLive(): void {
  stopLive()
  live.value = openLive({ onPatch, onGap, onLost: () => void api.checkSession().catch(() => undefined) })
}

export function stopLive(): void {
  live.value?.stop()
  live.value = null
}
