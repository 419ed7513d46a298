import 'ol/ol.css'
import '@/shared/styles/tokens.css'
import '@/shared/styles/base.css'
import './field.css'
import { createApp } from 'vue'
import { followLocale } from '@/shared/i18n/locale'
import App from './App.vue'

document.documentElement.dataset.theme = 'light'
followLocale()
createApp(App).mount('#app')
