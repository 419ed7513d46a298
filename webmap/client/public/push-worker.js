// Says that there is something to read. What it is stands on the platform, not in the push.
self.addEventListener('push', (event) => {
  event.waitUntil(
    self.registration.showNotification('守土 Landwarden', { body: '有新的通知，请登录查看。', tag: 'landwarden', icon: '/favicon.svg' }),
  )
})
self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(
    self.clients.matchAll({ type: 'window' }).then((open) => (open[0] ? open[0].focus() : self.clients.openWindow('/'))),
  )
})
