import '@/shared/styles/tokens.css'
import '@/shared/styles/base.css'
import './report.css'
import { createApp } from 'vue'
import { followLocale } from '@/shared/i18n/locale'
import { followTheme } from '@/shared/theme'
import App from './App.vue'

followTheme()
followLocale()
createApp(App).mount('#app')
