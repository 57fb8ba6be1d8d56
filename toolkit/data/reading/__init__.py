"""Sources as rows, one at a time: files of records, forum dumps, and documents by their sections."""
