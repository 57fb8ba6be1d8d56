"""evaluate: metrics of several systems against the human references, with floors, intervals, paired tests and a report."""
