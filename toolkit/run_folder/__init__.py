"""The run folder: its names, documents and states; the only thing that a run and its viewers share."""
