import '@/shared/styles/tokens.css'
import '@/shared/styles/base.css'
import './citizen.css'
import { createApp } from 'vue'
import { followLocale } from '@/shared/i18n/locale'
import { followTheme } from '@/shared/theme'
import App from './App.vue'

followTheme()
followLocale()
createApp(App).mount('#app')
