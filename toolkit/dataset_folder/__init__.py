"""The folder of a data set: the names in it and its documents, for data-build and for readers."""
