import { select } from '@/officer/state/drawer'
import { goToPage } from '@/officer/state/permalink'

/** From a list of the desk to the patch on the map. */
export function openPatch(row: { patch_id: string; number: string }): void {
  goToPage('map')
  select(row)
}
