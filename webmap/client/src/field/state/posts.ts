/** For which posts the inspector may walk today, and whether every way may be recorded; kept for places without a network. */
import { shallowRef } from 'vue'
import { request } from '@/shared/api/http'
import type { PatrolPosts } from '@/shared/api/types'
import { keep, remembered } from './store'

export const patrolPosts = shallowRef<PatrolPosts | null>(null)

interface Kept {
  account: string
  posts: PatrolPosts
}

export async function loadPosts(account: string): Promise<void> {
  const kept = await remembered<Kept>('patrol_posts').catch(() => null)
  patrolPosts.value = kept?.account === account ? kept.posts : null
  try {
    patrolPosts.value = await request<PatrolPosts>('/patrols/posts')
    await keep('patrol_posts', { account, posts: patrolPosts.value } satisfies Kept)
  } catch {
    // What is remembered holds; the server decides when the outing arrives.
  }
}
