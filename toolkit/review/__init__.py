"""Human work: journals of decisions and ratings, and how well several people agree. No machine-learning library."""
