/** What the report pages ask of the server beside bulletins and rankings. */
import { query, request } from '@/shared/api/http'
import type { AlarmList, ErratumForm, ErratumInfo, FindingForm, LotteryInfo, OwnTicket, ReceiptInfo } from '@/shared/api/casework'

export const reportApi = {
  alarms: (period: string) => request<AlarmList>(`/report-alarms${query({ period })}`),
  lottery: (week: string) => request<LotteryInfo>(`/lottery${query({ week })}`),
  ownTickets: () => request<OwnTicket[]>('/lottery/tickets'),
  find: (ticketId: string, body: FindingForm) => request<OwnTicket>(`/lottery/tickets/${ticketId}/finding`, { method: 'POST', body }),
  errata: (bulletinId: string) => request<ErratumInfo[]>(`/bulletins/${bulletinId}/errata`),
  noteErratum: (bulletinId: string, body: ErratumForm) => request<ErratumInfo>(`/bulletins/${bulletinId}/errata`, { method: 'POST', body }),
  receipts: (bulletinId: string) => request<ReceiptInfo[]>(`/bulletins/${bulletinId}/receipts`),
  sign: (bulletinId: string) => request<ReceiptInfo[]>(`/bulletins/${bulletinId}/receipt`, { method: 'POST' }),
}
