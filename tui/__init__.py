"""The screens of steptune: Textual over run folders. Imports core, runs and review; never a stage or an ML library."""
