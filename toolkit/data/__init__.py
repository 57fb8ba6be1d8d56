"""data-build: `reading` sources (`pages` by format), `cleaning` rows, `selection`, `teacher`, `publishing`; `stages` joins them."""
