"""evaluate: metrics of several systems against the human references, floors, intervals, paired tests and a report."""
