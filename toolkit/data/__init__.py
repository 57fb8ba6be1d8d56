"""data-build: `reading` sources (`pages` by format), `cleaning`, `selection`, `teacher`, `publishing`; `stages`."""
