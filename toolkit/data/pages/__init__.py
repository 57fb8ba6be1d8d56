"""Pages of each format as titled sections with their step lists: HTML, Markdown, Mallard, DocBook, PDF, text."""
