document.title = document.title
