/** IndexedDB: the outbox, drafts, and a few remembered values. Every write resolves when it is on disk. */
import type { EvidenceMeta, OutboxItem, PatrolItem } from './outbox'
import type { Walk, WalkPoint } from './walk'
import type { Finding, Lonlat } from '@/shared/api/types'

const NAME = 'landwarden-field'
const VERSION = 2

export interface DraftPhoto {
  id: string
  meta: EvidenceMeta
  file: Blob
}

export interface Draft {
  assignment_id: string
  finding: Finding | null
  use_text: string
  party_text: string
  is_stopped: boolean | null
  note: string
  photos: DraftPhoto[]
  saved_at: string
}

/** The finding that is being noted, kept among the drafts under a name of its own. */
export interface FindingDraft {
  assignment_id: '~finding'
  category: string | null
  note: string
  /** Chosen on the map; null: where the phone is. */
  place: Lonlat | null
  photos: DraftPhoto[]
  saved_at: string
}

let opening: Promise<IDBDatabase> | null = null

function open(): Promise<IDBDatabase> {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION)
    request.onupgradeneeded = ({ oldVersion }) => {
      if (oldVersion < 1) {
        request.result.createObjectStore('outbox', { keyPath: 'id' })
        request.result.createObjectStore('drafts', { keyPath: 'assignment_id' })
        request.result.createObjectStore('meta')
      }
      request.result.createObjectStore('walks', { keyPath: 'patrol_id' })
      request.result.createObjectStore('points', { keyPath: ['patrol_id', 'seq'] })
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => {
      opening = null
      reject(request.error ?? new Error('IndexedDB'))
    }
  })
  return opening
}

type StoreName = 'outbox' | 'drafts' | 'meta' | 'walks' | 'points'

/** Runs `work` in one transaction; resolves with its value once everything in it is stored. */
async function write<T>(stores: StoreName[], work: (tx: IDBTransaction) => T): Promise<T> {
  const database = await open()
  return new Promise((resolve, reject) => {
    const tx = database.transaction(stores, 'readwrite', { durability: 'strict' })
    const value = work(tx)
    tx.oncomplete = () => resolve(value)
    tx.onerror = () => reject(tx.error ?? new Error('IndexedDB'))
    tx.onabort = () => reject(tx.error ?? new Error('IndexedDB'))
  })
}

async function read<T>(store: StoreName, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open()
  return new Promise((resolve, reject) => {
    const request = ask(database.transaction(store).objectStore(store))
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('IndexedDB'))
  })
}

export const allItems = (): Promise<OutboxItem[]> => read('outbox', (store) => store.getAll() as IDBRequest<OutboxItem[]>)

export async function putItem(item: OutboxItem): Promise<void> {
  await write(['outbox'], (tx) => tx.objectStore('outbox').put(item))
}

/** Puts a finished visit into the outbox and ends its draft, in one transaction. */
export async function enqueue(items: readonly OutboxItem[], assignmentId: string): Promise<void> {
  await write(['outbox', 'drafts'], (tx) => {
    for (const item of items) tx.objectStore('outbox').put(item)
    tx.objectStore('drafts').delete(assignmentId)
  })
}

export async function removeItems(ids: readonly string[]): Promise<void> {
  await write(['outbox'], (tx) => ids.forEach((id) => tx.objectStore('outbox').delete(id)))
}

export async function putWalk(walk: Walk): Promise<void> {
  await write(['walks'], (tx) => tx.objectStore('walks').put(walk))
}

export async function putPoint(point: WalkPoint): Promise<void> {
  await write(['points'], (tx) => tx.objectStore('points').put(point))
}

/** The outing that an account has not ended on this phone. */
export async function findWalk(accountId: string): Promise<Walk | undefined> {
  const walks = await read('walks', (store) => store.getAll() as IDBRequest<Walk[]>)
  return walks.find((each) => each.account_id === accountId)
}

const pointsOfWalk = (patrolId: string): IDBKeyRange => IDBKeyRange.bound([patrolId, 0], [patrolId, Number.MAX_SAFE_INTEGER])

export const pointsOf = (patrolId: string): Promise<WalkPoint[]> =>
  read('points', (store) => store.getAll(pointsOfWalk(patrolId)) as IDBRequest<WalkPoint[]>)

/** Puts a finished outing into the outbox and ends it here, in one transaction. */
export async function endWalk(item: PatrolItem): Promise<void> {
  await write(['outbox', 'walks', 'points'], (tx) => {
    tx.objectStore('outbox').put(item)
    tx.objectStore('walks').delete(item.id)
    tx.objectStore('points').delete(pointsOfWalk(item.id))
  })
}

export const findDraft = <T extends Draft | FindingDraft>(assignmentId: string): Promise<T | undefined> =>
  read('drafts', (store) => store.get(assignmentId) as IDBRequest<T | undefined>)

export async function putDraft(draft: Draft | FindingDraft): Promise<void> {
  await write(['drafts'], (tx) => tx.objectStore('drafts').put(draft))
}

export const allDraftIds = (): Promise<IDBValidKey[]> => read('drafts', (store) => store.getAllKeys())

export const remembered = <T>(key: string): Promise<T | null | undefined> =>
  read('meta', (store) => store.get(key) as IDBRequest<T | null | undefined>)

/** Remembers plain data; the copy also sheds Vue's proxies, which IndexedDB cannot store. */
export async function keep(key: string, value: unknown): Promise<void> {
  const plain: unknown = value === undefined ? null : JSON.parse(JSON.stringify(value))
  await write(['meta'], (tx) => tx.objectStore('meta').put(plain, key))
}

/** The next number of this device's counter; `count` numbers are taken at once. */
export async function takeCounters(count: number): Promise<number> {
  const database = await open()
  return new Promise((resolve, reject) => {
    const tx = database.transaction(['meta'], 'readwrite', { durability: 'strict' })
    const store = tx.objectStore('meta')
    const request = store.get('counter') as IDBRequest<number | undefined>
    let first = 0
    request.onsuccess = () => {
      first = (request.result ?? 0) + 1
      store.put(first + count - 1, 'counter')
    }
    tx.oncomplete = () => resolve(first)
    tx.onerror = () => reject(tx.error ?? new Error('IndexedDB'))
  })
}
