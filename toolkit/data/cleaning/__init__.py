"""What is done to each row by itself: normalise, repair typing errors, anonymise, check the rules."""
