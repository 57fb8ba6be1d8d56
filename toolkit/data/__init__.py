"""data-build, in rooms from low to high; none imports from one above it.

`words` (word lists, titles as questions), `pages` (documents by format), `reading` (sources as rows) and `pii`
(personal data in a text), `cleaning` (each row by itself), `selection` (all rows together), `teacher` (rows that a
model writes), `publishing` (the data set's folder). `rows` and `row_files` are what travels between them, `stages` the
chain that a recipe runs.
"""
