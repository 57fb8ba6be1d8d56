"""Finding personal data: rules with checksums for identifiers, a small CRF for names and addresses."""
